"""The model itself is judged by tests.verify; here only what its callers rely on."""

import numpy as np

from solver.atoms import RefuseCharge, SpanCharge, Together
from solver.items import Bundle
from solver.plan import Plan, Seat
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem, written

HALVES = ints(0, 0, 1, 1)
FOUR = bins([[1000, 1000]] * 4)


def test_counts_are_read_back_from_the_hint() -> None:
    case = problem(FOUR, [item(part(3, milli=250))], [SpanCharge("span", 0, 0, 0, 0, 1)], [HALVES])
    known = plan(i0=[[*at(0, milli=250), *at(2, 3, milli=250)]])
    cells, encoded = written(case, known)
    assert [m.tolist() for m in cells.members] == [[0, 1], [2, 3]]
    assert encoded.counts(encoded.arrays.hint) == {(0, 0): {0: 1, 1: 2}}
    assert encoded.arrays.value(0, encoded.arrays.hint) == 1


def test_rows_do_not_depend_on_the_known_plan() -> None:
    """A certificate found with one hint can be evaluated on the model with another."""
    gang = item(part(2, milli=300), part(1, devices=1))
    case = problem(FOUR, [gang, gang], [SpanCharge("span", 0, 0, 0, 0, 3), Together("t", 0, 0, 1, 2, 0)], [HALVES])
    share = ((1, 300),)
    known = plan(i0=[[Seat(0, share), Seat(2, share)], [Seat(0, ((0, 1000),))]])
    _, one = written(case, known)
    _, other = written(case, Plan())
    for name in ("lower", "upper", "indptr", "columns", "coefficients", "row_lo", "row_hi"):
        assert np.array_equal(getattr(one.arrays, name), getattr(other.arrays, name)), name
    assert one.arrays.broken_row(one.arrays.hint) is None
    assert other.arrays.broken_row(other.arrays.hint) is None


def test_empty_groups_do_not_count_as_groups() -> None:
    tree = (Bundle("root", -1, 1), Bundle("a", 0), Bundle("b", 0))
    gang = item(part(1, bundle=0), part(1, 0, bundle=1, devices=3), part(1, 0, bundle=2, devices=1), bundles=tree)
    refuse = RefuseCharge("refuse", 0, {(0, 0): 5})
    assert optimum(problem(FOUR, [gang], [refuse])) == (0,)
    assert optimum(problem(bins([[500, 500]]), [gang], [refuse])) == (5,), "no group has a replica anywhere"


def test_a_problem_without_items_or_bins() -> None:
    assert optimum(problem(FOUR, [])) == (0,)
    empty = bins([], [])
    assert optimum(problem(empty, [], [], [])) == (0,)


def test_a_whole_device_is_not_one_that_shares_have_opened() -> None:
    """530 + 530 + 300 + 300 + 190 = 1850 needs three devices, which no chunk row sees; the fourth is whole."""
    shares = item(part(2, milli=530), part(2, milli=300), part(1, milli=190))
    refuse = RefuseCharge("refuse", 0, {(0, 0): 10, (1, 0): 1})
    for devices, best in ((3, 1), (4, 0)):
        case = problem(bins([[1000] * devices]), [shares, item(part(1, devices=1))], [refuse])
        assert optimum(case) == (best,)
