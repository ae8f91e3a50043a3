"""The neediest first: loads that should reach a level are filled evenly, whatever the items' own costs say."""

import numpy as np

from solver.atoms import Hinge, RefuseCharge, Share, Together
from solver.check import check
from solver.even import fill_evenly
from solver.greedy import greedy
from solver.ground import Ground
from solver.problem import Problem
from tests.solver.build import bins, ints, item, part, problem

FREE = [[1000] * 4]


def _levels(*at: int) -> tuple[Hinge, ...]:
    return tuple(Hinge(level, 1, below=True) for level in at)


def _two(refusal_tier: int, share_tier: int) -> Problem:
    """One bin of 4 devices; items 0 to 3 add to the load x, 4 and 5 to y; each should reach 1 .. 4."""
    items = [item(part(devices=1)) for _ in range(6)]
    use = {"x": {(i, 0): 1 for i in range(4)}, "y": {(i, 0): 1 for i in (4, 5)}}
    shares = [Share("s", name, uses, hinges=_levels(1, 2, 3, 4), tier=share_tier) for name, uses in use.items()]
    refuse = RefuseCharge("r", refusal_tier, {(i, 0): 5 if i < 4 else 4 for i in range(6)})
    return problem(bins(FREE), items, [refuse, *shares], tiers=2)


def test_what_is_missing_most_goes_first() -> None:
    case = _two(refusal_tier=1, share_tier=0)
    ground = Ground(case)
    assert fill_evenly(ground)
    assert {4, 5} <= ground.seats.keys()
    assert len(ground.seats) == 4
    assert check(case, ground.plan()).values == ground.values() == (3 + 3, 10)
    assert greedy(case)[0].seats.keys() == ground.seats.keys()
    assert not fill_evenly(Ground(case, lambda: True))


def test_dearer_work_goes_first_where_its_tier_is_earlier() -> None:
    case = _two(refusal_tier=0, share_tier=1)
    ground = Ground(case)
    assert fill_evenly(ground)
    assert ground.seats.keys() == {0, 1, 2, 3}
    assert greedy(case)[0].seats.keys() == {0, 1, 2, 3}


def test_what_stands_counts_and_an_item_without_room_is_passed_over() -> None:
    """x holds 2 by its base and 1 by item 0, which is placed already; y's item 4 asks for too much."""
    items = [item(part(devices=1)) for _ in range(4)] + [item(part(devices=5)), item(part(devices=1))]
    shares = [
        Share("s", "x", {(i, 0): 1 for i in range(4)}, base=2, hinges=_levels(1, 2, 3, 4, 5), tier=0),
        Share("s", "y", {(4, 0): 5, (5, 0): 1}, hinges=_levels(1, 2, 3, 4, 5), tier=0),
    ]
    case = problem(bins(FREE), items, shares)
    ground = Ground(case)
    seats = greedy(case)[0].seats[0]
    ground.settle(0, seats)
    assert fill_evenly(ground)
    assert {0, 5} <= ground.seats.keys()
    assert 4 not in ground.seats


def test_a_load_in_some_bins_counts_what_lies_there() -> None:
    """Only bin 1 counts for x, and item 0 goes to bin 0, which fits tighter: x is as needy as before."""
    items = [item(part(devices=1)) for _ in range(3)]
    inside = np.array([False, True])
    shares = [Share("s", "x", {(0, 0): 3, (1, 0): 2}, inside, hinges=_levels(3), tier=0)]
    shares.append(Share("s", "y", {(2, 0): 1}, hinges=_levels(1), tier=0))
    case = problem(bins([[1000, 0, 0], [1000, 1000, 1000]]), items, shares)
    ground = Ground(case)
    assert fill_evenly(ground)
    assert ground.seats[0][0][0].bin == 0
    assert ground.seats[1][0][0].bin == 1
    assert check(case, ground.plan()).values == ground.values()


def test_followers_come_after_their_leaders_by_the_other_orders() -> None:
    """Item 0 may only be placed beside item 1, which adds to no load."""
    items = [item(part(devices=1)) for _ in range(2)]
    share = Share("s", "x", {(0, 0): 1}, hinges=_levels(1), tier=0)
    refuse = RefuseCharge("r", 1, {(1, 0): 1})
    follow = Together("t", partition=0, leader=1, follower=0)
    case = problem(bins(FREE), items, [share, refuse, follow], [ints(0)], tiers=2)
    assert greedy(case)[0].seats.keys() == {0, 1}
