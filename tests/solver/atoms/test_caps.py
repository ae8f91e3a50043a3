"""Caps: limits in disjoint groups of bins, rounded down per part, held where they are broken already."""

import numpy as np
import pytest

from solver.atoms import Capacity, Caps, RefuseCharge
from solver.cells import coarse_cells
from solver.check import check
from solver.encode import encode
from solver.items import Bins, Bundle, Demand, Item, Part
from solver.lp import lp_bound
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.solve import Budget, State, solve
from solver.workers import Inline


def caps(*, limit: tuple[int, int], base: tuple[int, int] = (0, 0), use: int = 3) -> Caps:
    """Bins 0 and 1 in group 0, bin 2 in group 1, bin 3 free; two items of two replicas."""
    each = np.array([use, use], np.int64)
    return Caps(
        "power",
        ("rack 0", "rack 1"),
        np.array([0, 0, 1, -1], np.int64),
        {(0, 0): each, (1, 0): each},
        np.array(base, np.int64),
        np.array(limit, np.int64),
    )


def problem(atom: Caps) -> Problem:
    """Four bins of two devices each."""
    items = tuple(
        Item(name, (Bundle(name),), (Part(name, Demand(devices=1, resources=()), 2, 2),)) for name in ("a", "b")
    )
    bins = Bins(np.full((4, 2), 1000, np.int64), np.zeros((4, 0), np.int64))
    worth = RefuseCharge("refused", 0, {(0, 0): 1, (1, 0): 1})
    return Problem(bins, (), items, (Capacity(), atom, worth))


def at(*bins: int) -> tuple[tuple[Seat, ...], ...]:
    """One replica in each of the bins, first device."""
    return (tuple(Seat(b, ((0, 1000),)) for b in bins),)


def test_each_group_has_its_own_limit() -> None:
    asked = problem(caps(limit=(5, 5)))
    assert not check(asked, Plan({0: at(0, 2)})).violations
    (broken,) = check(asked, Plan({0: at(0, 1)})).violations
    assert (broken.rule, broken.items, broken.detail) == ("power", (0,), "rack 0: load 6 above the limit 5")
    second = ((Seat(0, ((0, 1000),)), Seat(3, ((1, 1000),))),)
    assert not check(asked, Plan({0: at(2, 3), 1: second})).violations


def test_a_broken_base_is_held() -> None:
    asked = problem(caps(limit=(5, 5), base=(9, 0)))
    assert not check(asked, Plan({0: at(2, 3)})).violations
    assert check(asked, Plan({0: at(0, 3)})).violations


def test_the_search_proves_what_fits_under_the_caps() -> None:
    # One replica in each rack and two in the free bin: all four fit, with less only two.
    for limit, missing in (((5, 5), 0), ((2, 2), 2)):
        found = solve(problem(caps(limit=limit)), Budget(work=1.0), clock=lambda: 0.0, workers=Inline())
        assert (found.state, found.report.values) == (State.OPTIMAL, (missing,))


def test_fixed_items_become_base() -> None:
    asked = problem(caps(limit=(5, 5)))
    (rest,) = asked.atoms[1].given(asked, Plan({0: at(0, 2)}))
    assert isinstance(rest, Caps)
    assert rest.base.tolist() == [3, 3]


def test_figures_that_do_not_fit_each_other_are_refused() -> None:
    good = caps(limit=(5, 5))
    with pytest.raises(ValueError, match="same groups"):
        problem(Caps(good.rule, ("rack 0",), good.labels, good.use, good.base, good.limit))
    with pytest.raises(ValueError, match="not negative"):
        problem(caps(limit=(5, 5), use=-1))


def test_merged_groups_count_no_more_chunks_than_their_limits_hold() -> None:
    """Three groups with room for half a replica each: a sum of the limits would let one and a half in."""
    each = np.array([4, 4, 4], np.int64)
    atom = Caps(
        "power",
        ("a", "b", "c"),
        np.array([0, 1, 2], np.int64),
        {(0, 0): each},
        np.zeros(3, np.int64),
        np.array([2, 2, 2], np.int64),
    )
    wide = Item("wide", (Bundle("wide"),), (Part("wide", Demand(devices=2), 1, 1),))
    bins = Bins(np.full((3, 2), 1000, np.int64), np.zeros((3, 0), np.int64))
    case = Problem(bins, (), (wide,), (Capacity(), atom, RefuseCharge("refused", 0, {(0, 0): 5})))
    merged = encode(case, coarse_cells(case), Plan())
    assert len(merged.cells.members) == 1
    found = lp_bound(merged.arrays, 0, (), "coarse", None)
    assert found is not None
    assert found[0] == 5
