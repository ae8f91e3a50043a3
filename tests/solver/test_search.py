import pytest

from solver.atoms import RefuseCharge, UnitCharge
from solver.check import check
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.problem import Problem
from solver.search import Limits, search
from tests.solver.build import bins, ints, item, part, problem

WANTED = RefuseCharge("refuse", 0, {(0, 0): 4, (1, 0): 4})


def _case() -> Problem:
    free = bins([[1000, 1000], [1000, 0]])
    return problem(
        free,
        [item(part(2, devices=1)), item(part(1, milli=500))],
        [WANTED, UnitCharge("u", 1, 0, 0, ints(1, 5))],
        tiers=2,
    )


def _told(limits: Limits) -> list[object]:
    told: list[object] = []
    search(_case(), Plan(), limits, told.append)
    return told


def test_plans_only_get_better_and_are_valid() -> None:
    plans = [m for m in _told(Limits()) if isinstance(m, PlanFound)]
    assert plans[-1].values == (0, 2)
    assert [p.values for p in plans] == sorted((p.values for p in plans), reverse=True)
    for found in plans:
        report = check(_case(), found.plan)
        assert not report.violations
        assert report.values == found.values


def test_every_tier_is_bounded_under_the_values_before_it() -> None:
    bounds = [m for m in _told(Limits()) if isinstance(m, BoundFound)]
    assert {b.tier for b in bounds} == {0, 1}
    assert all(len(b.limits) == b.tier for b in bounds)
    assert max(b.value for b in bounds if b.tier == 1 and b.limits == (0,)) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.01])
def test_with_next_to_no_time_nothing_false_is_told(seconds: float) -> None:
    told = _told(Limits(seconds=seconds))
    assert all(m.value <= 0 for m in told if isinstance(m, BoundFound) and m.tier == 0), "the optimum is 0"
    assert all(not check(_case(), m.plan).violations for m in told if isinstance(m, PlanFound))


def test_a_model_that_is_too_large_is_bounded_and_roamed() -> None:
    told = _told(Limits(work=2.0, exact_columns=0))
    bounds = [m for m in told if isinstance(m, BoundFound)]
    models = {b.certificate.model for b in bounds if b.certificate is not None}
    assert models == {"coarse"}
    plans = [m for m in told if isinstance(m, PlanFound)]
    assert plans[-1].values[0] == 0, "neighbourhoods alone place both"
    assert not check(_case(), plans[-1].plan).violations


def test_where_the_model_is_large_a_bound_of_its_leading_rows_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [m for m in _told(Limits(seconds=20.0)) if isinstance(m, BoundFound) and m.tier == 0]
    monkeypatch.setattr("solver.search._SPLIT", 0)
    split = [m for m in _told(Limits(seconds=20.0)) if isinstance(m, BoundFound) and m.tier == 0]
    assert len(split) == len(plain) + 1
    assert all(b.value <= 0 for b in split), "the optimum is 0"
