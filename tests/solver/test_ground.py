"""The ground: offers that are kept up to date agree with offers made anew; what is taken back leaves no trace."""

import gc
import weakref
from random import Random

import numpy as np

from solver.atoms import Allow, RefuseCharge, Remainder, UnitCharge, Vacant
from solver.check import check
from solver.gang import Gang
from solver.ground import Ground
from solver.items import Demand, Part
from solver.offer import FAR
from solver.plan import Seat
from solver.problem import Problem
from tests.solver.build import bins, ints, item, part, problem

RACKS, ROW = ints(0, 0, 1, 1, 2, 2), ints(0, 0, 0, 0, 1, 1)


def _case() -> Problem:
    free = bins([[1000] * 4] * 3 + [[1000, 500, 0, 0]] * 3, [[4]] * 6)
    items = [
        item(Part("a", Demand(devices=1, resources=(1,)), 4, 4)),
        item(Part("b", Demand(devices=2, resources=(1,)), 2, 2)),
        item(Part("c", Demand(milli=250, resources=(0,)), 5, 5)),
        item(Part("d", Demand(resources=(2,)), 2, 2)),
    ]
    atoms = [
        RefuseCharge("r", 0, {(i, 0): 9 for i in range(4)}),
        UnitCharge("u", 0, 0, 0, ints(3, 1, 2, 3, 1, 2)),
        Allow("a", 2, 0, np.array([True, True, False, True, True, True])),
        Remainder("left", 0, (1, 2), np.ones((6, 2), np.int64)),
    ]
    return problem(free, items, atoms, [RACKS, ROW])


def _same(kept: Ground) -> None:
    """Every offer as a ground that starts from here would make it."""
    fresh = Ground(kept.problem)
    for placed, seats in kept.seats.items():
        fresh.settle(placed, seats)
    assert fresh.values() == kept.values() == check(kept.problem, kept.plan()).values
    for i in range(len(kept.problem.items)):
        old, new = kept.offer((i, 0)), fresh.offer((i, 0))
        assert old.bins.tolist() == new.bins.tolist()
        assert old.room.tolist() == new.room.tolist()
        assert old.cost.tolist() == new.cost.tolist()
        for labels in kept.problem.partitions:
            assert old.held(labels).tolist() == new.held(labels).tolist()
            assert old.low(labels).tolist() == new.low(labels).tolist()


def test_offers_follow_what_is_taken_and_given() -> None:
    case, rng = _case(), Random(4)
    ground = Ground(case)
    _same(ground)
    for _ in range(40):
        i = rng.randrange(len(case.items))
        if i in ground.seats:
            seats = ground.drop(i)
            assert ground.fits(i, seats)
        else:
            demand = case.items[i].parts[0].demand
            taken: list[Seat] = []
            for _ in range(case.items[i].parts[0].count):
                offer = ground.offer((i, 0))
                room = offer.bins[offer.room > 0]
                taken += ground.free.take(demand, int(rng.choice(room)), 1) if room.size else []
            ground.settle(i, (tuple(sorted(taken)),), taken=True)
        _same(ground)


def test_a_bin_without_room_is_far_away() -> None:
    case = problem(bins([[1000], [0]]), [item(part(1, devices=1))], [UnitCharge("u", 0, 0, 0, ints(2, 0))])
    ground = Ground(case)
    offer = ground.offer((0, 0))
    assert offer.bins.tolist() == [0], "the other bin could never hold it"
    assert (offer.room.tolist(), offer.cost.tolist()) == ([1], [2])
    ground.free.take(case.items[0].parts[0].demand, 0, 1)
    offer.sync()
    assert (offer.room.tolist(), offer.cost.tolist()) == ([0], [FAR])


def test_seats_that_are_taken_do_not_fit() -> None:
    case = _case()
    ground = Ground(case)
    seats = (tuple(ground.free.take(case.items[1].parts[0].demand, 0, 2)),)
    ground.settle(1, seats, taken=True)
    assert not ground.fits(1, seats)
    ground.drop(1)
    assert ground.fits(1, seats)


def test_how_limits_lie_in_a_partition() -> None:
    ground = Ground(_case())
    home, _ = ground.nesting(RACKS, 1)
    assert home is not None
    assert home.tolist() == [0, 0, 1]
    home, group = ground.nesting(ints(0, 0, 0, 0, -1, -1), 0)
    assert home is None
    assert group.tolist() == [0, 0, -1]


def test_a_group_that_should_stay_free_has_a_price_until_it_is_used() -> None:
    one = item(part(1, devices=1))
    case = problem(bins([[1000]] * 4), [one, one], [Vacant("v", 0, ints(0, 0, 1, -1), 2, 7)])
    ground = Ground(case)
    assert ground.offer((0, 0)).cost.tolist() == [7, 7, 7, 0]
    ground.settle(0, ((Seat(0, ((0, 1000),)),),))
    assert ground.offer((1, 0)).cost.tolist() == [FAR, 0, 7, 0]
    assert ground.values() == check(case, ground.plan()).values == (7,)
    ground.drop(0)
    assert ground.offer((1, 0)).cost.tolist() == [7, 7, 7, 0]
    assert ground.values() == (0,)


def test_a_ground_is_gone_without_the_garbage_collector() -> None:
    """Decisions run with the collector paused; what they leave to it is looked through after their deadline."""
    ground = Ground(_case())
    ground.offer((0, 0))
    assert Gang(ground, 0).place() is not None
    gone = weakref.ref(ground)
    gc.disable()
    try:
        del ground
        assert gone() is None
    finally:
        gc.enable()
