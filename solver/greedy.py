"""Greedy: a feasible plan at once, item by item, whole gangs only. The floor under every answer.

What runs stays, but for what is worth mending first (`solver.mend`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from solver.atoms.charge import RefuseCharge
from solver.atoms.left_value import LeftValue
from solver.atoms.state import Together
from solver.collector import no_collection
from solver.dash import Dash
from solver.even import fill_evenly, wanted_loads
from solver.gang import Gang
from solver.gentle import fill_gently
from solver.ground import Ground
from solver.grow import grow, may_grow
from solver.mend import mend
from solver.messages import WaysGone
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.prospect import Prospect

__all__ = [
    "Made",
    "Meet",
    "best_of",
    "briskly",
    "fill",
    "greedy",
    "leaders_first",
    "orders",
    "ways",
    "worth_and_volume",
]

Expired = Callable[[], bool]
Beat = Callable[[], float]
"""The value of the first tier of the best plan known: a pass that must end above it is cut short."""
Others = Callable[[], int]
"""How many ways somebody else has gone, who begins at the other end."""
Meet = Callable[[int, int, tuple[int, ...]], WaysGone]
"""Hears how many of how many ways were gone, and the best values; tells what somebody else has gone, who goes the last
ones first."""
Filling = Callable[[Ground, Prospect | None], bool]
Floats = npt.NDArray[np.float64]

_GENTLE = 256
"""Most items for which the order is found while they are placed."""
_MANY = 64
"""With so many waiting items, one plan is made in which only the first are weighed."""
_WEIGHED = 0.1
"""The part of the items that is weighed there."""


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


@dataclass(frozen=True)
class Made:
    """The best of some greedy plans."""

    plan: Plan
    complete: bool
    """All items were tried in at least one of them."""
    ways: int
    """How many of the `ways` were gone, by anybody."""


def greedy(
    problem: Problem, expired: Expired | None = None, tries: int | None = None, late: Expired | None = None
) -> tuple[Plan, bool]:
    """The best of a few greedy plans, and whether all items were tried in at least one of them: see `best_of`."""
    made = best_of(problem, expired, tries, late)
    return made.plan, made.complete


def best_of(
    problem: Problem,
    expired: Expired | None = None,
    tries: int | None = None,
    late: Expired | None = None,
    meet: Meet | None = None,
) -> Made:
    """The best of doing nothing and the next `tries` ways (None: all of them).

    `expired`: end at once; `late`: begin no further way, and weigh no further item in a brisk one. If the gentle way
    places all items, no other is tried. A way that cannot beat the ones before, or the plan of whom it is to `meet`,
    is cut short, and what that one has gone is not gone again.
    """
    best_values: tuple[int, ...] | None = None
    best, complete, count, others, known = problem.anchor, False, 0, 0, math.inf

    def beat() -> float:
        return known if best_values is None else min(known, best_values[0])

    total = 0 if meet is None else 1 + len(_fillings(problem))
    with no_collection():
        found = ways(problem, expired, late=late, beat=beat, others=lambda: others)
        for plan, values, finished in islice(found, None if tries is None else tries + 1):
            count += 1
            if best_values is None or values < best_values:
                best, best_values = plan, values
            complete = complete or finished
            if meet is not None:
                theirs = meet(count, total, best_values)
                others, known = theirs.ways, theirs.values[0]
            done = _gently(problem) and len(best.seats) == len(problem.items)
            if count > 1 and (done or (expired is not None and expired()) or (late is not None and late())):
                break
        else:
            count += others
    return Made(best, complete, count)


def ways(
    problem: Problem,
    expired: Expired | None = None,
    begin: int = 0,
    late: Expired | None = None,
    beat: Beat | None = None,
    others: Others | None = None,
    *,
    back: bool = False,
) -> Iterator[tuple[Plan, tuple[int, ...], bool]]:
    """Plans that are made one after the other, each with its values and whether all items were tried.

    From `begin` on, or `back` from the last one, until those are met that `others` have gone from the other end
    meanwhile. First what runs stays and nothing else is placed. Where bins are worth what is left of them (`LeftValue`)
    and items are few, the next is made by least damage first. Where items are many, the next two are made briskly, by
    density and by size: only the first items are weighed. Then come the `orders`. Where loads should reach a level, one
    is made by the neediest first: before all those if the loads come in an earlier tier than refusals, else after the
    brisk ones, or second. What cannot come below `beat` is cut short, and counts as tried.
    """
    ground = _standing(problem, problem.homes, expired)
    if not begin and not back:
        yield problem.anchor, ground.values(), False
    mend(ground)
    homes, fresh = dict(ground.seats), True
    found = _fillings(problem, late)
    gone = 0 if back else max(1, begin)
    for number, filling in enumerate(reversed(found) if back else found[gone - 1 :], gone):
        # Who goes the first ways is always on the next one already.
        if others is not None and number + others() + back > len(found):
            return
        if not fresh:
            ground = _standing(problem, homes, expired)
        finished, fresh = filling(ground, None if beat is None else Prospect(ground, beat())), False
        yield ground.plan(), ground.values(), finished


def _standing(problem: Problem, seats: Mapping[int, tuple[tuple[Seat, ...], ...]], expired: Expired | None) -> Ground:
    ground = Ground(problem, expired)
    for item, held in seats.items():
        ground.settle(item, held)
    return ground


def _fillings(problem: Problem, late: Expired | None = None) -> list[Filling]:
    found: list[Filling] = []
    if _gently(problem):
        worth, volume = worth_and_volume(problem)
        density: list[float] = (worth / np.maximum(volume, 1)).tolist()
        by_key = sorted(range(len(problem.items)), key=lambda i: problem.items[i].key)
        found.append(_then_grow(lambda ground, _: fill_gently(ground, by_key, density)))
    by_density, by_size, by_worth = problem.recall("orders", lambda: orders(problem))
    several = [by_density, by_size, by_worth]
    weighed = briskly(problem)
    if weighed is not None:
        found += [_filling(one, weighed, late) for one in (by_density, by_size)]
        several = [by_size, by_worth, by_density]
    known: list[list[int]] = []
    for order in several:
        if order not in known:
            known.append(order)
            found.append(_filling(order))
    evenly = _evenly(problem)
    if evenly is not None:
        found.insert(evenly * (1 if weighed is None else 2), _then_grow(fill_evenly))
    return found


def briskly(problem: Problem) -> int | None:
    """How many items are weighed in a brisk pass; None where so few wait that none is made."""
    waiting = len(problem.items) - len(problem.homes)
    return round(waiting * _WEIGHED) if waiting >= _MANY else None


def _filling(order: Sequence[int], weighed: int | None = None, late: Expired | None = None) -> Filling:
    return lambda ground, prospect: fill(ground, order, weighed, late, prospect)


def _evenly(problem: Problem) -> int | None:
    """Served neediest first: in the first way (0), or in a later one (1); None where no load should reach a level."""
    wanted = min((share.tier for share in wanted_loads(problem)), default=problem.tiers)
    if wanted == problem.tiers or _led(problem):
        return None
    return 0 if wanted < min((atom.tier for atom in problem.of(RefuseCharge)), default=problem.tiers) else 1


def _then_grow(filling: Filling) -> Filling:
    """What runs grows into what is left, where it has no turn of its own."""

    def both(ground: Ground, prospect: Prospect | None) -> bool:
        finished = filling(ground, prospect)
        grow(ground, sorted(may_grow(ground.problem)))
        return finished

    return both


def _gently(problem: Problem) -> bool:
    return bool(problem.of(LeftValue)) and not _led(problem) and len(problem.items) <= _GENTLE


def _led(problem: Problem) -> bool:
    return bool(problem.of(Together))


def fill(
    ground: Ground,
    order: Iterable[int],
    weighed: int | None = None,
    late: Expired | None = None,
    prospect: Prospect | None = None,
) -> bool:
    """Place the items that have no place yet, if that pays, in this order; False if time ran out first.

    What runs with fewer replicas than wanted grows when its turn comes. Only the first `weighed` go where they cost
    least, the others, or those whose turn comes `late`, where a `Dash` puts them (None: all are weighed). With a
    `prospect` it ends as soon as that is hopeless.
    """
    growing, known = may_grow(ground.problem), ground.values()
    left, hurried = math.inf if weighed is None else weighed + 1, Dash(ground)
    for item in order:
        if item in ground.seats:
            if item in growing:
                grow(ground, (item,))
                known = ground.values()
            continue
        if ground.expired():
            return False
        left = 0 if weighed is not None and late is not None and late() else left - 1
        if Gang(ground, item).place() is not None if left > 0 else hurried.place(item):
            values = ground.values()
            if values > known:
                ground.drop(item)
            else:
                known = values
        if prospect is not None:
            prospect.tried(item)
            if prospect.hopeless():
                break
    return True
