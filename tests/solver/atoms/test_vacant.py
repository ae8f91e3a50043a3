"""Groups of bins that are worth something while they hold nothing."""

from dataclasses import replace

import pytest

from solver.atoms import RefuseCharge, Stay, Vacant
from solver.greedy import greedy
from solver.items import Demand, Part
from solver.plan import Plan, Seat
from solver.problem import Problem
from tests.solver.build import bins, ints, item, optimum, part, plan, problem

FREE = bins([[1000, 1000]] * 5)
ONE = ((0, 1000),)
GROUPS = ints(0, 0, 1, 2, -1)
"""Three groups; the last bin is in none."""


@pytest.mark.parametrize(
    ("bins_used", "wanted", "cost"),
    [((), 3, 0), ((0,), 3, 7), ((0, 1), 3, 7), ((0, 2), 3, 14), ((4,), 3, 0), ((0, 2), 1, 0), ((0, 2, 3), 1, 7)],
)
def test_each_missing_group_costs(bins_used: tuple[int, ...], wanted: int, cost: int) -> None:
    atom = Vacant("vacant", 0, GROUPS, wanted, 7)
    case = problem(FREE, [item(part(3, 0, devices=1))], [atom])
    assert atom.cost(case, plan(i0=[[Seat(b, ONE) for b in bins_used]])) == cost


@pytest.mark.parametrize(
    ("count", "wanted", "cost"), [(2, 3, 0), (3, 3, 7), (5, 3, 7), (7, 3, 14), (7, 2, 7), (7, 1, 0)]
)
def test_the_model_fills_what_is_in_use_first(count: int, wanted: int, cost: int) -> None:
    """Two devices lie outside, four in the first group, two in each of the others."""
    must = RefuseCharge("refuse", 0, {(0, 0): 1000})
    case = problem(FREE, [item(part(count, devices=1))], [Vacant("vacant", 1, GROUPS, wanted, 7), must], tiers=2)
    assert optimum(case) == (0, cost)
    assert optimum(case, coarse=True) <= (0, cost)
    placed, _ = greedy(case)
    assert placed.count((0, 0)) == count


def test_work_without_devices_uses_a_group_too() -> None:
    free = bins([[1000]] * 2, [[1], [1]])
    must = RefuseCharge("refuse", 0, {(0, 0): 1000})
    case = problem(
        free, [item(Part("p", Demand(resources=(1,)), 2, 2))], [Vacant("v", 1, ints(0, -1), 1, 7), must], tiers=2
    )
    assert optimum(case) == (0, 7)


def test_what_is_fixed_takes_its_group_out() -> None:
    atom = Vacant("vacant", 0, GROUPS, 3, 7)
    case = problem(FREE, [item(part(1, devices=1))], [atom])
    [left] = atom.given(case, plan(i0=[[Seat(2, ONE)]]))
    assert isinstance(left, Vacant)
    assert (left.groups, left.wanted) == ((0, 2), 2)
    everywhere = plan(i0=[[Seat(b, ONE) for b in (0, 2, 3)]])
    assert list(atom.given(case, everywhere)) == []


def leaving(most: int) -> Problem:
    """A gang of one device in each of four bins; the first two bins shall be free. It moves at 100, once."""
    home = (tuple(Seat(b, ONE) for b in range(4)),)
    stay = Stay("stay", 1, 0, home, move_once=100, may_leave=False)
    vacant = Vacant("vacant", 0, ints(0, 1, -1, -1, -1), most, 7)
    return replace(problem(FREE, [item(part(4, devices=1))], tiers=2), atoms=(vacant, stay), homes={0: home})


def test_the_relaxation_sees_what_has_to_leave() -> None:
    """All groups are wanted: they are cells of their own, and the coarse bound is exact."""
    assert optimum(leaving(2)) == (0, 100)
    assert optimum(leaving(2), coarse=True) == (0, 100)
    assert optimum(leaving(1), coarse=True) <= (0, 100)


@pytest.mark.badinput
def test_labels_wanted_and_price_are_checked() -> None:
    for atom in (Vacant("v", 0, GROUPS[:2], 1, 7), Vacant("v", 0, GROUPS, 4, 7), Vacant("v", 0, GROUPS, 1, -1)):
        with pytest.raises(ValueError, match="v: "):
            problem(FREE, [item(part(1, devices=1))], [atom])
    assert Vacant("v", 0, GROUPS, 3, 7).cost(problem(FREE, []), Plan()) == 0
