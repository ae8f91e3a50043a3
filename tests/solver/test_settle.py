"""The admitted set is fixed only where the proven tier forces it."""

import numpy as np

from solver.atoms import Capacity, RefuseCharge, UnitCharge
from solver.cells import fine_cells
from solver.check import values
from solver.cpsat import Effort
from solver.encode import encode
from solver.items import Bins, Bundle, Demand, Item, Part
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.settle import certain, numbered, numbers
from solver.solve import Budget, State, solve
from solver.workers import Inline


def rivals(first: int, second: int) -> Problem:
    """Two items for one device, worth `first` and `second`; the device costs each item 7 and 3 in the second tier."""
    items = tuple(
        Item(name, (Bundle(name),), (Part(name, Demand(devices=1, resources=()), 1, 1),)) for name in ("a", "b")
    )
    bins = Bins(np.array([[1000]], np.int64), np.zeros((1, 0), np.int64))
    worth = RefuseCharge("refused", 0, {(0, 0): first, (1, 0): second})
    prices = (UnitCharge("price", 1, i, 0, np.array([cost], np.int64)) for i, cost in enumerate((7, 3)))
    return Problem(bins, (), items, (Capacity(), worth, *prices), tiers=2)


def settled(problem: Problem, item: int) -> bool:
    """Whether the plan that places this item is the only way to its first tier."""
    plan = Plan({item: ((Seat(0, ((0, 1000),)),),)})
    encoded = encode(problem, fine_cells(problem), plan)
    hint = encoded.arrays.hint
    parts, work = certain(encoded, hint, values(problem, plan)[:1], encoded.columns, Effort(work=1.0))
    assert work >= 0
    assert numbered(encoded, numbers(encoded, hint)).broken_row(hint) is None
    assert parts in (frozenset(), frozenset(encoded.columns))
    return bool(parts)


def test_a_better_item_is_the_only_way() -> None:
    assert settled(rivals(5, 4), 0)


def test_equal_items_leave_a_choice() -> None:
    assert not settled(rivals(5, 5), 0)
    assert not settled(rivals(5, 4), 1)


def test_the_choice_that_is_left_is_made_by_the_next_tier() -> None:
    for worth, wanted in (((5, 5), (5, 3)), ((5, 4), (4, 7))):
        found = solve(rivals(*worth), Budget(work=1.0), clock=lambda: 0.0, workers=Inline())
        assert (found.state, found.report.values) == (State.OPTIMAL, wanted)
