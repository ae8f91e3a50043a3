"""Peers on whole cases: every answer stands before the checker; flat models agree with the exact one."""

import time
from pathlib import Path

import numpy as np
import pytest

from bench.baselines.flat import Singles, flat_cells, solve_flat
from bench.baselines.gangs import ScoringMethod, demand_of
from bench.baselines.rebalancer import ENVIRONMENT, Rebalancer
from bench.baselines.registry import CASE_METHODS, gang_methods
from bench.baselines.state import Demand
from bench.fleet_j import FleetJ, cost_j, faults_j, read_fleet_j
from bench.instance import CaseInstance
from bench.own import Adapter
from bench.suites.fleet import FLEET_WEIGHTED
from bench.suites.gangs import gangs_of, problem_j
from placement.cases.synth import synth_case
from placement.compile import lower
from placement.model import Role, default_policy, read_policy
from placement.snapshot import Snapshot
from solver.check import check, values
from solver.greedy import greedy
from solver.plan import Plan
from topology.synth import FleetKind

_SCORED = [name for name in CASE_METHODS if not name.startswith("flat")]


def _instance(fleet: FleetKind, nodes: int, seed: int) -> CaseInstance:
    policy = read_policy(FLEET_WEIGHTED)
    return CaseInstance(synth_case(fleet, nodes, 0.6, 3 * nodes // 4, seed, policy=policy))


@pytest.mark.parametrize("name", _SCORED)
@pytest.mark.parametrize("fleet", ["hgx", "nvl72", "mixed"])
def test_gangs_are_placed_whole_and_validly(name: str, fleet: FleetKind) -> None:
    for seed in range(3):
        instance = _instance(fleet, 36, seed)
        method = CASE_METHODS[name]()
        answer = method.answer(instance.subject, time_limit_s=1, seed=0)
        judged = instance.judge(answer)
        assert judged.violations == ()
        assert 0 < judged.admitted <= len(instance.subject.workloads)
        assert judged.values < tuple(value or 0 for value in instance.idle)
        again = method.answer(instance.subject, time_limit_s=1, seed=0)
        assert again.placements == answer.placements


def test_the_important_come_first() -> None:
    instance = _instance("hgx", 16, 1)
    method = CASE_METHODS["best-fit"]()
    assert isinstance(method, ScoringMethod)
    placed = {one.workload for one in method.answer(instance.subject, time_limit_s=1, seed=0).placements}
    first = min(instance.subject.workloads, key=lambda one: (one.tier, -one.priority, one.id))
    assert first.id in placed


def test_demands_are_read_from_roles() -> None:
    codes = {"A100": 0, "H100": 1}
    assert demand_of(Role(name="r", gpus=4, cpu_milli=7, gpu_models=("H100",)), codes) == Demand(7, 0, 4, 1000, (1,))
    assert demand_of(Role(name="r", gpu_milli=250, gpu_models=("T4",)), codes) == Demand(0, 0, 1, 250, (2,))
    assert demand_of(Role(name="r", gpu_milli=1000), codes) == Demand(0, 0, 1, 1000)
    assert demand_of(Role(name="r", cpu_milli=5, gpu_models=("H100",)), codes) == Demand(5, 0, 0, 0)


@pytest.mark.parametrize("name", ["best-fit", "fgd", "flat-counts", "flat-booleans"])
def test_running_work_that_may_move_is_in_good_hands(name: str) -> None:
    case = _instance("hgx", 16, 0).subject
    loose = tuple(one.model_copy(update={"movable": True, "evictable": True}) for one in case.running)
    instance = CaseInstance(case.model_copy(update={"running": loose, "policy": default_policy()}))
    assert Snapshot.of(instance.subject).case.running[0].movable
    method = CASE_METHODS[name]()
    judged = instance.judge(method.answer(instance.subject, time_limit_s=10, seed=0))
    assert judged.violations == ()
    assert judged.admitted > 0


@pytest.mark.parametrize("seed", range(3))
def test_both_flat_models_find_the_optimum_of_small_cases(seed: int) -> None:
    instance = _instance("hgx", 16, seed)
    snapshot = Snapshot.of(instance.subject)
    problem = lower(snapshot.case, snapshot.fabric, usage=snapshot.usage).problem
    floor = values(problem, greedy(problem)[0])
    found = []
    for booleans in (False, True):
        answer = solve_flat(problem, time.monotonic() + 60, seed, booleans=booleans)
        report = check(problem, answer.placements)
        assert not report.violations
        assert answer.bounds == report.values, "the search was to end by proof"
        assert report.values <= floor
        found.append(report.values)
    assert found[0] == found[1]


@pytest.mark.parametrize("fleet", ["hgx", "nvl72"])
def test_splitting_into_single_replicas_changes_no_value(fleet: FleetKind) -> None:
    for seed in range(4):
        instance = _instance(fleet, 24, seed)
        snapshot = Snapshot.of(instance.subject)
        problem = lower(snapshot.case, snapshot.fabric, usage=snapshot.usage).problem
        plan, _ = greedy(problem)
        singles = Singles(problem)
        split = singles.split(plan)
        report = check(singles.problem, split)
        assert not report.violations
        assert report.values == values(problem, plan)
        assert values(singles.problem, Plan()) == values(problem, Plan())
        joined = singles.join(split)
        assert values(problem, joined) == values(problem, plan)


def test_flat_cells_are_single_nodes() -> None:
    snapshot = Snapshot.of(_instance("mixed", 24, 0).subject)
    cells = flat_cells(lower(snapshot.case, snapshot.fabric, usage=snapshot.usage).problem)
    assert all(members.size == 1 for members in cells.members)
    rows = np.concatenate(cells.members).tolist()
    assert rows == sorted(set(rows))


def _tiny_fleet() -> FleetJ:
    """Two racks of two nodes, one block; the second rack costs 3 per node; gangs of 2 and 1."""
    return FleetJ(
        name="tiny",
        rack=np.array([0, 0, 1, 1]),
        block=np.zeros(4, np.int64),
        free=np.array([True, True, True, False]),
        rack_node_cost=np.array([0, 3]),
        block_target=np.array([4]),
        sizes=(2, 1),
        min_racks=(1, 1),
        min_blocks=(1, 1),
        per_unplaced_node=1000,
        per_extra_rack=40,
        per_extra_block=100,
        per_node_above_target=6,
    )


@pytest.mark.parametrize("name", ["flat-counts", "flat-booleans"])
def test_flat_models_solve_a_fleet_j_by_hand(name: str) -> None:
    fleet = _tiny_fleet()
    method = gang_methods(Adapter(problem_j, gangs_of))[name]()
    answer = method.answer(fleet, time_limit_s=20, seed=0)
    # The pair in the free rack, the single one beside it for 3.
    assert cost_j(fleet, answer.placements) == 3
    assert answer.bounds == (3,)


def test_rebalancer_is_skipped_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "/nowhere/python3.12")
    why = Rebalancer().missing()
    assert why is not None
    assert ENVIRONMENT in why


@pytest.mark.slow
def test_rebalancer_answers_whole_gangs(data_dir: Path) -> None:
    """Not among the data tests, which may not be skipped: it also needs an environment with the package."""
    fleet = read_fleet_j(data_dir / "bench" / "fleet_J_256-dom4.json.gz")
    nothing = cost_j(fleet, (None,) * len(fleet.sizes))
    for start in (None, Adapter(problem_j, gangs_of)):
        method = Rebalancer(start)
        if method.missing() is not None:
            pytest.skip(str(method.missing()))
        answer = method.answer(fleet, time_limit_s=4, seed=0)
        assert faults_j(fleet, answer.placements) == ()
        assert cost_j(fleet, answer.placements) < nothing / 10
