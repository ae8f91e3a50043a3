"""Suite `gap`: generalized assignment from the literature, with proven optima."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench.instance import Instance, Judged, Spec
from bench.method import Answer
from bench.suite import Grid, MakeMethod, Suite, data_file, points
from placement.errors import InputError
from solver.atoms import Caps, RefuseCharge, UnitCharge
from solver.items import Bins, Bundle, Demand, IntArray, Item, Part
from solver.plan import Plan
from solver.problem import Atom, Problem

__all__ = ["Agents", "Assignment", "agents_of", "gap", "problem_gap"]

Agents: TypeAlias = tuple[int | None, ...]
"""For every job its agent, None if it is left out."""
_MAIN = (Bundle("main"),)
_SMALL = 100
"""Jobs of what a quick run takes at most."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """One instance: `cost` and `weight` are int64[agents, jobs], `capacity` int64[agents]; `best` is the best known."""

    name: str
    cost: IntArray
    weight: IntArray
    capacity: IntArray
    best: int


def gap(methods: Mapping[str, MakeMethod]) -> Suite:
    """All instances of the file; tier 1 counts the jobs that are left out, tier 2 is the cost."""
    return Suite(
        name="gap",
        about="generalized assignment, 52 instances of the literature with known optima (needs data)",
        grid={"most_jobs": (10_000,), "every": (1,), "seed": (0,)},
        quick={"most_jobs": (_SMALL,), "every": (8,)},
        specs=_specs,
        methods=methods,
        limits_s=(1.0, 10.0),
        quick_limits_s=(2.0,),
        needs_data=True,
        scale="jobs",
        tiers=("jobs left out", "cost"),
    )


def _specs(data: Path | None, grid: Grid) -> list[Spec]:
    """Instances with at most so many jobs, every so-manieth of them; the seed is that of the search."""
    path = data_file(data, "bench/gap_dev.jsonl.gz")
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            told = [json.loads(line) for line in stream]
    except (OSError, ValueError) as error:
        raise InputError(path.name, f"it cannot be read: {error}", "use the file as published") from None
    found = []
    for point in points(grid):
        fitting = [one for one in told if one["jobs"] <= int(point["most_jobs"])]
        for one in fitting[:: max(1, int(point["every"]))]:
            key = {"name": one["name"], "agents": one["agents"], "jobs": one["jobs"], "seed": point["seed"]}
            found.append(Spec(key, partial(_GapInstance, one)))
    return found


class _GapInstance(Instance[Assignment, Agents]):
    """An instance, judged by sums over the published matrices: no solver code takes part."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.subject = Assignment(
            told["name"],
            np.array(told["cost"], np.int64),
            np.array(told["weight"], np.int64),
            np.array(told["capacity"], np.int64),
            told["best"],
        )
        agents, jobs = self.subject.cost.shape
        self.idle = (jobs, None)
        self.known = self.subject.best
        self.size = {"nodes": agents, "asked": jobs, "replicas": jobs}

    def judge(self, answer: Answer[Agents]) -> Judged:
        """Jobs left out and the cost of the others."""
        agents = answer.placements
        given = [(agent, job) for job, agent in enumerate(agents) if agent is not None]
        load = np.zeros(self.subject.capacity.size, np.int64)
        found = [] if len(agents) == self.subject.cost.shape[1] else [f"{len(agents)} jobs are answered"]
        for agent, job in given:
            load[agent] += self.subject.weight[agent, job]
        found += [
            f"agent {agent} carries {load[agent]}, at most {self.subject.capacity[agent]} is allowed"
            for agent in np.flatnonzero(load > self.subject.capacity).tolist()
        ]
        cost = sum(int(self.subject.cost[agent, job]) for agent, job in given)
        return Judged((len(agents) - len(given), cost), tuple(found), len(given))


def problem_gap(told: Assignment) -> tuple[Problem, Plan | None]:
    """Agents are bins without devices, jobs items of one replica; `Caps` knows a weight per job and agent."""
    agents, jobs = told.cost.shape
    bins = Bins(np.zeros((agents, 1), np.int64), np.zeros((agents, 0), np.int64))
    items = tuple(Item(f"job-{job:05d}", _MAIN, (Part("main", Demand(), 1, 1),)) for job in range(jobs))
    names = tuple(f"agent {agent}" for agent in range(agents))
    use = {(job, 0): told.weight[:, job].copy() for job in range(jobs)}
    alone = np.arange(agents, dtype=np.int64)
    atoms: list[Atom] = [
        Caps("capacity", names, alone, use, np.zeros(agents, np.int64), told.capacity),
        RefuseCharge("left out", 0, {(job, 0): 1 for job in range(jobs)}),
        *(UnitCharge("cost", 1, job, 0, told.cost[:, job].copy()) for job in range(jobs)),
    ]
    return Problem(bins, (), items, tuple(atoms), 2), None


def agents_of(told: Assignment, plan: Plan) -> Agents:
    """The agent of every job in a plan."""
    return tuple(plan.seats[job][0][0].bin if plan.placed(job) else None for job in range(told.cost.shape[1]))
