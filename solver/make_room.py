"""Make room: one waiting item takes the place of others that wait too and are worth less, which then look for another.

For an item that had a place and lost some of its seats, or that came later than the others: greedy and small ruins do
not see that a little work elsewhere would have to leave for it.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from solver.atoms.allow import Within
from solver.atoms.capacity import holds_devices
from solver.atoms.charge import RefuseCharge
from solver.atoms.state import Together
from solver.check import gang_violations
from solver.gang import Gang
from solver.greedy import fill
from solver.ground import Ground
from solver.items import WHOLE, BoolArray, Demand
from solver.plan import Plan, Seat
from solver.problem import Problem

__all__ = ["allowed", "leaders", "make_room", "place_beside", "worth_of"]

_Seats = tuple[tuple[Seat, ...], ...]
_DOMAINS = 4
"""Most domains that are tried where one is required."""
_MOST_BINS = 256
"""Most bins from which others leave."""


def worth_of(problem: Problem) -> list[tuple[int, ...]]:
    """What refusing each item costs, per tier."""
    found = [[0] * problem.tiers for _ in problem.items]
    for atom in problem.of(RefuseCharge):
        for (item, part), cost in atom.each.items():
            found[item][atom.tier] += cost * problem.part((item, part)).count
    return [tuple(one) for one in found]


def leaders(problem: Problem) -> set[int]:
    """Items that others must follow: where they leave, these would hang in the air."""
    return {atom.leader for atom in problem.of(Together) if atom.tier < 0}


def allowed(problem: Problem, item: int, seats: _Seats) -> bool:
    """Whether the item may have these seats, of any origin, as far as it alone is concerned."""
    parts = problem.items[item].parts
    if len(seats) != len(parts):
        return False
    held = zip(parts, seats, strict=True)
    if not all(holds_devices(problem, part.demand, seat) for part, each in held for seat in each):
        return False
    plan = Plan({item: seats})
    return not gang_violations(problem, plan) and not any(
        atom.violations(problem, plan) for atom in problem.own_atoms[item]
    )


def place_beside(ground: Ground, item: int, kept: _Seats) -> bool:
    """Place an item beside seats that it has kept, if it still fits there, or else anew."""
    for attempt in (kept, ()) if any(kept) and ground.fits(item, kept) else ((),):
        if Gang(ground, item, attempt).place() is None:
            continue
        if not any(attempt) or allowed(ground.problem, item, ground.seats[item]):
            return True
        ground.drop(item)
    return False


def make_room(ground: Ground, item: int, kept: _Seats, worth: list[tuple[int, ...]]) -> bool:
    """Place an item that has no place, others leaving for it; False (and nothing changed) if that does not pay.

    `kept` are seats that it takes in any case (free now, and enough parts), or none. `worth` is that of all items.
    """
    values, before = ground.values(), dict(ground.seats)
    for bins in chain.from_iterable(_bins(ground, item, scope, worth) for scope in _scopes(ground, item, kept)):
        gone: dict[int, _Seats] = {}
        at, batch = 0, 1
        while at < len(bins) and not ground.expired():
            for victims in bins[at : at + batch]:
                for victim in victims:
                    if victim in ground.seats:
                        gone[victim] = ground.drop(victim)
            at, batch = at + batch, 2 * batch
            if place_beside(ground, item, kept):
                for victim in sorted(gone, key=lambda one: worth[one], reverse=True):
                    if ground.fits(victim, gone[victim]):
                        ground.settle(victim, gone[victim])
                fill(ground, sorted(gone, key=lambda one: worth[one], reverse=True))
                break
        if ground.values() < values:
            return True
        for one in [one for one, seats in ground.seats.items() if before.get(one) != seats]:
            ground.drop(one)
        for one, seats in before.items():
            if one not in ground.seats:
                ground.settle(one, seats)
    return False


def _scopes(ground: Ground, item: int, kept: _Seats) -> list[BoolArray | None]:
    """Bins bool[N] from which others may leave (None: any): those of one domain at a time where one is required."""
    problem = ground.problem
    inside = [a.partition for a in problem.own_atoms[item] if isinstance(a, Within) and a.bundle == 0]
    if not inside:
        return [None]
    labels = problem.partitions[max(inside, key=problem.domains)]
    held = [seat.bin for seats in kept for seat in seats]
    mask = ground.mask((item, 0))
    usable = np.ones(labels.size, np.bool_) if mask is None else mask
    free = np.bincount(labels, np.where(usable, ground.free.milli, 0))
    free[np.unique(labels[held])] = np.inf
    return [labels == domain for domain in np.argsort(-free, kind="stable")[:_DOMAINS].tolist()]


def _bins(ground: Ground, item: int, scope: BoolArray | None, worth: list[tuple[int, ...]]) -> list[list[list[int]]]:
    """For each bin that could hold a replica if they left, who would have to leave; in two orders, best first."""
    problem = ground.problem
    here: dict[int, dict[int, list[tuple[Demand, Seat]]]] = {}
    fixed = problem.homes.keys() | leaders(problem)
    for other, seats in ground.seats.items():
        if other in fixed or worth[other] >= worth[item]:
            continue
        for part, held in zip(problem.items[other].parts, seats, strict=True):
            for seat in held:
                if scope is None or scope[seat.bin]:
                    here.setdefault(seat.bin, {}).setdefault(other, []).append((part.demand, seat))
    found = []
    for p, part in enumerate(problem.items[item].parts):
        mask = ground.mask((item, p))
        for bin_, others in here.items():
            if (mask is None or mask[bin_]) and _holds(ground, bin_, part.demand, others):
                # Little is lost if little leaves; where many bins are needed, a gang leaves room in all of its own.
                whole = tuple(sum(worth[one][tier] for one in others) for tier in range(problem.tiers))
                size = {one: max(1, sum(map(len, ground.seats[one]))) for one in others}
                each = tuple(
                    sum(worth[one][tier] / size[one] * len(others[one]) for one in others)
                    for tier in range(problem.tiers)
                )
                found.append((whole, each, bin_, sorted(others)))
    orders = sorted(found), sorted(found, key=lambda one: one[1:])
    return [[others for *_, others in order[:_MOST_BINS]] for order in orders]


def _holds(ground: Ground, bin_: int, demand: Demand, others: dict[int, list[tuple[Demand, Seat]]]) -> bool:
    """Whether a replica fits the bin without the others, and does not with them."""
    free, left = ground.free.devices[bin_].copy(), ground.free.resources[bin_].copy()
    for seats in others.values():
        for theirs, seat in seats:
            left += theirs.amounts
            for device, milli in seat.devices:
                free[device] += milli
    if bool((left < demand.amounts).any()):
        return False
    if demand.milli:
        return bool((free >= demand.milli).any())
    return int((free == WHOLE).sum()) >= demand.devices
