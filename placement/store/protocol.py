"""The protocol of a store, and the state it holds. tests/placement/store/test_contract.py is what it must pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from placement.compile import count_usage
from placement.errors import MoorageError
from placement.model import Running
from placement.model.case import field_json
from placement.rules.context import Usage
from topology.fabric import Fabric

__all__ = ["AlreadyRunning", "NoFabric", "State", "Store"]


class NoFabric(MoorageError):
    """The server was asked about a fabric before it was given one."""

    status = "FAILED_PRECONDITION"

    def __str__(self) -> str:
        """One line with the mend."""
        return "the server holds no fabric yet; send one with PutFabric (`moorage server put`)"


class AlreadyRunning(MoorageError):
    """A workload was to be added whose id runs already: `workload`."""

    status = "FAILED_PRECONDITION"

    def __init__(self, workload: str) -> None:
        """Keep the id for structured details."""
        super().__init__(workload)
        self.workload = workload

    def __str__(self) -> str:
        """One line with the mend."""
        return f"workload {self.workload!r} runs already; release it first or use another id"


@dataclass(frozen=True, eq=False)
class State:
    """One version of everything: it never changes, a commit makes a new one.

    `version` is opaque, differs from that of every other state of the store, and changes with the fabric and with the
    running work; `running` is by workload id, read-only, each in canonical order.
    """

    version: str
    fabric: Fabric
    running: Mapping[str, Running]

    @cached_property
    def in_order(self) -> tuple[Running, ...]:
        """The running work sorted by workload id: in canonical order as a whole."""
        return tuple(self.running[name] for name in sorted(self.running))

    @cached_property
    def json(self) -> Mapping[str, bytes]:
        """Fleet and running work as a case has them in its JSON, of which its hash is made."""
        return {"fleet": self.fabric.fleet_json, "running": field_json("running", self.in_order)}

    @cached_property
    def usage(self) -> Usage:
        """What the running work takes and leaves, counted once for all decisions on this state."""
        return count_usage(self.in_order, self.fabric)


class Store(Protocol):
    """Holds one state. Every method is atomic and may be called from any thread."""

    def read(self) -> State:
        """The present state. NoFabric before the first `put`."""

    def put(self, fabric: Fabric, running: Collection[Running], expected_fabric: str | None = None) -> State:
        """Replace everything; only a fabric of version `expected_fabric`, if given (else StaleVersion)."""

    def commit(
        self,
        expected: str,
        *,
        fabric: Fabric | None = None,
        add: Collection[Running] = (),
        remove: Collection[str] = (),
    ) -> State:
        """Change the state of version `expected`: another fabric, work that ended, then work that began.

        StaleVersion if the state is no longer that one; NotFound for work to remove that does not run; AlreadyRunning
        for work to add that runs. Then nothing changed.
        """
