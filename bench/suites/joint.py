"""Suite `joint`: quota, topology and preemption decided together, against the sequential way of the trackers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.instance import CaseInstance, Judged, Spec
from bench.method import Answer, Placements
from bench.suite import Grid, MakeMethod, Suite, points
from bench.suites.joint_cases import joint_case
from placement.model import Case, Workload
from placement.rules.refused import RefusedParams, value_of_replica

__all__ = ["JointInstance", "joint"]


def joint(methods: Mapping[str, MakeMethod]) -> Suite:
    """Full fleets of 32 and 72 nodes; 200 cases in full."""
    return Suite(
        name="joint",
        about="contended fleets: racks, quotas, guarantees, disruption budgets and evictable work at once",
        grid={
            "fleet": ("hgx", "nvl72"),
            "nodes": (32, 72),
            "occupancy": (0.85, 0.95),
            "pending": (10,),
            "seed": tuple(range(25)),
        },
        quick={"nodes": (32,), "occupancy": (0.95,), "seed": (0, 1)},
        specs=_specs,
        methods=methods,
        limits_s=(1.5,),
        quick_limits_s=(1.5,),
        tiers=("refused and evicted work", "fairness", "money"),
    )


def _specs(_data: Path | None, grid: Grid) -> list[Spec]:
    return [Spec(point, partial(_made, point)) for point in points(grid)]


def _made(point: Mapping[str, Any]) -> CaseInstance:
    key = (point["fleet"], point["nodes"], point["occupancy"], point["pending"], point["seed"])
    return JointInstance(joint_case(*key))


class JointInstance(CaseInstance):
    """A case whose judge also tells what was placed and what that cost the running work, in points of `refused`."""

    def judge(self, answer: Answer[Placements]) -> Judged:
        """As of every case, and figures: values of placed and of evicted work, and what was disturbed."""
        judged = super().judge(answer)
        told = answer.disturbed
        if judged.violations or told is None:
            return judged
        case: Case = self.subject
        waiting = {w.id: w for w in case.workloads}
        running = {one.workload.id: one.workload for one in case.running}
        gone = [running[one.workload] for one in told.evictions]
        worth = sum(
            _value(waiting[p.workload], Counter((r.subgroup, r.role) for r in p.replicas)) for p in told.placements
        )
        sizes = {one.workload.id: Counter((r.subgroup, r.role) for r in one.replicas) for one in case.running}
        lost = sum(_value(workload, sizes[workload.id]) for workload in gone)
        for shrink in told.shrinks:
            left = Counter((r.subgroup, r.role) for r in shrink.replicas)
            lost += _value(running[shrink.workload], sizes[shrink.workload] - left)
        figures = {
            "placed value": worth,
            "evicted value": lost,
            "placed": len(told.placements),
            "evicted": len(told.evictions),
            "moved": len(told.moves),
            "shrunk": len(told.shrinks),
            "grown": len(told.growths),
        }
        return Judged(judged.values, judged.violations, judged.admitted, figures)


def _value(workload: Workload, replicas: Counter[tuple[str, str]]) -> int:
    """Points that the rule `refused` charges for so many replicas of each role."""
    roles = {(sub.name, role.name): role for sub in workload.subgroups for role in sub.roles}
    weights = RefusedParams().weight_by_tier
    return sum(count * value_of_replica(workload, roles[key], weights) for key, count in replicas.items())
