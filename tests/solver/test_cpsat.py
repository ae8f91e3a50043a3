import numpy as np
import pytest

from solver.cpsat import Effort, find, minimise
from solver.model import Arrays, LinearModel, Row
from tests.solver.build import ints


def _gain(count: int = 3, constant: int = 0) -> Arrays:
    """At most 2 of `count` pieces; tier 0 gains 5 for each, tier 1 costs its number."""
    model = LinearModel(2)
    cols = [model.var(0, 1, 0) for _ in range(count)]
    model.row(cols, [1] * count, hi=2)
    model.constant(0, constant)
    for number, col in enumerate(cols):
        model.cost(0, col, -5)
        model.cost(1, col, number)
    return model.arrays()


@pytest.mark.parametrize("effort", [Effort(), Effort(light=True)])
def test_value_and_bound_meet_at_the_optimum(effort: Effort) -> None:
    arrays = _gain(constant=100)
    found = minimise(arrays, 0, (), arrays.hint, effort)
    assert found.x is not None
    assert found.bound == arrays.value(0, found.x) == 90


def test_earlier_tiers_keep_their_limits() -> None:
    arrays = _gain(constant=100)
    found = minimise(arrays, 1, (90,), ints(0, 1, 1), Effort())
    assert found.x is not None
    assert arrays.value(0, found.x) == 90
    assert found.bound == arrays.value(1, found.x) == 1


@pytest.mark.parametrize("effort", [Effort(seconds=0.0), Effort(work=0.0), Effort(seconds=0.0, rough=True)])
def test_cut_off_before_it_began_it_claims_nothing_that_is_false(effort: Effort) -> None:
    arrays = _gain(200)
    for _ in range(5):
        found = minimise(arrays, 0, (), arrays.hint, effort)
        assert found.bound is None or found.bound <= -10, "0 is no bound here, only CP-SAT's default"


def test_improving_solutions_are_heard() -> None:
    rng = np.random.default_rng(3)
    model = LinearModel(1)
    cols = [model.var(0, 1, 0) for _ in range(120)]
    for _ in range(25):
        weights = rng.integers(1, 60, 120).tolist()
        model.row(cols, weights, hi=sum(weights) // 3)
    for col in cols:
        model.cost(0, col, -int(rng.integers(20, 60)))
    arrays = model.arrays()
    heard: list[int] = []
    found = minimise(arrays, 0, (), arrays.hint, Effort(seconds=1.5), lambda x: heard.append(arrays.value(0, x)))
    assert found.x is not None
    assert arrays.broken_row(found.x) is None
    assert heard == sorted(heard, reverse=True)
    assert found.bound is not None
    assert found.bound <= arrays.value(0, found.x)


def test_an_infeasible_model_has_neither() -> None:
    model = LinearModel(1)
    col = model.var(0, 1, 0)
    model.row([col], [1], lo=2)
    found = minimise(model.arrays(), 0, (), ints(0), Effort())
    assert (found.x, found.bound) == (None, None)


def test_a_known_bound_changes_no_answer() -> None:
    arrays = _gain(constant=100)
    found = minimise(arrays, 0, (), arrays.hint, Effort(), at_least=90)
    assert found.x is not None
    assert found.bound == arrays.value(0, found.x) == 90


def test_find_tells_what_is_impossible() -> None:
    arrays = _gain()
    x, impossible, *_ = find(arrays, Effort(work=1.0))
    assert x is not None
    assert (arrays.broken_row(x), impossible) == (None, False)
    three = arrays.extended(0, [Row([0, 1, 2], [1, 1, 1], lo=3)])
    assert find(three, Effort(work=1.0))[:2] == (None, True)
    assert find(_gain(200), Effort(work=0.0))[1] is False
