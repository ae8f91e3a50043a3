from random import Random

import numpy as np
import pytest

from solver.certificate import evaluate, round_multipliers, with_limits
from solver.lp import leading_rows, lp_bound
from solver.model import Arrays, LinearModel
from tests.solver.build import ints
from tests.verify.exact import lexicographic


def _knapsack() -> Arrays:
    """Maximise 5x + 4y + 3z with 2x + 3y + z <= 5 and 4x + y + 2z <= 11 (as a cost), x, y, z in 0..3."""
    model = LinearModel(2)
    cols = [model.var(0, 3, 0) for _ in range(3)]
    model.row(cols, [2, 3, 1], hi=5)
    model.row(cols, [4, 1, 2], hi=11)
    model.constant(0, 100)
    for col, gain in zip(cols, (5, 4, 3), strict=True):
        model.cost(0, col, -gain)
        model.cost(1, col, 1)
    return model.arrays()


def test_a_bound_by_hand() -> None:
    arrays = _knapsack()
    assert evaluate(arrays, 0, 1, ints(0, 0)) == 100 - 3 * (5 + 4 + 3)
    # y = (-1, -1): reduced costs 1, 0, 0 -> 100 - 5 - 11
    assert evaluate(arrays, 0, 1, ints(-1, -1)) == 100 - 16
    assert evaluate(arrays, 0, 2, ints(-3, -2)) == 100 - 18, "100 - 37/2 is rounded up"


def test_a_multiplier_against_a_missing_limit_proves_nothing() -> None:
    assert evaluate(_knapsack(), 0, 1, ints(1, 0)) is None


def test_figures_beyond_exact_arithmetic_prove_nothing() -> None:
    assert evaluate(_knapsack(), 0, 1, ints(-(2**61), 0)) is None


def test_limits_become_rows() -> None:
    limited = with_limits(_knapsack(), (90,))
    assert limited.rows == 3
    assert limited.row_hi[-1] == -10
    assert limited.broken_row(ints(2, 0, 0)) is None
    assert limited.broken_row(ints(1, 0, 0)) == 2
    assert evaluate(limited, 1, 5, ints(0, 0, -1)) == 2, "a gain of 10 needs at least two pieces"


def test_rounding_drops_what_points_at_nothing() -> None:
    scale, y = round_multipliers(_knapsack(), 0, np.array([0.5, -0.25]))
    assert y.tolist() == [0, -scale // 4]
    _, y = round_multipliers(_knapsack(), 0, np.array([np.nan, -np.inf]))
    assert y.tolist() == [0, 0]


def test_the_lp_bound_carries_its_certificate() -> None:
    found = lp_bound(_knapsack(), 0, (), "fine", None)
    assert found is not None
    value, proof = found.value, found.certificate
    assert value == 100 - 14, "x = 1, z = 3"
    y = np.zeros(2, np.int64)
    y[list(proof.rows)] = proof.multipliers
    assert evaluate(_knapsack(), 0, proof.scale, y) == value


def test_an_lp_over_some_rows_proves_a_bound_of_the_whole_model() -> None:
    found = lp_bound(_knapsack(), 0, (), "fine", None, ints(1))
    assert found is not None
    assert found.certificate.rows == (1,)
    y = np.zeros(2, np.int64)
    y[1] = found.certificate.multipliers[0]
    assert evaluate(_knapsack(), 0, found.certificate.scale, y) == found.value
    assert found.value == 77, "y = z = 3, x = 1/2: 100 - 23.5, rounded up"


def test_shares_resources_and_rounding_cuts_do_not_lead() -> None:
    model = LinearModel(1)
    cols = [model.var(0, 3, 0) for _ in range(2)]
    for about in ("resources", 500, 1000, 8000, "rack 7", None):
        model.begin("capacity", about=about)
        model.row(cols, [2, 3], hi=5)
    model.begin("quota")
    model.capped([(cols[0], 2, 3), (cols[1], 3, 3)], 7)
    arrays = model.arrays()
    assert arrays.rows == 9, "the last row has two cuts"
    assert leading_rows(arrays).tolist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("seed", range(3))
def test_no_multipliers_prove_too_much(seed: int) -> None:
    rng = Random(seed)
    for _ in range(40):
        model = LinearModel(1)
        cols = [model.var(low := rng.randint(-2, 1), low + rng.randint(0, 3), low) for _ in range(4)]
        for _ in range(3):
            some = rng.sample(cols, 3)
            middle = rng.randint(-4, 6)
            model.row(some, [rng.randint(-3, 3) for _ in some], middle - rng.randint(0, 6), middle + 6)
        for col in cols:
            model.cost(0, col, rng.randint(-5, 5))
        arrays = model.arrays()
        best = lexicographic(arrays)
        if best is None:
            continue
        for _ in range(20):
            y = ints(*(rng.randint(-6, 6) for _ in range(3)))
            bound = evaluate(arrays, 0, rng.choice((1, 2, 3)), y)
            assert bound is not None
            assert bound <= best[0][0]
