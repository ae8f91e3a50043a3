"""The gRPC service: wire format at the border, a thin servicer, the server around it."""
