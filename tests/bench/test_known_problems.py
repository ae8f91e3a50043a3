"""Problems nobody here wrote: small ones by hand, solved, and judged by the code that reads the published files."""

import gzip
import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from bench.fleet_j import FleetJ, cost_j, faults_j, read_fleet_j
from bench.roadef import Reassignment, cost_of, faults_of, read_reassignment
from bench.suites.gangs import gangs_of, problem_j
from bench.suites.gap import Assignment, agents_of, problem_gap
from bench.suites.reassign import machines_of, problem_roadef
from placement.errors import InputError
from solver.check import check, values
from solver.plan import Plan
from solver.problem import Problem
from solver.solve import Budget, Outcome, State, solve
from solver.workers import Inline


def solved(problem: Problem, start: Plan | None) -> Outcome:
    return solve(problem, Budget(work=5.0), clock=lambda: 0.0, workers=Inline(), start=start)


def small_fleet(path: Path) -> FleetJ:
    told = {
        "name": "small",
        "nodes": [{"id": n, "rack": n // 2, "block": n // 4, "free": n != 3} for n in range(8)],
        "rack_node_cost": [5, 1, 2, 9],
        "block_target_nodes": [1, 9],
        "gang_sizes_nodes": [3, 2, 4],
        "min_racks": [2, 1, 2],
        "min_blocks": [1, 1, 1],
        "weights": {"unplaced_node": 100, "extra_rack": 10, "extra_block": 50, "node_above_block_target": 2},
    }
    path.write_bytes(gzip.compress(json.dumps(told).encode()))
    return read_fleet_j(path)


def test_j_is_counted_as_the_file_says(tmp_path: Path) -> None:
    fleet = small_fleet(tmp_path / "fleet_J.json.gz")
    gangs = ((0, 4, 5), (1, 2), None)
    assert faults_j(fleet, gangs) == ()
    # 4 nodes refused; gang 0 spans two blocks; gang 1 two racks; prices 5 + 2 + 2 + 5 + 1; two nodes above the target
    assert cost_j(fleet, gangs) == 400 + 50 + 10 + 15 + 4
    assert faults_j(fleet, ((0, 4, 3), (1, 1), None)) == (
        "gang 0 uses node 3, which is not free",
        "gang 1 uses node 1, which another replica has",
    )
    assert faults_j(fleet, ((0, 4), None, None)) == ("gang 0 has 2 nodes and wants 3",)
    assert faults_j(fleet, (None,)) == ("1 gangs are answered, the instance has 3",)


def test_the_problem_of_a_fleet_costs_j_and_its_optimum_is_that_of_all_answers(tmp_path: Path) -> None:
    fleet = small_fleet(tmp_path / "fleet_J.json.gz")
    problem, _ = problem_j(fleet)
    outcome = solved(problem, None)
    gangs = gangs_of(fleet, outcome.plan)
    assert faults_j(fleet, gangs) == ()
    assert outcome.state is State.OPTIMAL
    assert outcome.report.values == (cost_j(fleet, gangs),)
    assert values(problem, Plan()) == (cost_j(fleet, (None, None, None)),) == (900,)
    # Every answer there is: the cheapest leaves out gang 1.
    ways = [[None, *combinations([0, 1, 2, 4, 5, 6, 7], size)] for size in fleet.sizes]
    every = [some for some in product(*ways) if not faults_j(fleet, some)]
    assert cost_j(fleet, gangs) == min(cost_j(fleet, some) for some in every) == 200 + 11 + 4 + 22


def test_assignment_with_weights_per_agent() -> None:
    told = Assignment(
        "small",
        np.array([[1, 5, 4], [6, 2, 10]], np.int64),
        np.array([[3, 3, 2], [1, 2, 2]], np.int64),
        np.array([4, 4], np.int64),
        best=12,
    )
    problem, start = problem_gap(told)
    outcome = solved(problem, start)
    assert outcome.state is State.OPTIMAL
    assert outcome.report.values == (0, 12)
    assert agents_of(told, outcome.plan) == (1, 1, 0), "job 0 on agent 0 leaves it no room for another"


MODEL = """2
1 10
0 1
3
0 0 10 10 6 8 0 1 2
0 1 10 10 6 8 1 0 1
1 1 10 10 6 8 2 1 0
3
2 0
1 1 0
1 0
5
0 4 1 3
0 3 1 1
1 2 1 2
2 5 3 1
2 1 1 4
1
0 1 2
3
1 7 2
"""
START = "0 1 0 0 1"


def small_reassignment(folder: Path) -> Reassignment:
    model, start = folder / "model.txt.gz", folder / "start.txt.gz"
    model.write_bytes(gzip.compress(MODEL.encode()))
    start.write_bytes(gzip.compress(START.encode()))
    return read_reassignment(model, start)


def test_reassignment_is_judged_by_the_rules_of_the_challenge(tmp_path: Path) -> None:
    told = small_reassignment(tmp_path)
    assert faults_of(told, (0, 1, 0, 0, 1)) == ("machine 0 is over its capacity of resource 0",)
    # Moving process 3 to machine 2 does not help: resource 0 stays in use where it leaves.
    assert faults_of(told, (0, 1, 0, 2, 1)) == ("machine 0 is over its capacity of resource 0",)
    assert "service 0 has two processes on one machine" in faults_of(told, (0, 0, 0, 2, 1))
    assert "service 0 is in fewer than 2 locations" in faults_of(told, (1, 2, 0, 2, 1))
    assert "service 1 lacks service 0 in a neighbourhood" in faults_of(told, (0, 1, 2, 0, 1))
    # loads of resource 0: 4, 4, 7; of resource 1: 1, 2, 4; free: 6 6 3 and 9 8 6; twice the first lacks 3 + 4 + 0
    assert cost_of(told, (0, 1, 2, 2, 1)) == 10 * 1 + 3 * (3 + 4) + 1 * (2 + 1) + 7 * 1 + 2 * (2 + 2)


def test_the_problem_of_a_reassignment_costs_the_same_and_is_solved(tmp_path: Path) -> None:
    roomy = MODEL.replace("0 0 10 10 6 8 0 1 2", "0 0 14 10 6 8 0 1 2")
    (tmp_path / "model.txt.gz").write_bytes(gzip.compress(roomy.encode()))
    (tmp_path / "start.txt.gz").write_bytes(gzip.compress(START.encode()))
    told = read_reassignment(tmp_path / "model.txt.gz", tmp_path / "start.txt.gz")
    problem, start = problem_roadef(told)
    assert start is not None
    assert check(problem, start).violations == ()
    assert values(problem, start) == (0, cost_of(told, told.start))
    every = [(a, b, c, d, e) for a in range(3) for b in range(3) for c in range(3) for d in range(3) for e in range(3)]
    lawful = [machines for machines in every if not faults_of(told, machines)]
    assert len(lawful) > 1
    outcome = solved(problem, start)
    machines = machines_of(told, outcome.plan)
    assert faults_of(told, machines) == ()
    assert outcome.state is State.OPTIMAL
    assert outcome.report.values == (0, min(cost_of(told, machines) for machines in lawful))
    assert cost_of(told, machines) == outcome.report.values[1]


@pytest.mark.badinput
@pytest.mark.parametrize("text", ["", "2", "buy milk", MODEL[:60]])
def test_a_broken_file_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.txt.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InputError, match=r"broken\.txt\.gz"):
        read_reassignment(path, path)
    with pytest.raises(InputError, match=r"broken\.txt\.gz"):
        read_fleet_j(path)
