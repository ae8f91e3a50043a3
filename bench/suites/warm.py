"""Suite `warm`: a small change of a case that was answered before, decided anew and by going on from that answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from bench.instance import CaseInstance, Instance, Judged, Spec
from bench.method import Answer, Method, Placements
from bench.own import Engine
from bench.suite import Grid, MakeMethod, Suite, points
from bench.suites.fleet import weighted_case
from placement.engine import decide
from placement.model import Case, Decision, Placement
from placement.snapshot import Snapshot
from placement.whatif import Change, apply
from solver.workers import ProcessPool, helpers_for
from topology.edits import Drain

__all__ = ["Changed", "Cold", "Warm", "warm"]

_MORE = 3
"""Workloads that come with the change."""


@dataclass(frozen=True)
class Changed:
    """A case, and the answer to what it was before one node was drained and the last workloads came."""

    case: Case
    before: Decision


class Cold(Method[Changed, Placements]):
    """Decide the changed case as if nothing had been before."""

    name = "cold"

    def __init__(self) -> None:
        self._engine = Engine()

    def prepare(self, subject: Changed) -> None:
        """As for any case."""
        self._engine.prepare(subject.case)

    def answer(self, subject: Changed, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """Decide."""
        return self._engine.answer(subject.case, time_limit_s=time_limit_s, seed=seed)

    def close(self) -> None:
        """End the search process."""
        self._engine.close()


class Warm(Cold):
    """Go on from the answer before the change."""

    name = "warm"

    def answer(self, subject: Changed, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """Decide, beginning with the answer before."""
        return self._engine.answer(subject.case, time_limit_s=time_limit_s, seed=seed, warm=subject.before)


def warm(methods: Mapping[str, MakeMethod]) -> Suite:
    """Fleets of the suite `fleet` at 80 % after a change, from an answer of 10 s."""
    return Suite(
        name="warm",
        about="one node drained and three workloads more after an answer of 10 s: decided anew, and going on from it",
        grid={
            "fleet": ("hgx", "nvl72", "mixed"),
            "nodes": (1024, 4096),
            "occupancy": (0.8,),
            "before_s": (10.0,),
            "seed": tuple(range(10)),
        },
        quick={"fleet": ("hgx",), "nodes": (128,), "before_s": (2.0,), "seed": (0, 1)},
        specs=_specs,
        methods=methods,
        limits_s=(0.25, 1.0, 10.0),
        quick_limits_s=(0.25, 2.0),
        tiers=("micro-USD/h and refused work",),
    )


def _specs(_data: Path | None, grid: Grid) -> list[Spec]:
    return [Spec(point, partial(_made, point)) for point in points(grid)]


class _WarmInstance(Instance[Changed, Placements]):
    """Judged as any case; figures say how much of the answer before is as it was."""

    def __init__(self, changed: Changed) -> None:
        self._inner = CaseInstance(changed.case)
        self.subject = Changed(self._inner.subject, changed.before)
        self.content, self.idle, self.size = self._inner.content, self._inner.idle, self._inner.size

    def judge(self, answer: Answer[Placements]) -> Judged:
        """As of every case, and figures: workloads that were placed before, and how many are placed otherwise now."""
        judged = self._inner.judge(answer)
        now = {one.workload: _nodes(one) for one in answer.placements}
        then = {one.workload: _nodes(one) for one in self.subject.before.placements}
        changed = sum(now.get(name) != nodes for name, nodes in then.items())
        figures = {"placed before": len(then), "of these changed": changed}
        return Judged(judged.values, judged.violations, judged.admitted, figures)


def _nodes(placement: Placement) -> Counter[tuple[str, str, str]]:
    return Counter((one.subgroup, one.role, one.node) for one in placement.replicas)


def _made(point: Mapping[str, Any]) -> Instance[Changed, Placements]:
    full = weighted_case(point)
    old = full.model_copy(update={"workloads": full.workloads[:-_MORE]})
    pool = ProcessPool(1, helpers=helpers_for(1))
    try:
        pool.warm_up()
        snapshot = Snapshot.of(old)
        until_s = time.monotonic() + point["before_s"]
        before = decide(snapshot, clock=time.monotonic, workers=pool, deadline=until_s)
    finally:
        pool.close()
    used = sorted({one.node for placement in before.placements for one in placement.replicas})
    drained = Random(f"drained/{point['seed']}").choice(used)
    return _WarmInstance(Changed(apply(full, Change(edits=(Drain(part=drained),))), before))
