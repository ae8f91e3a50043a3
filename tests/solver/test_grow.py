"""Items that run with fewer replicas than wanted: what growth costs, and how greedy, ruins and the search find it."""

from collections.abc import Sequence
from random import Random

import pytest

from solver.alone import pinned, solo
from solver.atoms import Capacity, Disruptions, Hinge, RefuseCharge, Share, Spread, Stay, UnitCharge, Within
from solver.check import check
from solver.even import wanted_loads
from solver.give_way import give_way
from solver.greedy import greedy
from solver.ground import Ground
from solver.grow import grow, may_grow
from solver.guards import Guards
from solver.items import Item
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from solver.ruin import Ruin
from tests.solver.build import bins, ints, item, optimum, part

RACKS = ints(0, 0, 1, 1)
ONE = ((0, 1000),)
HOME = ((Seat(0, ONE),),)
Seats = tuple[tuple[Seat, ...], ...]


def ran(devices: list[list[int]], items: list[Item], atoms: Sequence[Atom], homes: dict[int, Seats]) -> Problem:
    """A problem in which some items run; bins 0 and 1 are one domain, 2 and 3 another."""
    free = bins(devices)
    return Problem(free, (RACKS[: free.count],), tuple(items), (Capacity(), *atoms), homes=homes)


def running(*more: Atom, wants: int = 3) -> Problem:
    """An item of one-device replicas that runs on bin 0 of four, and wants more; a missing replica costs 10."""
    return ran([[1000]] * 4, [item(part(wants, 1, devices=1))], (RefuseCharge("r", 0, {(0, 0): 10}), *more), {0: HOME})


def placed(*where: int) -> Plan:
    return Plan({0: (tuple(Seat(b, ONE) for b in where),)})


def test_growth_moves_nothing_but_each_new_replica_starts_elsewhere() -> None:
    stay = Stay("s", 0, 0, HOME, move_once=100, move_each=3, leave_once=7)
    case = running(stay)
    for where, cost in (((0,), 0), ((0, 1), 3), ((0, 1, 2), 6), ((1,), 103), ((1, 2), 106)):
        assert stay.cost(case, placed(*where)) == cost
    assert stay.cost(case, Plan()) == 7
    assert optimum(case) == (6,), "two more replicas at 3 each"


def test_a_pinned_item_keeps_its_seats() -> None:
    stay = Stay("s", -1, 0, HOME, may_leave=False, pinned=True)
    cheaper = UnitCharge("u", 0, 0, 0, ints(9, 0, 0, 0))
    case = running(stay, cheaper, wants=2)
    assert optimum(case) == (9,), "it would rather sit on bins 1 and 2"
    assert [v.rule for v in check(case, placed(1, 2)).violations] == ["s"]
    assert [v.rule for v in check(case, Plan()).violations] == ["s"]
    assert not check(case, placed(0, 2)).violations
    guards = Guards(case, case.homes)
    guards.change(0, HOME, placed(0, 1).seats[0])
    assert not guards.broken()
    guards.change(0, placed(0, 1).seats[0], placed(1).seats[0])
    assert guards.broken()


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ((), 4),
        ((Within("w", 0, 0, 0),), 2),
        ((Spread("p", 0, (0,), 0, 1),), 2),
        ((Share("q", "quota", {(0, 0): 1}, limit=3),), 3),
    ],
)
def test_greedy_grows_as_far_as_the_rules_allow(more: tuple[Atom, ...], most: int) -> None:
    case = running(*more, wants=4)
    assert may_grow(case) == {0}
    plan, complete = greedy(case)
    assert complete
    assert not check(case, plan).violations
    assert plan.count((0, 0)) == most
    assert Seat(0, ONE) in plan.seats[0][0]
    assert optimum(case) == (10 * (4 - most),)


def test_growth_that_does_not_pay_is_taken_back() -> None:
    case = running(UnitCharge("u", 0, 0, 0, ints(0, 11, 11, 11)))
    ground = Ground(case)
    ground.settle(0, HOME)
    grow(ground, [0])
    assert ground.seats[0] == HOME


def test_what_waits_and_is_worth_more_comes_first() -> None:
    """One free bin: the waiting item is worth 11 or 9, a further replica 10."""
    for worth, count in ((11, 1), (9, 2)):
        items = [item(part(2, 1, devices=1)), item(part(1, devices=1))]
        case = ran([[1000]] * 2, items, [RefuseCharge("r", 0, {(0, 0): 10, (1, 0): worth})], {0: HOME})
        assert greedy(case)[0].count((0, 0)) == count
        assert optimum(case) == (min(10, worth),)


def test_a_search_by_ruins_gives_what_runs_its_growth_again() -> None:
    case = running(Within("w", 0, 0, 0), wants=2)
    ruin = Ruin(case, placed(0, 1), Random(0))
    for _ in range(50):
        ruin.step()
    assert ruin.values == (0,)
    ruin = Ruin(case, case.anchor, Random(0))
    for _ in range(50):
        ruin.step()
    assert ruin.values == (0,)


def test_what_gives_way_lets_others_grow_afterwards() -> None:
    """The large item takes the bin of the small one, which moves; the elastic one grows into what is left."""
    items = [item(part(2, 1, devices=1)), item(part(1, devices=1)), item(part(1, devices=2))]
    atoms = [RefuseCharge("r", 0, {(0, 0): 10, (1, 0): 5, (2, 0): 50})]
    case = ran([[1000, 0], [1000, 1000], [1000, 0], [1000, 0]], items, atoms, {0: HOME, 1: ((Seat(1, ONE),),)})
    plans = list(give_way(case, case.anchor))
    assert min(check(case, plan).values for plan in plans) == optimum(case) == (0,)


def test_alone_means_beside_what_is_pinned() -> None:
    items = [item(part(2, 1, devices=1)), item(part(1, devices=1))]
    stay = Stay("s", -1, 0, HOME, may_leave=False, pinned=True)
    case = ran([[1000]], items, [RefuseCharge("r", 0, {(0, 0): 10, (1, 0): 10}), stay], {0: HOME})
    assert pinned(case) == {0}
    assert solo(case, 1).bins.devices.tolist() == [[0]]


def test_a_price_for_lost_replicas_alone_wants_no_even_plan() -> None:
    """A hinge that is met where all run adds no order to greedy."""
    case = running(Share("e", "lost", {(0, 0): 1}, hinges=(Hinge(1, 5, below=True),), tier=0))
    assert wanted_loads(case) == []
    assert optimum(case) == (0,)


def test_guards_and_judge_agree_that_one_of_two_shares_of_a_device_that_leaves_disturbs() -> None:
    here, there = Seat(0, ((0, 125),)), Seat(1, ((0, 125),))
    one, budget = item(part(2, milli=125)), Disruptions("d", "x", (0,), 0)
    case = Problem(bins([[1000]] * 2), (), (one,), (Capacity(), budget), 1, {0: ((here, here),)})
    moved = ((here, there),)
    guards = Guards(case, case.homes)
    guards.change(0, case.homes[0], moved)
    assert guards.broken()
    assert check(case, Plan({0: moved})).violations
