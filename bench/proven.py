"""Suite `proven`: seeded synthetic cases, decided within a time limit: how many are proved, and how soon."""

from __future__ import annotations

from functools import partial
from typing import get_args

from bench.rows import Job
from placement.cases.synth import synth_case
from placement.errors import InputError
from topology.synth import FleetKind

__all__ = ["ABOUT", "FLEETS", "jobs"]

ABOUT = "synthetic cases by seed: share of answers that are proved in time, gaps, times"
FLEETS: tuple[FleetKind, ...] = get_args(FleetKind)


def jobs(
    fleet: FleetKind | str, nodes: int, pending: int, occupancy: float, seeds: int, *, time_limit_ms: int
) -> list[Job]:
    """One job per fleet kind ("all": every one) and seed 0, 1, ...; InputError if there would be none.

    Seeds take turns over the kinds, so that a run that is stopped has seen all of them.
    """
    if seeds < 1:
        raise InputError("--seeds", f"{seeds} is less than one", "use one or more")
    kinds = [kind for kind in FLEETS if fleet in (kind, "all")]
    if not kinds:
        raise InputError("--fleet", f"{fleet!r} is unknown", f"use {', '.join(FLEETS)} or all")
    found = []
    for seed in range(seeds):
        for kind in kinds:
            key = {"fleet": kind, "nodes": nodes, "pending": pending, "occupancy": occupancy, "seed": seed}
            make = partial(synth_case, kind, nodes, occupancy, pending, seed)
            found.append(Job("proven", key, time_limit_ms, make))
    return found
