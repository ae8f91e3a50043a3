"""All suites, with the methods that are run on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.baselines.registry import CASE_METHODS, gang_methods
from bench.baselines.sequential import Sequential
from bench.fleet_j import FleetJ, Gangs
from bench.own import Adapter, CaseGreedy, Engine, SolverGreedy, SolverSearch
from bench.served import Served
from bench.suite import MakeMethod, Suite
from bench.suites.certificate import certificate
from bench.suites.fleet import exact, fleet, late
from bench.suites.gangs import fleet_j, gangs_of, problem_j
from bench.suites.gap import agents_of, gap, problem_gap
from bench.suites.joint import joint
from bench.suites.micro import micro
from bench.suites.openb import openb
from bench.suites.philly import philly
from bench.suites.reassign import Initial, machines_of, problem_roadef, roadef
from bench.suites.warm import Cold, Warm, warm

__all__ = ["suites"]


def suites() -> Mapping[str, Suite]:
    """The suites by name. Methods stand in the order in which they are run; ours are `greedy` and `moorage`."""
    cases: dict[str, MakeMethod] = {"greedy": CaseGreedy, **CASE_METHODS, "moorage": Engine}
    sequential: dict[str, MakeMethod] = {
        "count-first": lambda: Sequential(tries=False),
        "try-victims": lambda: Sequential(tries=True),
    }
    gangs: Adapter[FleetJ, Gangs] = Adapter(problem_j, gangs_of)
    found = (
        fleet(cases),
        exact(cases),
        openb(cases),
        philly(cases),
        fleet_j({**gang_methods(gangs), **_solver(gangs)}),
        gap(_solver(Adapter(problem_gap, agents_of))),
        roadef({"initial": Initial, "moorage": _solver(Adapter(problem_roadef, machines_of))["moorage"]}),
        joint({**sequential, "greedy": CaseGreedy, "moorage": Engine}),
        certificate({"moorage": Engine}),
        late({"moorage": Served}),
        warm({"cold": Cold, "warm": Warm}),
        micro(),
    )
    return {suite.name: suite for suite in found}


def _solver(adapter: Adapter[Any, Any]) -> dict[str, MakeMethod]:
    return {"greedy": lambda: SolverGreedy(adapter), "moorage": lambda: SolverSearch(adapter)}
