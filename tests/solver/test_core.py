"""The core of a model: no solution up to its value is outside, and it is small close to the bound."""

from itertools import product
from random import Random

import numpy as np
import pytest

from solver.certificate import with_limits
from solver.core import Core
from solver.lp import lp_bound
from solver.model import Arrays, LinearModel


def _knapsack(rng: Random) -> Arrays:
    """A few whole-number columns with costs of both signs under two rows."""
    model = LinearModel(1)
    columns = [model.var(0, rng.randint(1, 2), 0) for _ in range(6)]
    for _ in range(2):
        model.row(columns, [rng.randint(1, 9) for _ in columns], hi=rng.randint(8, 20))
    for column in columns:
        model.cost(0, column, rng.randint(-20, 5))
    return model.arrays()


def _solutions(arrays: Arrays) -> list[tuple[int, np.ndarray]]:
    found = []
    for values in product(*(range(low, high + 1) for low, high in zip(arrays.lower, arrays.upper, strict=True))):
        x = np.array(values, np.int64)
        sums = np.add.reduceat(x[arrays.columns] * arrays.coefficients, arrays.indptr[:-1])
        if ((arrays.row_lo <= sums) & (sums <= arrays.row_hi)).all():
            found.append((arrays.value(0, x), x))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_every_solution_up_to_the_value_stays(seed: int) -> None:
    arrays = _knapsack(Random(seed))
    relaxed = lp_bound(arrays, 0, (), "fine", None)
    assert relaxed is not None
    core = Core(with_limits(arrays, ()), relaxed.certificate)
    every = _solutions(arrays)
    best = min(value for value, _ in every)
    assert relaxed.value <= best
    for value in range(relaxed.value, best + 12):
        within = core.within(value, arrays.hint, keep=False)
        for reached, x in every:
            assert reached > value or ((within.lower <= x) & (x <= within.upper)).all()


def test_the_core_grows_with_its_size_and_keeps_the_hint() -> None:
    arrays = _knapsack(Random(3))
    relaxed = lp_bound(arrays, 0, (), "fine", None)
    assert relaxed is not None
    core = Core(arrays, relaxed.certificate)
    values = [core.value(size) for size in range(8)]
    assert values == sorted(values)
    free = [int((a.lower < a.upper).sum()) for a in (core.within(v, arrays.hint, keep=False) for v in values)]
    assert free == sorted(free)
    assert free[0] < free[-1] == 6
    kept = core.within(relaxed.value, arrays.hint)
    assert ((kept.lower <= arrays.hint) & (arrays.hint <= kept.upper)).all()
    assert (kept.hint == arrays.hint).all()
