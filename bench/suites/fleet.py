"""Suites on synthetic fleets: `fleet` (one weighted tier, up to 16,384 nodes) and `exact` (default policy, small)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.instance import CaseInstance, Spec
from bench.suite import Grid, MakeMethod, Suite, points
from placement.cases.synth import synth_case
from placement.model import Case, default_policy, read_policy

__all__ = ["FLEET_WEIGHTED", "exact", "fleet", "late", "weighted_case"]

FLEET_WEIGHTED = Path(__file__).resolve().parents[1] / "policies" / "fleet-weighted.toml"
_PENDING = {128: 40, 1024: 200, 4096: 500, 16384: 2000}
"""Workloads that wait, by nodes; one per five nodes for other numbers."""
_DEMAND_PERCENT = 130
_SEEDS = tuple(range(20))


def fleet(methods: Mapping[str, MakeMethod]) -> Suite:
    """Fleets from 128 to 16,384 nodes under the policy `fleet-weighted`."""
    return Suite(
        name="fleet",
        about="synthetic fleets of 128 to 16,384 nodes, 50 to 90 % full, demand 1.3 x free, one weighted tier",
        grid={
            "fleet": ("hgx", "nvl72", "mixed"),
            "nodes": (128, 1024, 4096, 16384),
            "occupancy": (0.5, 0.8, 0.9),
            "seed": _SEEDS,
        },
        quick={"fleet": ("hgx", "nvl72"), "nodes": (128, 512), "occupancy": (0.8,), "seed": (0, 1)},
        specs=_fleet_specs,
        methods=methods,
        limits_s=(0.25, 1.0, 10.0),
        quick_limits_s=(1.0, 4.0),
        tiers=("micro-USD/h and refused work",),
    )


def exact(methods: Mapping[str, MakeMethod]) -> Suite:
    """Fleets of 128 and 256 nodes under the default policy: what is proven."""
    return Suite(
        name="exact",
        about="synthetic fleets of 128 and 256 nodes under the default policy: what is proven in time",
        grid={"fleet": ("hgx",), "nodes": (128, 256), "occupancy": (0.8,), "pending": (0,), "seed": _SEEDS},
        quick={"nodes": (128,), "seed": (0, 1, 2)},
        specs=_exact_specs,
        methods=methods,
        limits_s=(10.0,),
        quick_limits_s=(4.0,),
        tiers=("refused work", "fairness", "money"),
    )


def late(methods: Mapping[str, MakeMethod]) -> Suite:
    """The same fleets, from small to large, with limits from 50 ms to 10 s, as a gRPC caller meets them.

    In full 2,100 calls: 5 seeds on 3 sizes of 2 fleets, 7 limits, 10 rounds.
    """
    return Suite(
        name="late",
        about="answers as a gRPC caller sees them: limits from 50 ms to 10 s, how long past them",
        grid={"fleet": ("hgx", "mixed"), "nodes": (128, 1024, 4096), "occupancy": (0.8,), "seed": _SEEDS[:5]},
        quick={"nodes": (128, 512), "seed": (0,)},
        specs=_fleet_specs,
        methods=methods,
        limits_s=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
        quick_limits_s=(0.1, 1.0),
        rounds=10,
        tiers=("micro-USD/h and refused work",),
    )


def _fleet_specs(_data: Path | None, grid: Grid) -> list[Spec]:
    return [Spec(point, partial(_weighted, point)) for point in points(grid)]


def _weighted(point: Mapping[str, Any]) -> CaseInstance:
    return CaseInstance(weighted_case(point))


def weighted_case(point: Mapping[str, Any]) -> Case:
    """The case of a point of the suite `fleet`: fleet, nodes, occupancy, seed; also `pending`, where it is not 0."""
    nodes = point["nodes"]
    pending = point.get("pending") or _PENDING.get(nodes, max(5, nodes // 5))
    policy = read_policy(FLEET_WEIGHTED)
    return synth_case(
        point["fleet"],
        nodes,
        point["occupancy"],
        pending,
        point["seed"],
        policy=policy,
        demand_percent=_DEMAND_PERCENT,
    )


def _exact_specs(_data: Path | None, grid: Grid) -> list[Spec]:
    # A number of workloads of 0 stands for 5 to 16 nodes, as in the runs of the first version.
    found = []
    for point in points(grid):
        full = {**point, "pending": point["pending"] or max(1, 5 * point["nodes"] // 16)}
        found.append(Spec(full, partial(_default, full)))
    return found


def _default(point: Mapping[str, Any]) -> CaseInstance:
    key = (point["fleet"], point["nodes"], point["occupancy"], point["pending"], point["seed"])
    return CaseInstance(synth_case(*key, policy=default_policy()))
