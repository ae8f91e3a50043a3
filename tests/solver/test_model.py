import numpy as np

from solver.model import LinearModel
from tests.solver.build import ints


def _small() -> LinearModel:
    model = LinearModel(2)
    x, y = model.var(0, 3, 1), model.var(0, 1, 0)
    model.row([x, y], [1, -3], hi=0)
    model.row([], [], hi=0)
    model.row([x], [2], lo=2, hi=6)
    model.cost(0, x, 5)
    model.cost(0, x, 1)
    model.cost(0, y, 0)
    model.constant(0, 10)
    model.cost(1, y, -4)
    return model


def test_values_are_exact() -> None:
    arrays = _small().arrays()
    assert arrays.value(0, ints(2, 1)) == 10 + 6 * 2
    assert arrays.value(1, ints(2, 1)) == -4
    huge = LinearModel(1)
    col = huge.var(0, 2**40, 0)
    huge.cost(0, col, 2**40)
    assert huge.arrays().value(0, ints(2**40)) == 2**80


def test_the_first_broken_row_is_named() -> None:
    arrays = _small().arrays()
    assert arrays.broken_row(ints(1, 1)) is None
    assert arrays.broken_row(ints(1, 0)) == 0
    assert arrays.broken_row(ints(0, 0)) == 2
    assert arrays.broken_row(ints(4, 1)) == -1
    assert arrays.broken_row(arrays.hint) == 0


def test_an_empty_row_with_limits_that_zero_breaks() -> None:
    model = LinearModel(1)
    model.var(0, 1, 0)
    model.row([], [], lo=1)
    assert model.arrays().broken_row(ints(0)) == 0


def test_without_rows_and_without_columns() -> None:
    model = LinearModel(1)
    assert model.arrays().broken_row(np.zeros(0, np.int64)) is None
    model.var(0, 1, 1)
    arrays = model.arrays()
    assert (arrays.rows, arrays.variables) == (0, 1)
    assert arrays.broken_row(ints(1)) is None


def test_at_most_gates_columns() -> None:
    model = LinearModel(1)
    x, y, gate = model.var(0, 5, 0), model.var(0, 5, 0), model.var(0, 1, 0)
    model.at_most([x, y], gate, 5)
    arrays = model.arrays()
    assert arrays.broken_row(ints(2, 3, 1)) is None
    assert arrays.broken_row(ints(1, 0, 0)) == 0
    assert arrays.broken_row(ints(3, 3, 1)) == 0


def test_capped_adds_what_rounding_cuts_off() -> None:
    model = LinearModel(1)
    cols = [model.var(0, 5, 0) for _ in range(3)]
    model.capped([(cols[0], 1, 5), (cols[1], 2, 5), (cols[2], 4, 5)], 7)
    arrays = model.arrays()
    limits = [int(high) for high in arrays.row_hi]
    rows = [arrays.columns[a:b].tolist() for a, b in zip(arrays.indptr[:-1], arrays.indptr[1:], strict=True)]
    assert (rows, limits) == ([cols, cols[1:], cols[2:]], [7, 3, 1])
    for x in np.ndindex(6, 6, 6):
        assert (arrays.broken_row(ints(*x)) is None) == (x[0] + 2 * x[1] + 4 * x[2] <= 7)


def test_capped_writes_nothing_that_cannot_bind() -> None:
    model = LinearModel(1)
    model.capped([(model.var(0, 2, 0), 3, 2)], 6)
    assert model.arrays().rows == 0


def test_capped_with_many_uses_cuts_use_by_use() -> None:
    model = LinearModel(1)
    model.capped([(model.var(0, 9, 0), use, 9) for use in range(51, 81)], 100)
    arrays = model.arrays()
    assert arrays.rows == 31
    assert arrays.row_hi.tolist() == [100] + [1] * 30
    assert arrays.columns.size == 30 + 30


def test_beside_keeps_both_models_and_one_price() -> None:
    both = _small().arrays().beside(_small().arrays())
    half = both.variables // 2
    assert both.broken_row(ints(1, 1, 1, 1)) is None
    assert both.broken_row(ints(1, 1, 1, 0)) == both.rows // 2
    assert all(not costs[half:].any() for costs in both.objective)
