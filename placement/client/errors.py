"""From the status of a failed call back to the error that the server raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from placement.errors import (
    Conflict,
    Contended,
    DeadlineExceeded,
    InputError,
    MoorageError,
    NotFound,
    Overloaded,
    StaleVersion,
    Unreachable,
)
from placement.service.status import DOMAIN
from placement.store import AlreadyRunning, NoFabric

if TYPE_CHECKING:
    import grpc

__all__ = ["ServerError", "error_of", "retry_after_s", "unreachable"]

_DETAILS = "grpc-status-details-bin"


class ServerError(MoorageError):
    """The server failed in a way that has no class of its own: `code` is the gRPC status name."""

    def __init__(self, code: str, message: str) -> None:
        """Keep code and message apart."""
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        """One line."""
        return f"{self.code}: {self.message}"


def error_of(call: grpc.RpcError) -> MoorageError:
    """The error behind a failed call; ServerError where the server did not say."""
    failed: Any = call  # every RpcError of a finished call is a Call, which the types do not say
    code, message = failed.code().name, failed.details() or ""
    found = _details(failed)
    info = found.get("ErrorInfo")
    facts = {} if info is None or info.domain != DOMAIN else dict(info.metadata)
    match info.reason if info is not None and info.domain == DOMAIN else code:
        case "BAD_FIELD":
            violation = found["BadRequest"].field_violations[0]
            problem, _, mend = violation.description.rpartition("; ")
            return InputError(violation.field, problem, mend)
        case "NO_FABRIC":
            return NoFabric()
        case "ALREADY_RUNNING":
            return AlreadyRunning(facts["workload"])
        case "STALE_VERSION":
            return StaleVersion(facts["expected"], facts["actual"])
        case "NOT_FOUND" if facts:
            return NotFound(facts["kind"], facts["name"])
        case "CONTENDED":
            return Contended()
        case "OVERLOADED":
            return Overloaded(int(facts["limit"]))
        case "REQUEST_ID_REUSED":
            return Conflict(message)
        case "DEADLINE_EXCEEDED":
            return DeadlineExceeded(message)
        case "DRAINING" | "UNAVAILABLE" | "CANCELLED":
            return Unreachable(message)
        case _:
            return ServerError(code, message)


def retry_after_s(call: grpc.RpcError) -> float | None:
    """After how many seconds the server would have the call again; None if it would not."""
    failed: Any = call
    info = _details(failed).get("RetryInfo")
    if info is not None:
        return float(info.retry_delay.ToMilliseconds()) / 1000
    # A caller that gives up sees no status. CANCELLED comes from gRPC, for calls that a closing server never read
    # (grpc/grpc issue 41785).
    return 0.2 if failed.code().name in {"UNAVAILABLE", "CANCELLED"} else None


def unreachable(target: str) -> Unreachable:
    """The error where nobody answers at an address."""
    return Unreachable(f"no server answers at {target}; start it there, or give the address where it runs")


def _details(failed: Any) -> dict[str, Any]:
    """The details of a status by type name; none where there are none, or where they are damaged."""
    packed = dict(failed.trailing_metadata() or ()).get(_DETAILS)
    found: dict[str, Any] = {}
    if packed is None:
        return found
    try:
        for part in status_pb2.Status.FromString(packed).details:
            kind = getattr(error_details_pb2, part.TypeName().removeprefix("google.rpc."), None)
            if kind is not None:
                found[kind.DESCRIPTOR.name] = kind.FromString(part.value)
    except DecodeError:
        return {}
    return found
