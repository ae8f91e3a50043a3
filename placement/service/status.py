"""Errors to google.rpc.Status, in one function: code, message, and details that a program can read."""

from __future__ import annotations

import logging
import uuid

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from placement.errors import (
    Conflict,
    Contended,
    InputError,
    MoorageError,
    NotFound,
    Overloaded,
    StaleVersion,
    Unreachable,
)
from placement.store import AlreadyRunning, NoFabric
from topology.errors import TopologyError

__all__ = ["DOMAIN", "code_of", "status_of"]

_LOG = logging.getLogger(__name__)
DOMAIN = "moorage"
"""Domain of every ErrorInfo."""
_MAX_BYTES = 700
"""Of the message and of each detail: they travel in HTTP/2 headers, whose usual limit is 8 KiB after escaping."""
_RETRY_MS = 100
"""When a call that lost a race may try again."""
_CROWD_RETRY_MS = 1000
"""When a call that found no room in the line may try again."""


def code_of(error: Exception) -> grpc.StatusCode:
    """The status code of an error."""
    if isinstance(error, MoorageError):
        return grpc.StatusCode[error.status]
    return grpc.StatusCode.INVALID_ARGUMENT if isinstance(error, TopologyError) else grpc.StatusCode.INTERNAL


def status_of(error: Exception) -> status_pb2.Status:
    """Code, message and details of an error; what nobody foresaw is logged whole and sent as a reference."""
    code = code_of(error)
    text = str(error) if isinstance(error, MoorageError | TopologyError) else "an unexpected error"
    if isinstance(error, InputError | TopologyError):
        text = "{}: {}; {}".format(*_parts(error))
    reason, facts, parts = _details(error)
    if code is grpc.StatusCode.INTERNAL:
        reference = uuid.uuid4().hex[:12]
        _LOG.error("internal error %s", reference, exc_info=error)
        text = f"{_short(text)}; the server log has it under {reference}"
        reason, facts = "INTERNAL", {"reference": reference}
    status = status_pb2.Status(code=code.value[0], message=_short(text))
    info = details.ErrorInfo(
        reason=reason, domain=DOMAIN, metadata={key: _short(value) for key, value in facts.items()}
    )
    for part in (info, *parts):
        status.details.add().Pack(part)
    return status


def _details(error: Exception) -> tuple[str, dict[str, str], list[Message]]:
    """Reason and facts of the ErrorInfo, and the details beside it."""
    match error:
        case InputError() | TopologyError():
            field, problem, mend = _parts(error)
            violation = details.BadRequest.FieldViolation(field=field, description=f"{problem}; {mend}")
            return "BAD_FIELD", {"field": field}, [details.BadRequest(field_violations=[violation])]
        case NoFabric():
            return "NO_FABRIC", {}, [_precondition("FABRIC", "fabric", str(error))]
        case AlreadyRunning():
            return (
                "ALREADY_RUNNING",
                {"workload": error.workload},
                [_precondition("NOT_RUNNING", error.workload, str(error))],
            )
        case StaleVersion():
            return "STALE_VERSION", {"expected": error.expected, "actual": error.actual}, []
        case Contended():
            return "CONTENDED", {}, [_retry(_RETRY_MS)]
        case Overloaded():
            violation_ = details.QuotaFailure.Violation(subject="server", description=str(error))
            facts = {"limit": str(error.limit)}
            return "OVERLOADED", facts, [details.QuotaFailure(violations=[violation_]), _retry(_CROWD_RETRY_MS)]
        case Conflict():
            return "REQUEST_ID_REUSED", {}, []
        case NotFound():
            named = details.ResourceInfo(resource_type=error.kind, resource_name=_short(error.name))
            return "NOT_FOUND", {"kind": error.kind, "name": error.name}, [named]
        case Unreachable():
            return "DRAINING", {}, [_retry(_CROWD_RETRY_MS)]
        case MoorageError():
            return error.status, {}, []
        case _:
            return "INTERNAL", {}, []


def _precondition(kind: str, subject: str, description: str) -> details.PreconditionFailure:
    violation = details.PreconditionFailure.Violation(
        type=kind, subject=_short(subject), description=_short(description)
    )
    return details.PreconditionFailure(violations=[violation])


def _retry(after_ms: int) -> details.RetryInfo:
    delay = Duration()
    delay.FromMilliseconds(after_ms)
    return details.RetryInfo(retry_delay=delay)


def _parts(error: InputError | TopologyError) -> tuple[str, str, str]:
    """Field, problem and mend; where they are too long together each is cut, so that all three can be read."""
    field, problem, mend = _plain(error.field), _plain(error.problem), _plain(error.mend)
    most = _MAX_BYTES - len(": ; ")
    if len(f"{field}{problem}{mend}".encode()) > most:
        most //= 3
    return _cut(field, most), _cut(problem, most), _cut(mend, most)


def _short(text: str) -> str:
    """Cut to what a header takes, without control characters: what a caller sent may stand in it."""
    return _cut(_plain(text), _MAX_BYTES)


def _plain(text: str) -> str:
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text.encode(errors="replace").decode()


def _cut(text: str, most: int) -> str:
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode(errors="ignore") + "..."
