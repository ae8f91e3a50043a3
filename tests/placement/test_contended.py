"""The checks of tests.verify.contended: right answers pass, and each check fails on an answer that is broken."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from placement.defrag import Goal, plan
from placement.diagnosis import diagnose
from placement.model import Case, Decision, Device, Eviction, PlacedReplica, Placement, Proximity, Running, Tenant
from placement.model.decision import Unplaced, Verdict
from placement.model.diagnosis import Cause, Diagnosis, Repair
from solver.workers import Inline
from tests.placement.diagnosis.test_diagnosis import running
from tests.placement.rules.small import gang, node, small_fleet
from tests.verify.contended.checks import (
    conflict_is_irreducible,
    decided,
    examine,
    price_is_right,
    repair_works,
    second_call_changes_nothing,
    sequence_is_safe,
    the_optimum_is_the_best,
    verdict_is_true,
)
from tests.verify.contended.truth import Truth

ONE = Counter(("optima", "second calls", "sequences", "contended cases"))


def case_with(*work: Running, wants: Any = (), tenants: Iterable[Tenant] = (), nodes: int = 4) -> Case:
    """Nodes of four GPUs, two a rack; `wants` waits."""
    fleet = small_fleet(tuple(node(row) for row in range(nodes)))
    return Case(fleet=fleet, workloads=tuple(wants), running=work, tenants=tuple(tenants)).canonical()


def told(case: Case, name: str) -> Diagnosis:
    return diagnose(case, decided(case), name, clock=time.monotonic, workers=Inline(), seconds=60)


@pytest.mark.parametrize("number", range(12))
def test_random_cases_hold(number: int) -> None:
    found = examine(41, number)
    assert found.failed == (), f"python -m tests.verify --seed 41 --only {number}"
    assert all(found.counts[name] == 1 for name in ONE)


def test_what_fits_only_in_exchange_is_not_called_outcompeted() -> None:
    """A tenant is above its quota; what it would have to give up is guaranteed, what may not be evicted is too much."""
    assert examine(20261207, 880).failed == ()


def test_a_worse_end_state_is_not_the_optimum() -> None:
    """One of two waiting gangs is left out though both have room; or put where another runs; or at a false price."""
    case = case_with(running("old", (0,)), wants=[gang("a", 2, gpus=4), gang("b", 1, gpus=4)])
    truth, decision = Truth(case), decided(case)
    assert list(the_optimum_is_the_best(truth, decision)) == []
    less = decision.model_copy(update={"placements": decision.placements[:1]})
    assert any("the best end state" in text or "it says" in text for text in the_optimum_is_the_best(truth, less))
    clash = decision.placements[0].model_copy(update={"replicas": (seat("n0"), seat("n1"))})
    wrong = decision.model_copy(update={"placements": (clash, *decision.placements[1:])})
    assert any("breaks capacity" in text for text in the_optimum_is_the_best(truth, wrong))
    dear = decision.tiers[0].model_copy(update={"bound": decision.tiers[0].value + 1})
    high = decision.model_copy(update={"tiers": (dear, *decision.tiers[1:])})
    assert any("with bound" in text for text in the_optimum_is_the_best(truth, high))


def seat(name: str, gpus: int = 4) -> PlacedReplica:
    return PlacedReplica(subgroup="s", role="r", node=name, devices=tuple(Device(index=k) for k in range(gpus)))


@pytest.mark.parametrize("verdict", [Verdict.IMPOSSIBLE, Verdict.NO_ROOM])
def test_a_false_unschedulable_is_noticed(verdict: Verdict) -> None:
    """It fits once the work that may be evicted is gone; then that may not be, and it does not."""
    loose = case_with(running("old", (0, 1, 2, 3), evictable=True), wants=[gang("w", 2, gpus=4)])
    assert list(verdict_is_true(loose, Unplaced(workload="w", verdict=verdict)))
    firm = case_with(running("old", (0, 1, 2, 3)), wants=[gang("w", 2, gpus=4)])
    assert list(verdict_is_true(firm, Unplaced(workload="w", verdict=Verdict.NO_ROOM))) == []
    assert list(verdict_is_true(firm, Unplaced(workload="w", verdict=Verdict.OUTCOMPETED)))


def test_a_conflict_with_a_member_too_many_or_too_few_is_noticed() -> None:
    wide = gang("wide", 4, gpus=4, workload={"proximity": Proximity(level="rack"), "tenant": "a"})
    case = case_with(running("old", (0,)), wants=[wide], tenants=[Tenant(name="a", quota_gpu_milli=64_000)])
    found = told(case, "wide")
    assert list(conflict_is_irreducible(case, found)) == []
    more = (*found.conflict, Cause(kind="rule", name="quota"))
    assert any("is not needed" in t for t in conflict_is_irreducible(case, found.model_copy(update={"conflict": more})))
    less = found.model_copy(update={"conflict": ()})
    assert any("fits beside" in text for text in conflict_is_irreducible(case, less))


def test_a_conflict_of_limits_is_checked_member_by_member() -> None:
    work = tuple(running(f"w{n}", (n,), (0,), evictable=True) for n in range(4))
    tenants = [Tenant(name="ops", disruption_budget=1), Tenant(name="new", quota_gpu_milli=16_000)]
    case = case_with(*work, wants=[gang("wide", 2, gpus=4, workload={"tenant": "new"})], tenants=tenants)
    found = told(case, "wide")
    assert list(conflict_is_irreducible(case, found)) == []
    more = (*found.conflict, Cause(kind="limit", name="quota: new"))
    assert list(conflict_is_irreducible(case, found.model_copy(update={"conflict": more})))
    assert list(conflict_is_irreducible(case, found.model_copy(update={"conflict": ()})))


def test_a_repair_that_does_not_work_or_does_too_much_is_noticed() -> None:
    work = tuple(running(f"w{n}", (n,), (0,), evictable=True) for n in range(4))
    tenants = [Tenant(name="ops", disruption_budget=1)]
    case = case_with(*work, wants=[gang("wide", 3, gpus=4)], tenants=tenants)
    found = told(case, "wide")
    budget = next(repair for repair in found.repairs if repair.kind == "budget")
    assert budget.setting == "tenant.ops.disruption_budget=3"
    for repair in found.repairs:
        assert list(repair_works(case, found, repair)) == []
    for amount in (2, 4):
        wrong = budget.model_copy(update={"setting": f"tenant.ops.disruption_budget={amount}"})
        assert list(repair_works(case, found, wrong)), amount
    idle = Repair(kind="end", change="end w0", verified=True)
    assert list(repair_works(case, found.model_copy(update={"gives_way": False}), idle))
    unverified = budget.model_copy(update={"verified": False})
    assert list(repair_works(case, found, unverified))


def test_a_wrong_price_is_noticed() -> None:
    case = case_with(wants=[gang("a", 4, gpus=4, workload={"priority": 10}), gang("b", 4, gpus=4)])
    decision, found = decided(case), told(case, "a")
    assert found.price is not None
    assert list(price_is_right(Truth(case), decision, found)) == []
    cheaper = found.price.model_copy(update={"tiers": tuple((t, p - 1) for t, p in found.price.tiers)})
    assert list(price_is_right(Truth(case), decision, found.model_copy(update={"price": cheaper})))


def test_a_second_call_that_changes_something_and_a_needless_eviction_are_noticed() -> None:
    case = case_with(running("old", (0,), evictable=True), wants=[gang("w", 1, gpus=4)])
    decision = decided(case)
    assert list(second_call_changes_nothing(case, decision)) == []
    evicts = decision.model_copy(update={"evictions": (Eviction(workload="old"),)})
    assert any(text.startswith("second call") for text in second_call_changes_nothing(case, decision, evicts))
    assert any(text.startswith("lean") for text in second_call_changes_nothing(case, evicts, decision_of_nothing(case)))


def decision_of_nothing(case: Case) -> Decision:
    return decided(case).model_copy(update={"placements": ()})


def test_steps_in_a_wrong_order_and_a_false_most_are_noticed() -> None:
    """The pair of n0 can go to n2 only once the single there has gone to n1."""
    fleet = small_fleet(tuple(node(row, gpu_count=2) for row in (0, 2, 4)))
    work = (
        running("pair", (0,), (0, 1), movable=True),
        running("s", (2,), (0,), movable=True),
        running("t", (4,), (0,), movable=True),
    )
    case = Case(fleet=fleet, running=work).canonical()
    told_ = plan(case, Goal("node", ("n0",), 1), decided)
    assert len(told_.steps) == 2
    assert list(sequence_is_safe(case, told_)) == []
    turned = told_.model_copy(update={"steps": told_.steps[::-1]})
    assert list(sequence_is_safe(case, turned))
    free = case_with(running("x", (0,), (0,), movable=True), running("y", (2,), (0,), movable=True))
    none = plan(free, Goal("rack", (), 2), decided, max_moves=0)
    assert none.proven_most
    assert not none.reached
    assert list(sequence_is_safe(free, none, 0)) == []
    assert any("the most" in text for text in sequence_is_safe(free, none))


def test_placements_are_read_as_they_stand() -> None:
    case = case_with(wants=[gang("a", 2, gpus=2)])
    decision = decided(case)
    [placed] = decision.placements
    assert isinstance(placed, Placement)
    assert Truth(case).state_of(decision)["a"] == tuple(sorted(replica.node for replica in placed.replicas))
