"""The desk: questions about one workload, each a small problem of its own, within a box of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from placement.admission import screen
from placement.compile import Lowered, lower
from placement.model import Case, RuleSpec
from placement.snapshot import Snapshot
from solver.alone import solo, with_leaders, without_rule
from solver.conflict import Answer, ask
from solver.neighbourhood import part_of
from solver.plan import Plan
from solver.problem import Problem
from solver.workers import Workers
from topology.fabric import Fabric

__all__ = ["Desk", "Question"]

_QUESTION_S = 0.5


@dataclass
class Question:
    """One workload in one case whose running work could all be gone.

    `running` are the ids of the running workloads that can be thought away one by one; the rest is there for good.
    """

    lowered: Lowered
    item: int
    running: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    """Running work that is there for good: it cannot be told apart from the fleet (groups, affinity, MIG, ...)."""
    _items: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the running work."""
        self._items = {name: self.lowered.context.item_of[name] for name in self.running}

    @classmethod
    def of(cls, case: Case, fabric: Fabric, workload: str, *, empty: bool = False) -> Question:
        """The question for a workload (with its placement group) of a canonical case."""
        # All that is admissible: what the workload must be near to may be pending as well.
        members = {w.id for w in case.workloads} - screen(case, fabric).keys()
        loose = tuple(one.model_copy(update={"evictable": True, "movable": False}) for one in case.running)
        rules = tuple(_at_any_age(spec) for spec in case.policy.rules)
        opened = case.model_copy(update={"running": loose, "policy": case.policy.model_copy(update={"rules": rules})})
        lowered = lower(opened, fabric, only=members, empty_fleet=empty, growth=False, raised=False)
        running = tuple(lowered.refs[item].key for item in sorted(lowered.problem.homes))
        there = tuple(one.workload.id for one in lowered.case.running)
        return cls(lowered, lowered.context.item_of[workload], running, there)

    def beside(self, kept: Iterable[str], dropped: Iterable[str] = ()) -> Problem:
        """The workload beside the running work `kept`, without the rules `dropped`."""
        whole = self.lowered.problem
        homes = {self._items[name]: whole.homes[self._items[name]] for name in kept}
        free = with_leaders(whole, self.item)
        part = part_of(whole, Plan(homes), free, np.ones(whole.bins.count, np.bool_))
        problem = solo(part.problem, part.items.index(self.item))
        for rule in dropped:
            problem = without_rule(problem, rule)
        return problem


def _at_any_age(spec: RuleSpec) -> RuleSpec:
    """What has run for a short time only is thought away like all else."""
    if spec.name != "preemption":
        return spec
    return spec.model_copy(update={"params": spec.params | {"min_runtime_s": 0}})


@dataclass
class Desk:
    """Asks until the time is up. `left` gives the seconds left."""

    snapshot: Snapshot
    workers: Workers | None
    left: Callable[[], float]
    _known: dict[str, Lowered] = field(default_factory=dict)
    """Workload -> the case itself, lowered for it."""

    def ask(self, problem: Problem) -> Answer:
        """A witness, a proof, or neither."""
        left = self.left()
        if left <= 0.01:
            return Answer()
        return ask(problem, self.workers, min(_QUESTION_S, left))

    def fabric(self, case: Case) -> Fabric:
        """That of a variant of the case; compiled anew only if the fleet differs."""
        same = case.fleet is self.snapshot.case.fleet
        return self.snapshot.fabric if same else Fabric.from_fleet(case.fleet)

    def admits(self, case: Case, workload: str) -> bool:
        """Whether a variant of the case still knows all that the workload names: running work that it is tied to."""
        one = next(w for w in case.workloads if w.id == workload)
        bound = bool(one.affinity or one.anti_affinity) or one.group is not None
        return not bound or workload not in screen(case, self.fabric(case))

    def lowered(self, case: Case, workload: str) -> Lowered:
        """A variant of the case with only this workload waiting, and what it must be near to or comes with."""
        if case is self.snapshot.case and workload in self._known:
            return self._known[workload]
        one = next(w for w in case.workloads if w.id == workload)
        fabric = self.fabric(case)
        bound = bool(one.affinity) or one.group is not None
        members = {w.id for w in case.workloads} - screen(case, fabric).keys() if bound else {workload}
        known = self.snapshot.case
        usage = self.snapshot.usage if case.running is known.running and case.fleet is known.fleet else None
        found = lower(case, fabric, only=members, usage=usage, growth=False)
        if case is known:
            self._known[workload] = found
        return found

    def question(self, case: Case, workload: str, *, empty: bool = False) -> Question:
        """A question on a variant of the case."""
        return Question.of(case, self.fabric(case), workload, empty=empty)
