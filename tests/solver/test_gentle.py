"""Least damage first: what fits a rest goes there before what would break a whole device is looked at."""

import numpy as np

from solver.atoms import LeftValue, RefuseCharge, Together
from solver.check import check
from solver.gentle import fill_gently
from solver.greedy import greedy
from solver.ground import Ground
from solver.items import Demand, Part
from solver.problem import Problem
from tests.solver.build import bins, ints, item, problem

ONE, PAIR = Demand(devices=1), Demand(devices=2)


def _left(*demands: Demand, bins_: int) -> LeftValue:
    """Every expected slot is worth its volume."""
    slots, none = ints(*(d.volume for d in demands)), np.zeros(len(demands), np.int64)
    allowed, kind = np.ones((len(demands), 1), np.bool_), np.zeros(bins_, np.int64)
    return LeftValue("left", 1, demands, none, slots, allowed, kind, kind + 1000, 1000)


def _case() -> Problem:
    """A rest of 190, one of 470 and a pair of devices; the items come in an unlucky order."""
    free = bins([[190, 0], [470, 0], [1000, 1000]])
    items = [item(Part("p", Demand(milli=m), 1, 1)) for m in (470, 810, 190)]
    refuse = RefuseCharge("r", 0, {(i, 0): items[i].parts[0].demand.milli for i in range(3)})
    return problem(free, items, [refuse, _left(PAIR, Demand(milli=190), bins_=3)], tiers=2)


def test_rests_are_filled_before_devices_are_broken() -> None:
    case = _case()
    ground = Ground(case)
    assert fill_gently(ground, range(3), [1.0] * 3)
    assert [ground.seats[i][0][0].bin for i in range(3)] == [1, 2, 0]
    assert check(case, ground.plan()).values == ground.values()


def test_a_share_goes_to_the_device_where_it_takes_least() -> None:
    """Best fit would leave 60 of 530; expected pieces of 530 make the whole device cheaper."""
    free = bins([[530, 1000]])
    half = item(Part("p", Demand(milli=470), 1, 1))
    case = problem(free, [half], [RefuseCharge("r", 0, {(0, 0): 9}), _left(Demand(milli=530), bins_=1)], tiers=2)
    assert greedy(case)[0].seats[0][0][0].devices == ((1, 470),)


def test_dearer_work_goes_first_whatever_it_breaks() -> None:
    free = bins([[1000, 1000]])
    items = [item(Part("p", ONE, 1, 1)), item(Part("p", PAIR, 1, 1))]
    case = problem(free, items, [RefuseCharge("r", 0, {(0, 0): 1, (1, 0): 9}), _left(PAIR, bins_=1)], tiers=2)
    ground = Ground(case)
    assert fill_gently(ground, range(2), [1.0, 9.0])
    assert set(ground.seats) == {1}
    ground = Ground(case)
    assert fill_gently(ground, range(2), [9.0, 1.0])
    assert set(ground.seats) == {0}
    assert not fill_gently(Ground(case, lambda: True), range(2), [1.0, 1.0])


def test_greedy_begins_with_it_unless_leaders_come_first() -> None:
    case = _case()
    assert [greedy(case, tries=1)[0].seats[i][0][0].bin for i in range(3)] == [1, 2, 0]
    # Item 0 must be where item 1 is: by damage alone it would be placed first, and nowhere.
    follow = Together("t", partition=0, leader=1, follower=0)
    led = Problem(case.bins, (ints(0, 1, 2),), case.items, (*case.atoms, follow), 2)
    seats = greedy(led, tries=1)[0].seats
    assert seats[0][0][0].bin == seats[1][0][0].bin == 2
