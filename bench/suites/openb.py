"""Suite `openb`: the fleet of the openb trace, filled by best-fit in arrival order, the next arrivals pending."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.instance import CaseInstance, Spec
from bench.suite import Grid, MakeMethod, Suite, data_file, points
from placement.cases.openb import openb_case

__all__ = ["openb"]


def openb(methods: Mapping[str, MakeMethod]) -> Suite:
    """Batches of the replay sequences under the default policy."""
    return Suite(
        name="openb",
        about="1,213 nodes of the openb trace filled to 0.85 or 0.95, the next 200 or 1,000 pods pending (needs data)",
        grid={
            "trace": ("default", "gpuspec10"),
            "fill": (0.85, 0.95),
            "pending": (200, 1000),
            "seed": tuple(range(5)),
        },
        quick={"trace": ("default",), "fill": (0.85,), "seed": (0,)},
        specs=_specs,
        methods=methods,
        limits_s=(0.5, 2.0, 10.0),
        quick_limits_s=(2.0,),
        needs_data=True,
        scale="pending",
        tiers=("refused work", "fairness", "money"),
    )


def _specs(data: Path | None, grid: Grid) -> list[Spec]:
    """Seed 0 is the order of the file, every other seed a permutation of it."""
    found = []
    for point in points(grid):
        files = [data_file(data, f"openb_replay/{point['trace']}_seed42_{part}.csv.gz") for part in ("nodes", "pods")]
        found.append(Spec(point, partial(_case, files[0], files[1], point)))
    return found


def _case(nodes: Path, pods: Path, point: Mapping[str, Any]) -> CaseInstance:
    made = openb_case(nodes, pods, fill=point["fill"], pending=point["pending"], seed=point["seed"])
    return CaseInstance(made.case)
