"""How large a document or a request may be; above it, it is refused whole before anything is decided.

The defaults take 20,000 nodes and 10,000 workloads with room to spare. They are there to keep one call from taking
the machine, not to promise that every case below them is decided in time: the time to prepare a case grows with its
replicas. With one second to decide, answers came in time up to about 8,000 replicas (README, "Limits").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from placement.errors import InputError
from placement.model import Case, Running, Workload
from placement.model.document import MAX_BYTES, input_error
from placement.model.fields import Document
from topology.model import Fleet

__all__ = ["PREFIX", "InputLimits", "option"]

PREFIX = "MOORAGE_MAX_"
"""Environment variables are this and the name of a field in capitals, such as `MOORAGE_MAX_NODES`."""


def option(name: str) -> str:
    """The option of `moorage serve` for a field of InputLimits, such as `--max-nodes`."""
    return f"--max-{name.replace('_', '-')}"


class InputLimits(Document):
    """The most that one document or request may hold."""

    nodes: Annotated[int, Field(ge=1, le=131_072)] = 32_768
    """Nodes of a fleet."""
    workloads: Annotated[int, Field(ge=1, le=200_000)] = 20_000
    """Pending workloads."""
    running: Annotated[int, Field(ge=1, le=500_000)] = 100_000
    """Running workloads."""
    replicas_per_role: Annotated[int, Field(ge=1, le=65_536)] = 8_192
    """Replicas of one role of pending work."""
    replicas: Annotated[int, Field(ge=1, le=10_000_000)] = 250_000
    """Replicas of all pending work together."""
    message_bytes: Annotated[int, Field(ge=1024, le=MAX_BYTES)] = MAX_BYTES
    """Bytes of a document, unpacked, or of a message."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **options: int | None) -> InputLimits:
        """The defaults, but for what the environment sets, but for what the options set (None: not given).

        InputError names the variable, or the option of `moorage serve`, that is no such number.
        """
        found: dict[str, int] = {}
        for name in cls.model_fields:
            variable = PREFIX + name.upper()
            text = environ.get(variable, "").strip()
            if not text:
                continue
            try:
                found[name] = int(text)
            except ValueError:
                raise InputError(variable, f"{text[:40]!r} is no whole number", "write digits only") from None
        given = {name: value for name, value in options.items() if value is not None}
        return cls.of(found | given, lambda name: option(name) if name in given else PREFIX + name.upper())

    @classmethod
    def of(cls, found: Mapping[str, int], named: Callable[[str], str] = str) -> InputLimits:
        """The limits with these fields set; `named` gives the name of a field for an InputError."""
        try:
            return cls.model_validate(dict(found))
        except ValidationError as error:
            told = input_error(error, "limits")
            raise InputError(named(told.field), told.problem, told.mend) from None

    def check_fleet(self, fleet: Fleet, field: str = "fleet") -> None:
        """InputError if the fleet is too large; `field` is where it stands."""
        self._most("nodes", len(fleet.nodes), f"{field}.nodes", "nodes")

    def check_work(self, workloads: Iterable[Workload], running: Iterable[Running]) -> None:
        """InputError if there is too much pending or running work, or a role or all roles have too many replicas."""
        pending = tuple(workloads)
        self._most("workloads", len(pending), "workloads", "pending workloads")
        self._most("running", len(tuple(running)), "running", "running workloads")
        total = 0
        for row, workload in enumerate(pending):
            for at, subgroup in enumerate(workload.subgroups):
                for place, role in enumerate(subgroup.roles):
                    field = f"workloads[{row}].subgroups[{at}].roles[{place}].replicas"
                    self._most("replicas_per_role", role.replicas, field, f"replicas of role {role.name!r}")
                    total += role.replicas
        self._most("replicas", total, "workloads", "replicas of all pending work")

    def check_case(self, case: Case) -> None:
        """InputError if any part of the case is too large."""
        self.check_fleet(case.fleet)
        self.check_work(case.workloads, case.running)

    def check_bytes(self, size: int, field: str) -> None:
        """InputError if a document or message of `size` bytes is too large."""
        self._most("message_bytes", size, field, "bytes")

    def _most(self, name: str, amount: int, field: str, what: str) -> None:
        limit: int = getattr(self, name)
        if amount > limit:
            raise InputError(
                field,
                f"{amount:,} {what} are more than the limit of {limit:,}",
                f"send fewer, or raise {PREFIX}{name.upper()} (of a server: {option(name)})",
            )
