"""Errors to gRPC status codes, in one function."""

from __future__ import annotations

import logging
import uuid

import grpc

from placement.errors import MoorageError
from topology.errors import TopologyError

__all__ = ["NoFabric", "status_of"]

_LOG = logging.getLogger(__name__)
_MAX_DETAILS = 1000
"""Details travel in an HTTP/2 header, whose usual limit is 8 KiB after escaping."""


class NoFabric(MoorageError):
    """The server was asked about a fabric before it was given one."""

    status = "FAILED_PRECONDITION"

    def __str__(self) -> str:
        """One line with the mend."""
        return "the server holds no fabric yet; send one with PutFabric"


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Status code and details of an error; what nobody foresaw is logged whole and sent as a reference."""
    if isinstance(error, MoorageError):
        code, details = grpc.StatusCode[error.status], str(error)
    elif isinstance(error, TopologyError):
        code, details = grpc.StatusCode.INVALID_ARGUMENT, str(error)
    else:
        code, details = grpc.StatusCode.INTERNAL, "an unexpected error"
    if code is grpc.StatusCode.INTERNAL:
        reference = uuid.uuid4().hex[:12]
        _LOG.error("internal error %s", reference, exc_info=error)
        details = f"{details}; the server log has it under {reference}"
    return code, details if len(details) <= _MAX_DETAILS else f"{details[: _MAX_DETAILS - 3]}..."
