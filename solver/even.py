"""The neediest first: an order that is found while the items are placed, from what is missing of priced loads.

Where a load should reach a level (a `Hinge` with `below`: fair shares, guarantees), an item is worth the less the
nearer its load is to the level. No order that is fixed before can see that.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from solver.atoms.charge import RefuseCharge
from solver.atoms.share import Share
from solver.gang import Gang
from solver.ground import Ground
from solver.problem import Problem
from solver.prospect import Prospect

__all__ = ["fill_evenly", "wanted_loads"]


def wanted_loads(problem: Problem) -> list[Share]:
    """The loads that should reach a level; not those of running items alone that reach it where they are."""
    return [share for share in problem.of(Share) if any(h.below for h in share.hinges) and not _at_home(share, problem)]


def _at_home(share: Share, problem: Problem) -> bool:
    """Whether only what runs adds to the load, and costs nothing as it runs."""
    running = bool(problem.homes) and problem.homes.keys() >= {item for item, _ in share.use}
    return running and not share.cost(problem, problem.anchor)


def fill_evenly(ground: Ground, prospect: Prospect | None = None) -> bool:
    """Place the items that have no place yet, if that pays; False if time ran out first.

    Always the one goes next that brings most per volume now, tier by tier: what its refusal costs (with a little more
    for large replicas), and what is missing of the loads that it adds to. Items that bring the same are one class;
    only those at the head of a queue are looked at, since what a class brings never grows. With a `prospect` it ends as
    soon as that is hopeless.
    """
    shares = wanted_loads(ground.problem)
    loads = [_Load(share, ground) for share in shares]
    queue = [(_rank(one, loads), number, one) for number, one in enumerate(_classes(ground, shares))]
    heapq.heapify(queue)
    while queue:
        known, number, one = heapq.heappop(queue)
        rank = _rank(one, loads)
        if rank > known:
            heapq.heappush(queue, (rank, number, one))
            continue
        if ground.expired():
            return False
        item = one.items.pop()
        before = ground.values()
        if Gang(ground, item).place() is not None and ground.values() > before:
            ground.drop(item)
        if item in ground.seats:
            for row, _ in one.uses:
                loads[row].add(ground, item)
        if prospect is not None:
            prospect.tried(item)
            if prospect.hopeless():
                break
        if one.items:
            heapq.heappush(queue, (rank, number, one))
    return True


class _Load:
    """A wanted load while items are placed."""

    def __init__(self, share: Share, ground: Ground) -> None:
        self.share = share
        self.now = share.base
        for item in share.items():
            if item in ground.seats:
                self.add(ground, item)

    def add(self, ground: Ground, item: int) -> None:
        """The item is placed now."""
        for p, seats in enumerate(ground.seats[item]):
            use = self.share.use.get((item, p), 0)
            if use:
                self.now += use * sum(self.share.bins is None or bool(self.share.bins[seat.bin]) for seat in seats)

    def gain(self, use: int) -> int:
        """What so much more takes off the price."""
        return sum(hinge.cost(self.now) - hinge.cost(self.now + use) for hinge in self.share.hinges)


@dataclass(frozen=True)
class _Class:
    """Items that bring the same: the last goes first."""

    items: list[int]
    volume: int
    refusal: tuple[float, ...]
    """What refusing one costs per volume, by tier."""
    uses: tuple[tuple[int, int], ...]
    """(row of a load, what one adds to it)."""
    tiers: tuple[int, ...]
    """Tier of each of these loads."""


def _classes(ground: Ground, shares: list[Share]) -> Iterator[_Class]:
    """The items without a place, by what they bring; in each class and between equal ones by their keys."""
    problem = ground.problem
    refused: list[dict[int, int]] = [{} for _ in problem.items]
    for atom in problem.of(RefuseCharge):
        for (i, p), cost in atom.each.items():
            refused[i][atom.tier] = refused[i].get(atom.tier, 0) + cost * problem.items[i].parts[p].count
    uses: list[dict[int, int]] = [{} for _ in problem.items]
    for row, share in enumerate(shares):
        for (i, p), use in share.use.items():
            uses[i][row] = uses[i].get(row, 0) + use * problem.items[i].parts[p].count
    found: dict[tuple[object, ...], _Class] = {}
    for i in sorted(set(range(len(problem.items))) - ground.seats.keys(), key=lambda i: problem.items[i].key):
        parts = problem.items[i].parts
        volume = max(1, sum(part.demand.volume * part.count for part in parts))
        size = max(1, max((part.demand.volume for part in parts), default=0))
        refusal = tuple(refused[i].get(tier, 0) * size**0.25 / volume for tier in range(problem.tiers))
        adds = tuple(sorted((row, use) for row, use in uses[i].items() if use))
        one = _Class([], volume, refusal, adds, tuple(shares[row].tier for row, _ in adds))
        found.setdefault((volume, size, refusal, adds), one).items.append(i)
    for one in found.values():
        one.items.reverse()
        yield one


def _rank(one: _Class, loads: list[_Load]) -> tuple[float, ...]:
    """Less goes first: what one of the class brings per volume, tier by tier, negated; of equal ones the largest."""
    brings = list(one.refusal)
    for tier, (row, use) in zip(one.tiers, one.uses, strict=True):
        brings[tier] += loads[row].gain(use) / one.volume
    return (*(-each for each in brings), -one.volume)
