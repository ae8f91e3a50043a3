"""Orders of moves on problems by hand: chains, circles, guarded tiers."""

from collections.abc import Sequence
from dataclasses import replace

from placement.defrag.sequence import order, steps_through
from solver.atoms import Stay, UnitCharge
from solver.items import Item
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from tests.solver.build import bins, ints, item, part, problem

WHOLE = ((0, 1000),)


def running(free: int, homes: Sequence[int], more: Sequence[Atom] = ()) -> Problem:
    """Items of one device, each in its bin, on so many bins of one device."""
    items: list[Item] = [item(part(1, devices=1)) for _ in homes]
    case = problem(bins([[1000]] * free), items, ())
    seats = {i: ((Seat(b, WHOLE),),) for i, b in enumerate(homes)}
    stays = [Stay("preemption", -1, i, home, may_leave=False) for i, home in seats.items()]
    return replace(case, atoms=(*case.atoms, *stays, *more), homes=seats)


def target(*homes: int) -> Plan:
    return Plan({i: ((Seat(b, WHOLE),),) for i, b in enumerate(homes)})


def never() -> bool:
    return False


def walked(case: Problem, goal: Plan, **options: int) -> list[tuple[int, int, bool]]:
    """(item, bin, detour) of every step, each made again and found feasible."""
    found = order(case, goal, range(len(case.items)), guarded=(), expired=never, most=options.get("most"))
    state = case.anchor
    for hop in found.hops:
        after = steps_through(case, state, hop, ())
        assert after is not None
        state = after
    assert (state == goal) == (not found.stuck)
    return [(hop.item, hop.seats[0][0].bin, hop.detour) for hop in found.hops]


def test_a_chain_is_walked_from_its_free_end() -> None:
    assert walked(running(4, [0, 1, 2]), target(1, 2, 3)) == [(2, 3, False), (1, 2, False), (0, 1, False)]


def test_a_circle_is_opened_on_a_free_bin() -> None:
    assert walked(running(3, [0, 1]), target(1, 0)) == [(0, 2, True), (1, 0, False), (0, 1, False)]


def test_a_circle_without_room_is_stuck_and_nothing_moves() -> None:
    found = order(running(2, [0, 1]), target(1, 0), (0, 1), guarded=(), expired=never)
    assert (found.hops, found.stuck, found.searched) == ((), (0, 1), True)


def test_a_detour_counts_as_a_step() -> None:
    assert walked(running(3, [0, 1]), target(1, 0), most=2) == []


def test_no_step_is_worse_than_the_start_in_a_guarded_tier() -> None:
    dear = UnitCharge("price", 0, 0, 0, ints(0, 0, 5, 0))
    cheap = UnitCharge("price", 0, 1, 0, ints(0, 5, 0, 0))
    case = running(4, [0, 1], [dear, cheap])
    both = order(case, target(2, 3), (0, 1), guarded=(5,), expired=never)
    assert [hop.item for hop in both.hops] == [1, 0]
    assert order(case, target(2, 3), (0, 1), guarded=(), expired=never).hops[0].item == 0
    assert order(running(4, [0, 1], [dear]), target(2, 1), (0,), guarded=(0,), expired=never).stuck == (0,)


def test_time_that_is_up_is_told() -> None:
    found = order(running(2, [0]), target(1), (0,), guarded=(), expired=lambda: True)
    assert (found.hops, found.stuck, found.searched) == ((), (0,), False)


def test_a_mover_holds_both_places() -> None:
    """Two devices of three go to a pair that shares one with the old one: not in one step."""
    case = problem(bins([[1000, 1000, 1000]]), [item(part(1, devices=2))])
    home = ((Seat(0, ((0, 1000), (1, 1000))),),)
    case = replace(case, homes={0: home}, atoms=(*case.atoms, Stay("s", 0, 0, home)))
    goal = Plan({0: ((Seat(0, ((1, 1000), (2, 1000))),),)})
    assert order(case, goal, (0,), guarded=(), expired=never).stuck == (0,)
