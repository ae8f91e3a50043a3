"""Resume: go on from the seats of an earlier plan, and back to them where leaving them has gained nothing.

The earlier plan may be anything: what does not hold is not taken, and what comes out is for a judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from solver.atoms.capacity import holds_devices
from solver.atoms.stay import Stay
from solver.collector import no_collection
from solver.gang import Gang
from solver.greedy import fill, leaders_first, orders
from solver.ground import Ground
from solver.guards import Guards
from solver.make_room import allowed, leaders, make_room, place_beside, worth_of
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.recall import Multipliers

__all__ = ["Warm", "put_back", "resume"]

_Expired = Callable[[], bool]
_Seats = tuple[tuple[Seat, ...], ...]
_PRESSING = 32
"""Most items that others make room for."""
_TOGETHER = 32
"""Most items that go back to their seats together."""


@dataclass(frozen=True)
class Warm:
    """What is known of an earlier answer to a problem much like this one; it may be anything.

    `plan`: its seats. `refused`: items that it knew and did not place. `kept`: multipliers of its bounds.
    """

    plan: Plan
    refused: frozenset[int] = frozenset()
    kept: tuple[Multipliers, ...] = ()


def resume(problem: Problem, warm: Warm, expired: _Expired | None = None) -> tuple[Plan, bool]:
    """A plan with as many seats of the earlier one as still hold, and whether all items were tried.

    What runs goes where the earlier plan has it if it may, else it stays at home. What waits keeps its seats if all of
    them hold; else it keeps those that do and looks for as many anew, or else for another place, and what is worth
    less makes room for it. Then what has none is tried in the first order of greedy, and others make room for what is
    new.
    """
    earlier = warm.plan
    with no_collection():
        ground = Ground(problem, expired)
        for item, seats in problem.homes.items():
            ground.settle(item, seats)
        gone = _disturb(ground, earlier)
        order = [item for item in orders(problem)[0] if item not in problem.homes]
        broken = []
        for item in leaders_first(problem, order):
            if item not in earlier.seats or item in ground.seats:
                continue
            if ground.expired():
                return ground.plan(), False
            if allowed(problem, item, earlier.seats[item]) and ground.fits(item, earlier.seats[item]):
                ground.settle(item, earlier.seats[item])
            else:
                broken.append(item)
        kept = {item: _mend(ground, item, earlier.seats[item]) for item in broken}
        _press(ground, broken, kept)
        complete = fill(ground, order)
        _press(ground, [i for i in order if i not in earlier.seats and i not in warm.refused], kept)
        for item in gone:
            _return(ground, item)
        return ground.plan(), complete


def put_back(problem: Problem, plan: Plan, earlier: Plan, expired: _Expired | None = None, each: int = 0) -> Plan:
    """The plan with what waits back on its seats in the earlier plan, wherever that makes no tier worse.

    In the last tier it may cost up to `each` for every item that goes back: changes that gain less do not pay.

    Whoever sits there now goes back too, or elsewhere if the earlier plan has no seats for it. What runs, or leads
    others, is left alone.
    """
    with no_collection():
        ground = Ground(problem, expired)
        for item, seats in plan.seats.items():
            ground.settle(item, seats)
        fixed = frozenset(problem.homes.keys() | leaders(problem))
        wanted = {
            item: earlier.seats[item]
            for item, seats in plan.seats.items()
            if item in earlier.seats and item not in fixed and earlier.seats[item] != seats
            if allowed(problem, item, earlier.seats[item])
        }
        guards = Guards(problem, plan.seats)
        holders: dict[tuple[int, int], set[int]] = {}
        for item, seats in plan.seats.items():
            for place in _places(seats):
                holders.setdefault(place, set()).add(item)
        for item, most in [*((item, 0) for item in sorted(wanted)), *((i, each) for i in sorted(wanted) if each)]:
            if ground.expired():
                break
            group = _blocking(fixed, wanted, holders, item) if ground.seats.get(item) != wanted[item] else []
            before = {one: ground.seats[one] for one in group}
            if group and _moved_back(ground, guards, wanted, group, most):
                for one, seats in before.items():
                    for place in _places(seats):
                        holders[place].discard(one)
                for one in group:
                    for place in _places(ground.seats[one]):
                        holders.setdefault(place, set()).add(one)
        return ground.plan()


def _places(seats: _Seats) -> list[tuple[int, int]]:
    """(bin, device) of all seats."""
    return [(seat.bin, device) for seat in chain.from_iterable(seats) for device, _ in seat.devices]


def _disturb(ground: Ground, earlier: Plan) -> list[int]:
    """Have what runs where the earlier plan has it, as far as that is allowed and there is room; returns what left."""
    problem = ground.problem
    guards = Guards(problem, ground.seats)
    firm = {atom.item for atom in problem.of(Stay) if not atom.may_leave}
    leading = leaders(problem)
    gone = []
    for item, home in problem.homes.items():
        seats = earlier.seats.get(item)
        if item in leading or seats == home or (item in firm if seats is None else not allowed(problem, item, seats)):
            continue
        ground.drop(item)
        guards.change(item, home, seats)
        if guards.broken() or not (seats is None or ground.fits(item, seats)):
            guards.change(item, seats, home)
            ground.settle(item, home)
        elif seats is None:
            gone.append(item)
        else:
            ground.settle(item, seats)
    return gone


def _return(ground: Ground, item: int) -> None:
    """What runs and was to leave stays where it is, if there is room and that is better."""
    home, before = ground.problem.homes[item], ground.values()
    if ground.fits(item, home):
        ground.settle(item, home)
        if ground.values() >= before:
            ground.drop(item)


def _mend(ground: Ground, item: int, seats: _Seats) -> _Seats:
    """Place an item of which some seats do not hold any more, beside the others or anew; returns what it could keep."""
    parts = ground.problem.items[item].parts
    kept: _Seats = ()
    if len(seats) == len(parts):
        masks = [ground.mask((item, p)) for p in range(len(parts))]
        kept = tuple(
            tuple(
                seat
                for seat in held[: part.count]
                if holds_devices(ground.problem, part.demand, seat) and (mask is None or mask[seat.bin])
            )
            for part, held, mask in zip(parts, seats, masks, strict=True)
        )
    before = ground.values()
    if place_beside(ground, item, kept) and ground.values() > before:
        ground.drop(item)
    return kept


def _press(ground: Ground, items: list[int], kept: dict[int, _Seats]) -> None:
    """Those of the items that have no place take that of others that are worth less."""
    worth = worth_of(ground.problem)
    pressing = sorted((i for i in items if i not in ground.seats), key=lambda i: worth[i], reverse=True)
    for item in pressing[:_PRESSING]:
        if ground.expired():
            return
        if item not in ground.seats:
            make_room(ground, item, kept.get(item, ()), worth)


def _blocking(
    fixed: frozenset[int], wanted: dict[int, _Seats], holders: dict[tuple[int, int], set[int]], item: int
) -> list[int]:
    """The item, who sits on its wanted seats, who sits on theirs and so on; none if they are too many or `fixed`."""
    group = [item]
    for one in group:
        for place in _places(wanted.get(one, ())):
            group += [other for other in sorted(holders.get(place, ())) if other not in group]
        if len(group) > _TOGETHER or any(other in fixed for other in group):
            return []
    return group


def _moved_back(ground: Ground, guards: Guards, wanted: dict[int, _Seats], group: list[int], most: int) -> bool:
    """Try to have the items on their wanted seats, the others of the group elsewhere; False: nothing has changed.

    It may cost `most` in the last tier for each that is back.
    """
    values = ground.values()
    before = {item: ground.drop(item) for item in group}
    back = sum(item in wanted and before[item] != wanted[item] for item in group)
    done = True
    for item in sorted(group, key=lambda one: one not in wanted):
        if item in wanted and ground.fits(item, wanted[item]):
            ground.settle(item, wanted[item])
        elif Gang(ground, item).place() is None:
            done = False
            break
    now = ground.values()
    if done and (now <= values or (now[:-1] == values[:-1] and now[-1] <= values[-1] + most * back)):
        for item in group:
            guards.change(item, before[item], ground.seats[item])
        if not guards.broken():
            return True
        for item in group:
            guards.change(item, ground.seats[item], before[item])
    for item in group:
        if item in ground.seats:
            ground.drop(item)
    for item, seats in before.items():
        ground.settle(item, seats)
    return False
