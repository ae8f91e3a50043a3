"""Greedy: a feasible plan at once, item by item, whole gangs only. The floor under every answer.

What runs stays, but for what is worth mending first (`solver.mend`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from solver.atoms.charge import RefuseCharge
from solver.atoms.left_value import LeftValue
from solver.atoms.state import Together
from solver.collector import no_collection
from solver.even import fill_evenly, wanted_loads
from solver.gang import Gang
from solver.gentle import fill_gently
from solver.ground import Ground
from solver.grow import grow, may_grow
from solver.mend import mend
from solver.plan import Plan
from solver.problem import Problem

__all__ = ["fill", "greedy", "leaders_first", "orders", "worth_and_volume"]

Expired = Callable[[], bool]
Floats = npt.NDArray[np.float64]

_GENTLE = 256
"""Most items for which the order is found while they are placed."""


def orders(problem: Problem) -> list[list[int]]:
    """Item orders worth trying, leaders first.

    By cost of refusal per volume, with a little more for large replicas (what they need is what others break up); by
    size of replica; by cost of refusal.
    """
    worth, volume = worth_and_volume(problem)
    size = np.array([max((p.demand.volume for p in item.parts), default=0) for item in problem.items], np.float64)
    size = np.maximum(size, 1)
    density = worth / np.maximum(volume, 1)
    keys = [item.key for item in problem.items]
    every = range(len(keys))
    found = [
        sorted(every, key=lambda i: (-density[i] * size[i] ** 0.25, -volume[i], keys[i])),
        sorted(every, key=lambda i: (-size[i], -density[i], keys[i])),
        sorted(every, key=lambda i: (-worth[i], -volume[i], keys[i])),
    ]
    return [leaders_first(problem, order) for order in found]


def worth_and_volume(problem: Problem) -> tuple[Floats, Floats]:
    """Cost of refusing each item (earlier tiers count a million times as much), and its volume."""
    worth = np.zeros(len(problem.items), np.float64)
    for atom in problem.of(RefuseCharge):
        scale = 1e6 ** (problem.tiers - 1 - atom.tier)
        for (i, p), cost in atom.each.items():
            worth[i] += scale * cost * problem.items[i].parts[p].count
    volume = np.array([sum(p.demand.volume * p.count for p in item.parts) for item in problem.items], np.float64)
    return worth, volume


def leaders_first(problem: Problem, order: Sequence[int]) -> list[int]:
    """The order, but for followers that come right after their last leader."""
    leads: dict[int, list[int]] = {}
    for atom in problem.of(Together):
        leads.setdefault(atom.follower, []).append(atom.leader)
    if not leads:
        return list(order)
    done: dict[int, None] = {}
    for item in order:
        stack = [item]
        while stack:
            waiting = [leader for leader in leads.get(stack[-1], ()) if leader not in done and leader not in stack]
            if waiting:
                stack.append(waiting[0])
            else:
                done[stack.pop()] = None
    return list(done)


def greedy(
    problem: Problem, expired: Expired | None = None, tries: int = 3, late: Expired | None = None
) -> tuple[Plan, bool]:
    """The best of a few greedy plans, and whether all items were tried in at least one of them.

    `expired`: end at once; `late`: begin no further order. Where bins are worth what is left of them (`LeftValue`)
    and items are few, the first plan is made by least damage first, and counts as one of the `tries`; if it places all
    items, no other is made. Where loads should reach a level, a further plan is made by the neediest first: before all
    others if that comes in an earlier tier than refusals.
    """
    with no_collection():
        return _best_of(problem, expired or (lambda: False), tries, late)


def _best_of(problem: Problem, stop: Expired, tries: int, late: Expired | None) -> tuple[Plan, bool]:
    best, best_values, complete = problem.anchor, None, False
    fills: list[Callable[[Ground], bool]] = []
    gently = _gently(problem)
    if gently:
        worth, volume = worth_and_volume(problem)
        density: list[float] = (worth / np.maximum(volume, 1)).tolist()
        by_key = sorted(range(len(problem.items)), key=lambda i: problem.items[i].key)
        fills.append(_then_grow(lambda ground: fill_gently(ground, by_key, density)))
    homes = dict(problem.homes)
    known: list[list[int]] = []
    for order in orders(problem):
        if order not in known:
            known.append(order)
            fills.append(partial(fill, order=order))
    wanted = min((share.tier for share in wanted_loads(problem)), default=problem.tiers)
    if wanted < problem.tiers and not _led(problem):
        refusals = (atom.tier for atom in problem.of(RefuseCharge))
        fills.insert(0 if wanted < min(refusals, default=problem.tiers) else 1, _then_grow(fill_evenly))
        tries += 1
    for number, filling in enumerate(fills[:tries]):
        if number and (stop() or (late is not None and late())):
            break
        if number and gently and len(best.seats) == len(problem.items):
            break
        ground = Ground(problem, stop)
        for item, seats in homes.items():
            ground.settle(item, seats)
        if best_values is None:
            best_values = ground.values()
            mend(ground)
            homes = dict(ground.seats)
        finished = filling(ground)
        found = ground.values()
        if found < best_values:
            best, best_values = ground.plan(), found
        complete = complete or finished
    return best, complete


def _then_grow(filling: Callable[[Ground], bool]) -> Callable[[Ground], bool]:
    """What runs grows into what is left, where it has no turn of its own."""

    def both(ground: Ground) -> bool:
        finished = filling(ground)
        grow(ground, sorted(may_grow(ground.problem)))
        return finished

    return both


def _gently(problem: Problem) -> bool:
    return bool(problem.of(LeftValue)) and not _led(problem) and len(problem.items) <= _GENTLE


def _led(problem: Problem) -> bool:
    return bool(problem.of(Together))


def fill(ground: Ground, order: Iterable[int]) -> bool:
    """Place the items that have no place yet, if that pays, in this order; False if time ran out first.

    What runs with fewer replicas than wanted grows when its turn comes.
    """
    growing, known = may_grow(ground.problem), ground.values()
    for item in order:
        if item in ground.seats:
            if item in growing:
                grow(ground, (item,))
                known = ground.values()
            continue
        if ground.expired():
            return False
        if Gang(ground, item).place() is not None:
            values = ground.values()
            if values > known:
                ground.drop(item)
            else:
                known = values
    return True
