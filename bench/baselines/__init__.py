"""Methods that others use, written from their descriptions, to be measured against."""
