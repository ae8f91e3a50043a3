"""What fits and is left out: the work that cannot all be kept beside it, each of it necessary."""

from __future__ import annotations

from placement.compile import lower
from placement.diagnosis.conflict import Conflict, shrunk, work_cause
from placement.diagnosis.desk import Desk
from placement.model import Decision, Verdict
from placement.model.diagnosis import Cause
from solver.permitted import all_together

__all__ = ["find_rivals"]

_MOST = 60
"""With more work than this no conflict is looked for: each question is a search over all of it."""


def find_rivals(desk: Desk, decision: Decision, workload: str) -> Conflict | None:
    """The conflict between a workload and what the decision places or keeps; None if none is known.

    What is kept may be moved as far as that is permitted; all other work that may give way or waits is left out.
    """
    case = desk.snapshot.case
    rejected = {one.workload for one in decision.unplaced if one.verdict is Verdict.REJECTED}
    admitted = {w.id for w in case.workloads} - rejected
    lowered = lower(case, desk.snapshot.fabric, only=admitted, usage=desk.snapshot.usage, growth=False)
    placed = {placement.workload for placement in decision.placements}
    ended = {one.workload for one in decision.evictions}
    items = {name: item for name, item in lowered.context.item_of.items() if name != workload}
    kept = {item: name for name, item in items.items() if name in placed}
    kept |= {item: name for name, item in items.items() if item in lowered.problem.homes and name not in ended}
    mine = lowered.context.item_of[workload]
    kept.pop(mine, None)
    if not kept or len(kept) > _MOST or desk.workers is None:
        return None
    workers = desk.workers

    def holds(some: list[int]) -> bool | None:
        if desk.left() <= 0.01:
            return None
        found = all_together(lowered.problem, (mine, *some), workers, desk.left)
        return True if found is True else None if found is None else False

    if holds(sorted(kept)) is not True:
        return None
    left, minimal = shrunk(sorted(kept), holds)
    running = {one.workload.id: one for one in case.running}
    causes = tuple(
        work_cause(running[name], name, case.now_s) if name in running else Cause(kind="placed", name=name)
        for name in (kept[item] for item in left)
    )
    return Conflict(causes, minimal, "certificate")
