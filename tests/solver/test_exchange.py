"""Exchange of choices between blocks: its solutions are solutions, and on small models the best ones."""

from itertools import product
from random import Random

import numpy as np
import pytest

from solver.atoms import Caps, RefuseCharge, UnitCharge
from solver.cells import fine_cells
from solver.certificate import with_limits
from solver.encode import encode
from solver.exchange import Exchange
from solver.items import Bins, Bundle, Demand, Item, Part
from solver.model import Arrays, LinearModel
from solver.plan import Plan
from solver.problem import Problem

_BLOCKS = 3


def _model(seed: int, *, spare: bool) -> Arrays:
    """Seven choices between three knapsacks, and none of them where it may `spare` one; rows 0 to 2 are the blocks."""
    random, choices = Random(seed), 7
    model = LinearModel(1)
    columns = np.array([[model.var(0, 1, 0) for _ in range(_BLOCKS)] for _ in range(choices)])
    for column in columns.ravel().tolist():
        model.cost(0, column, random.randint(1, 30))
    uses = np.array([[random.randint(2, 9) for _ in range(_BLOCKS)] for _ in range(choices)])
    for block in range(_BLOCKS):
        model.row(columns[:, block].tolist(), uses[:, block].tolist(), hi=int(uses[:, block].sum()) // 3 + 4)
    for row in columns.tolist():
        out = model.var(0, 1, 0)
        model.cost(0, out, 50)
        model.row([*row, out], [1] * (_BLOCKS + 1), lo=1, hi=1)
        if not spare:
            model.row([out], [1], hi=0)
    return model.arrays()


def _best(arrays: Arrays) -> int | None:
    """The optimum, by trying all."""
    choices = [arrays.columns[arrays.indptr[r] : arrays.indptr[r + 1]] for r in range(arrays.rows)]
    choices = [one for one, hi in zip(choices, arrays.row_lo.tolist(), strict=True) if hi == 1]
    found = []
    for taken in product(*choices):
        x = np.zeros(arrays.variables, np.int64)
        x[list(taken)] = 1
        if arrays.broken_row(x) is None:
            found.append(arrays.value(0, x))
    return min(found, default=None)


@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_small_models_are_solved(seed: int, spare: bool) -> None:
    arrays = _model(seed, spare=spare)
    best = _best(arrays)
    exchange = Exchange(arrays, 0, tuple(range(_BLOCKS)), np.ones(_BLOCKS))
    found = exchange.improved(np.full(arrays.variables, 0.3), seed, 60, lambda: False)
    if best is None:
        assert found is None
        return
    assert found is not None
    assert arrays.broken_row(found[1]) is None
    assert arrays.value(0, found[1]) == found[0] == best


def test_a_limit_of_an_earlier_tier_is_kept() -> None:
    """Five jobs, room for three: two are left out, which is what the first tier needs, and no more."""
    items = tuple(Item(f"job-{j}", (Bundle("main"),), (Part("main", Demand(), 1, 1),)) for j in range(5))
    weights = [np.array([4 + j % 2, 5 - j % 2], np.int64) for j in range(5)]
    atoms = (
        Caps(
            "load",
            ("a", "b"),
            np.arange(2),
            {(j, 0): weights[j] for j in range(5)},
            np.zeros(2, np.int64),
            np.array([9, 6], np.int64),
        ),
        RefuseCharge("left out", 0, {(j, 0): 1 for j in range(5)}),
        *(UnitCharge("cost", 1, j, 0, np.array([3 * j + 1, 9 - j], np.int64)) for j in range(5)),
    )
    problem = Problem(Bins(np.zeros((2, 1), np.int64), np.zeros((2, 0), np.int64)), (), items, atoms, 2)
    arrays = encode(problem, fine_cells(problem), Plan()).arrays
    limited = with_limits(arrays, (2,))
    blocks = tuple(
        r
        for r in range(arrays.rows)
        if set(np.abs(arrays.coefficients[arrays.indptr[r] : arrays.indptr[r + 1]]).tolist()) == {4, 5}
    )
    exchange = Exchange(limited, 1, blocks, np.ones(len(blocks)))
    found = exchange.improved(np.full(limited.variables, 0.5), 0, 40, lambda: False)
    assert found is not None
    assert limited.broken_row(found[1]) is None
    assert arrays.value(0, found[1]) == 2


def test_other_models_are_refused() -> None:
    model = LinearModel(1)
    columns = [model.var(0, 2, 0) for _ in range(3)]
    model.row(columns, [1, 1, 1], lo=1, hi=1)
    model.row(columns[:2], [2, 3], hi=4)
    with pytest.raises(ValueError, match="belongs to no choice"):
        Exchange(_free(), 0, (0,), np.ones(1))
    with pytest.raises(ValueError, match="two columns in one block"):
        Exchange(model.arrays(), 0, (1,), np.ones(1))


def _free() -> Arrays:
    model = LinearModel(1)
    columns = [model.var(0, 1, 0) for _ in range(3)]
    model.row(columns, [2, 3, 4], hi=4)
    return model.arrays()


def test_the_same_seed_gives_the_same_solution() -> None:
    arrays = _model(3, spare=True)
    found = [
        Exchange(arrays, 0, (0, 1, 2), np.ones(3)).improved(np.zeros(arrays.variables), 5, 5, lambda: False)
        for _ in range(2)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][1].tolist() == found[1][1].tolist()
