"""The checks of tests.verify.middle: right answers pass, and each false claim is noticed."""

import time
from typing import Any

import pytest

from placement.compile import lower
from placement.engine import decide
from placement.model import Budget, Case, Decision, Status, TierReport
from solver.problem import Problem
from solver.workers import Inline
from tests.placement.rules.small import gang, node, small_fleet
from tests.verify.middle import claims_hold, examine_middle
from topology.fabric import Fabric


@pytest.fixture(scope="module")
def solved() -> tuple[Problem, Decision]:
    """Three gangs of four GPUs wait for two nodes of four; all is proven."""
    wants = tuple(gang(name, 1, gpus=4) for name in "abc")
    case = Case(fleet=small_fleet((node(0), node(1))), workloads=wants, budget=Budget(work=2000)).canonical()
    decision = decide(case, clock=time.monotonic, workers=Inline())
    assert decision.status is Status.OPTIMAL
    return lower(case, Fabric.from_fleet(case.fleet)).problem, decision


def wrong(problem: Problem, decision: Decision) -> list[str]:
    return [text.split(":")[0] for _, found in claims_hold(problem, decision) for text in found]


def first(decision: Decision, **changes: Any) -> Decision:
    """The decision with other figures of the first tier, its later tiers left out."""
    tier: TierReport = decision.tiers[0]
    return decision.model_copy(update={"tiers": (tier.model_copy(update=changes),)})


@pytest.mark.parametrize("number", [0, 1])
def test_random_cases_hold(number: int) -> None:
    counts, failed = examine_middle(7, number)
    assert failed == [], f"examine_middle(7, {number})"
    assert counts["middle cases"] == 1
    assert counts["middle bounds"] > 0
    assert counts["middle tiers proven"] > 0


def test_what_is_right_passes(solved: tuple[Problem, Decision]) -> None:
    assert wrong(*solved) == []


def test_false_claims_are_noticed(solved: tuple[Problem, Decision]) -> None:
    problem, decision = solved
    value = decision.tiers[0].value
    open_ = decision.model_copy(update={"status": Status.FEASIBLE})
    assert wrong(problem, first(open_, bound=value + 1)) == ["bound"]
    assert wrong(problem, first(open_, value=value - 1, bound=None)) == ["value"]
    assert wrong(problem, first(open_, value=value + 1)) == [], "not the best, and not said to be"
    assert wrong(problem, first(decision, value=value + 1)) == ["optimal"]


def test_bounds_of_later_tiers_keep_the_earlier_ones(solved: tuple[Problem, Decision]) -> None:
    problem, decision = solved
    for k, tier in enumerate(decision.tiers):
        raised = tier.model_copy(update={"bound": tier.value + 1})
        tiers = (*decision.tiers[:k], raised, *decision.tiers[k + 1 :])
        assert wrong(problem, decision.model_copy(update={"tiers": tiers})) == ["bound"]
