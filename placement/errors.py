"""Every error that Moorage raises on purpose, with its exit code and its wire status.

```
MoorageError           exit 1  INTERNAL           the caller could not have prevented it
├── InputError         exit 2  INVALID_ARGUMENT   a document or an argument is malformed: field, problem, mend
├── NotFound           exit 2  NOT_FOUND          a named thing (file, case, reservation, node) does not exist
├── Conflict           exit 1  ALREADY_EXISTS     the same request id came with another body
├── StaleVersion       exit 1  ABORTED            the fleet changed since the version decided on
├── Contended          exit 1  ABORTED            other calls took the room while this one was decided, twice
├── Overloaded         exit 1  RESOURCE_EXHAUSTED more calls wait than may wait
├── DeadlineExceeded   exit 6  DEADLINE_EXCEEDED  no answer within the caller's time
└── Unreachable        exit 5  UNAVAILABLE        the server cannot be reached or is draining
```

`placement.store` adds NoFabric and AlreadyRunning (FAILED_PRECONDITION), `placement.client` ServerError.

Work that cannot be placed is an answer (a verdict in the decision), never one of these.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Conflict",
    "Contended",
    "DeadlineExceeded",
    "InputError",
    "MoorageError",
    "NotFound",
    "Overloaded",
    "StaleVersion",
    "Unreachable",
]


class MoorageError(Exception):
    """Root of the tree; `exit_code` is the process exit code and `status` the gRPC status name."""

    exit_code: ClassVar[int] = 1
    status: ClassVar[str] = "INTERNAL"


class InputError(MoorageError, ValueError):
    """A malformed document or argument: `field` is its path, `mend` what to write."""

    exit_code = 2
    status = "INVALID_ARGUMENT"

    def __init__(self, field: str, problem: str, mend: str) -> None:
        """Keep the three parts apart, so that the service can send them as structured details."""
        super().__init__(field, problem, mend)
        self.field = field
        self.problem = problem
        self.mend = mend

    def __str__(self) -> str:
        """One line: `field: problem; mend`."""
        return f"{self.field}: {self.problem}; {self.mend}"


class NotFound(MoorageError):
    """A named thing does not exist: `kind` says what sort of thing, `name` which one."""

    exit_code = 2
    status = "NOT_FOUND"

    def __init__(self, kind: str, name: str) -> None:
        """Keep kind and name apart for structured details."""
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        """One line: `no <kind> named <name>`."""
        return f"no {self.kind} named {self.name!r}"


class Conflict(MoorageError):
    """The same request id was used before with another body."""

    status = "ALREADY_EXISTS"


class StaleVersion(MoorageError):
    """The fleet moved on: `expected` is the caller's version, `actual` the present one."""

    status = "ABORTED"

    def __init__(self, expected: str, actual: str) -> None:
        """Keep both versions for structured details."""
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        """One line that names both versions and the mend."""
        return f"fleet version is {self.actual}, not {self.expected!r}; read the fleet again and decide once more"


class Contended(MoorageError):
    """The state changed twice while a call was decided, and its placements did not fit the newer state."""

    status = "ABORTED"

    def __str__(self) -> str:
        """One line with the mend."""
        return "other calls took the room while this one was decided, twice; send it again"


class Overloaded(MoorageError):
    """More calls wait than the server lets wait: `limit` of them."""

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, limit: int) -> None:
        """Keep the limit for structured details."""
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        """One line with the mend."""
        return f"{self.limit} calls wait already; send it again later"


class DeadlineExceeded(MoorageError):
    """No answer within the caller's time."""

    exit_code = 6
    status = "DEADLINE_EXCEEDED"


class Unreachable(MoorageError):
    """The server cannot be reached, or it is draining."""

    exit_code = 5
    status = "UNAVAILABLE"
