"""Instances: a subject for methods, and the judge of their answers."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bench.method import Answer, Placements
from placement.admission import screen
from placement.compile import Lifted, lower, lower_placements, whole
from placement.errors import InputError
from placement.model import Case, Decision
from placement.rating import refusing_tiers
from placement.seating import with_devices
from placement.snapshot import Snapshot
from placement.verify import verify, verify_placements
from solver.check import check, values

__all__ = ["CaseInstance", "Instance", "Judged", "Spec"]

S = TypeVar("S")
A = TypeVar("A")


@dataclass(frozen=True)
class Judged:
    """What an answer is worth: `values` per tier (smaller is better, the first tier first), and what it breaks."""

    values: tuple[int, ...]
    violations: tuple[str, ...]
    admitted: int
    figures: Mapping[str, int] = field(default_factory=dict)
    """What else a suite measures, by name; reports add it up."""


class Instance(ABC, Generic[S, A]):
    """One problem. `judge` measures answers by code that no method shares."""

    subject: S
    content: str = ""
    """Hash of what the instance is, where its name does not say it."""
    size: Mapping[str, int]
    """What the cost of an answer grows with, by name; `asked` is the number of workloads."""
    idle: tuple[int | None, ...]
    """Values of doing nothing; None for a tier that does not count refused work (see `placement.rating`)."""
    known: int | None = None
    """The best value known from elsewhere, in the last tier."""

    @abstractmethod
    def judge(self, answer: Answer[A]) -> Judged:
        """Measure an answer."""


@dataclass(frozen=True)
class Spec:
    """An instance that can be made: `key` names it within its suite, the seed among it; `make` may take seconds."""

    key: Mapping[str, str | int | float]
    make: Callable[[], Instance[Any, Any]]


class CaseInstance(Instance[Case, Placements]):
    """A case. Answers are checked by `placement.verify` and priced twice: by the atoms and by the rules' oracles."""

    def __init__(self, case: Case) -> None:
        self._snapshot = Snapshot.of(case)
        case = self._snapshot.case
        rejected = screen(case, self._snapshot.fabric)
        admitted = frozenset(workload.id for workload in case.workloads) - rejected.keys()
        self._lowered = lower(case, self._snapshot.fabric, only=admitted, usage=self._snapshot.usage)
        refusing = refusing_tiers(self._lowered)
        idle = values(self._lowered.problem, self._lowered.problem.anchor)
        self.subject = case
        self.content = _hash(case)
        self.idle = tuple(value if tier in refusing else None for tier, value in enumerate(idle))
        self.size = {
            "nodes": len(case.fleet.nodes),
            "gpus": sum(node.gpu_count for node in case.fleet.nodes),
            "running": len(case.running),
            "asked": len(case.workloads),
            "replicas": sum(role.replicas for w in case.workloads for sub in w.subgroups for role in sub.roles),
        }

    def judge(self, answer: Answer[Placements]) -> Judged:
        """Violations by the checker; values by the atoms, and a violation more if the rules' oracles differ."""
        told = answer.disturbed or Lifted(answer.placements)
        found = list(verify(self._snapshot, told)) if isinstance(told, Decision) else []
        if told.placements != answer.placements:
            found.append("what is told of running work comes with other placements than the answer")
        try:
            seated = with_devices(self._snapshot, told.placements)
            placements = whole(self._lowered, Lifted.of(seated, told))
            plan = lower_placements(self._lowered, placements)
        except InputError as error:
            return Judged(values(self._lowered.problem, self._lowered.problem.anchor), (*found, str(error)), 0)
        report = check(self._lowered.problem, plan)
        found += [f"{broken.rule}: {broken.detail}" for broken in report.violations]
        if not (told.moves or told.shrinks or told.evictions or told.growths):
            found += verify_placements(self._snapshot, told.placements)
        if not found and (native := self._native(placements)) != report.values:
            found.append(f"the oracles measure {native}, the atoms {report.values}")
        return Judged(report.values, tuple(dict.fromkeys(found)), len(told.placements))

    def _native(self, placements: Placements) -> tuple[int, ...]:
        """Values by the oracles of the rules: placement terms only, without atoms."""
        lowered = self._lowered
        totals = dict.fromkeys(lowered.tiers, 0)
        for active in lowered.rules:
            if active.spec.tier in totals:
                totals[active.spec.tier] += active.points(lowered.case, lowered.fabric, placements)
        return tuple(totals[tier] for tier in lowered.tiers) or (0,)


def _hash(case: Case) -> str:
    """Of all that is not at its default: fields that later versions add change nothing."""
    told = case.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
