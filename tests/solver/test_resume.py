"""Going on from an earlier plan: what holds stays, the rest is placed around it, and back where nothing is gained."""

import time
from dataclasses import replace

import numpy as np
import pytest

from solver.atoms import Allow, Floor, RefuseCharge, Together, UnitCharge
from solver.check import check
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from solver.resume import Warm, put_back, resume
from solver.solve import Budget, solve
from tests.solver.build import bins, ints, item, part, problem
from tests.solver.doubles import Told


def whole(bin_: int, *devices: int) -> Seat:
    return Seat(bin_, tuple((device, 1000) for device in devices))


def gangs(counts: list[int], nodes: int, worth: list[int], *more: Atom) -> Problem:
    """Gangs of so many replicas of one device, on nodes of two devices."""
    charges = RefuseCharge("r", 0, {(i, 0): cost for i, cost in enumerate(worth)})
    free = bins([[1000, 1000]] * nodes)
    return problem(free, [item(part(count, devices=1)) for count in counts], [charges, *more], [ints(*range(nodes))])


def test_what_holds_stays_and_what_does_not_goes_elsewhere() -> None:
    open_ = ints(1, 0, 1).astype(bool)
    case = gangs([2, 2], 3, [5, 5], *(Allow("health", i, 0, open_) for i in (0, 1)))
    earlier = Plan({0: ((whole(0, 1), whole(1, 0)),), 1: ((whole(2, 0), whole(2, 1)),)})
    found, complete = resume(case, Warm(earlier))
    assert complete
    assert found.seats[1] == earlier.seats[1]
    assert found.seats[0] == ((whole(0, 0), whole(0, 1)),), "one replica keeps its seat, the other joins it"


def test_a_new_item_is_placed_where_there_is_room() -> None:
    case = gangs([2, 1, 1], 2, [5, 5, 5])
    earlier = Plan({0: ((whole(1, 0), whole(1, 1)),), 1: ((whole(0, 1),),)})
    found, _ = resume(case, Warm(earlier))
    assert {i: found.seats[i] for i in (0, 1)} == earlier.seats
    assert found.seats[2] == ((whole(0, 0),),)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_worth_less_makes_room_for_what_is_new(known: bool) -> None:
    """Both nodes are full of small work; the new gang needs both devices of one. What was refused before is not new."""
    case = gangs([1, 1, 1, 1, 2], 2, [9, 9, 2, 2, 8])
    earlier = Plan({i: ((whole(i // 2, i % 2),),) for i in range(4)})
    found, _ = resume(case, Warm(earlier, frozenset({4} if known else ())))
    assert set(found.seats) == ({0, 1, 2, 3} if known else {0, 1, 4})
    assert check(case, found).values == ((16,) if known else (4,))


def test_nobody_makes_room_in_vain() -> None:
    case = gangs([1, 1, 1, 1, 2], 2, [9, 9, 9, 9, 8])
    earlier = Plan({i: ((whole(i // 2, i % 2),),) for i in range(4)})
    assert resume(case, Warm(earlier))[0] == earlier


def test_seats_that_make_no_sense_are_left_out() -> None:
    case = gangs([1, 1, 1], 2, [5, 5, 5])
    odd = Plan({0: ((whole(7, 0),),), 1: ((whole(0, 0), whole(0, 1)),), 2: (), 9: ((whole(0, 0),),)})
    found, _ = resume(case, Warm(odd))
    report = check(case, found)
    assert (report.violations, report.values) == ((), (0,))


def test_two_that_have_changed_places_for_nothing_change_back() -> None:
    case = gangs([2, 2, 1], 3, [5, 5, 5])
    earlier = Plan({0: ((whole(0, 0), whole(0, 1)),), 1: ((whole(1, 0), whole(1, 1)),)})
    swapped = Plan({0: earlier.seats[1], 1: earlier.seats[0], 2: ((whole(2, 0),),)})
    assert put_back(case, swapped, earlier) == Plan({**earlier.seats, 2: swapped.seats[2]})


def test_who_sits_on_the_old_seat_goes_elsewhere() -> None:
    case = gangs([1, 1], 2, [5, 5])
    earlier = Plan({0: ((whole(0, 0),),)})
    other = Plan({0: ((whole(1, 0),),), 1: ((whole(0, 0),),)})
    back = put_back(case, other, earlier)
    assert back.seats[0] == earlier.seats[0]
    assert not check(case, back).violations


def test_a_change_that_pays_is_kept() -> None:
    case = gangs([2], 2, [9], UnitCharge("price", 0, 0, 0, ints(3, 1)))
    dear, cheap = (Plan({0: ((whole(b, 0), whole(b, 1)),)}) for b in (0, 1))
    assert put_back(case, cheap, dear) == cheap


def test_leaders_are_not_put_back_from_under_their_followers() -> None:
    case = gangs([1, 1], 2, [5, 5], Together("t", 0, 0, 1))
    here = Plan({0: ((whole(0, 0),),), 1: ((whole(0, 1),),)})
    earlier = Plan({0: ((whole(1, 0),),)})
    assert put_back(case, here, earlier) == here


@pytest.mark.parametrize(("kept", "near"), [(9, True), (4, False)])
def test_a_search_stays_near_if_most_has_stayed(kept: int, near: bool) -> None:
    case = gangs([1] * 10, 6, [5] * 10)
    earlier = Plan({i: ((whole(i // 2, i % 2),),) for i in range(kept)})
    silent = Told()
    outcome = solve(case, Budget(), clock=time.monotonic, workers=silent, warm=Warm(earlier))
    assert {i: outcome.plan.seats[i] for i in earlier.seats} == earlier.seats
    assert silent.jobs[0].resumes is near


def test_nothing_goes_back_where_that_breaks_a_floor() -> None:
    def at(place: int, device: int) -> tuple[tuple[Seat, ...], ...]:
        return ((Seat(place, ((device, 1000),)),),)

    floor = Floor("f", "kept", {(0, 0): 1, (1, 0): 1}, 1, 0, np.array([True, False]))
    one = item(part(1, devices=1))
    case = problem(bins([[1000, 1000]] * 2), [one, one], [RefuseCharge("r", 0, {(0, 0): 1, (1, 0): 1}), floor])
    case = replace(case, homes={1: at(0, 0)})
    plan, earlier = Plan({0: at(0, 0), 1: at(1, 0)}), Plan({0: at(1, 1)})
    assert not check(case, plan).violations
    assert check(case, Plan({0: at(1, 1), 1: at(1, 0)})).violations
    assert put_back(case, plan, earlier) == plan
