"""What methods on cases do first: prepare the case untimed, and lower what admission lets through."""

from __future__ import annotations

from bench.method import CaseMethod
from placement.admission import screen
from placement.compile import Lowered, lower
from placement.model import Case
from placement.snapshot import Snapshot

__all__ = ["Prepared", "lowered"]


class Prepared(CaseMethod):
    """A method that starts from a compiled fleet and counted running work."""

    _ready: Snapshot | None = None

    def prepare(self, subject: Case) -> None:
        """Compile the fleet and count the running work."""
        self.snapshot(subject)

    def snapshot(self, subject: Case) -> Snapshot:
        """The prepared case; prepared now if it was not."""
        if self._ready is None or self._ready.case is not subject:
            self._ready = Snapshot.of(subject)
        return self._ready


def lowered(snapshot: Snapshot) -> Lowered:
    """The case with all workloads that can be meant."""
    rejected = screen(snapshot.case, snapshot.fabric)
    admitted = frozenset(workload.id for workload in snapshot.case.workloads) - rejected.keys()
    return lower(snapshot.case, snapshot.fabric, only=admitted, usage=snapshot.usage)
