"""Least damage first: an order that is found while the items are placed.

Of the items whose refusal costs about the same, always the one goes next whose best place takes least of the value of
the bins (`LeftValue`) beyond what it uses itself. An order by size would break up bins that later work wants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from solver.gang import Gang
from solver.ground import Ground
from solver.offer import FAR

__all__ = ["fill_gently"]

_WINDOW = 256
"""Items that are compared with each other at once."""


def fill_gently(ground: Ground, order: Iterable[int], density: list[float]) -> bool:
    """Place the items that have no place yet, if that pays; False if time ran out first.

    `density` is the cost of refusing each item per volume: what differs by more than a factor of two is not compared,
    the dearer goes first. Otherwise the next _WINDOW items of `order` compete.
    """
    for band in _bands([item for item in order if item not in ground.seats], density):
        waiting = band[::-1]
        rivals: list[int] = []
        while waiting or rivals:
            while waiting and len(rivals) < _WINDOW:
                rivals.append(waiting.pop())
            if ground.expired():
                return False
            known: dict[tuple[object, ...], float] = {}
            item = min(rivals, key=lambda i: _damage(ground, i, known))
            rivals.remove(item)
            before = ground.values()
            if Gang(ground, item).place() is not None and ground.values() > before:
                ground.drop(item)
    return True


def _bands(items: list[int], density: list[float]) -> Iterator[list[int]]:
    """Items of like density, the dearest first, each in the given order."""
    found: dict[int, list[int]] = {}
    for item in items:
        level = math.frexp(density[item])[1] if density[item] > 0 else -(10**6)
        found.setdefault(level, []).append(item)
    for level in sorted(found, reverse=True):
        yield found[level]


def _damage(ground: Ground, item: int, known: dict[tuple[object, ...], float]) -> float:
    """What the cheapest seats of all replicas cost, less what the devices they take are worth by themselves.

    Items of equal offers are looked at once. Those without room come last.
    """
    parts = ground.problem.items[item].parts
    offers = [ground.offer((item, p)) for p in range(len(parts))]
    name = (*offers, *(part.count for part in parts))
    if name not in known:
        rate = 0.0 if ground.free.worth.left is None else ground.free.worth.left.milli_value
        total = 0.0
        for part, offer in zip(parts, offers, strict=True):
            if part.count:
                low = int(np.min(offer.cost, initial=FAR))
                total += math.inf if low >= FAR else part.count * (low - part.demand.volume * rate)
        known[name] = total
    return known[name]
