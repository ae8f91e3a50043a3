"""The order in which the bins of an offer are tried: cheapest, then those that take most at once, then the fullest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from solver.items import IntArray
from solver.offer import FAR, Offer
from solver.problem import Joint

__all__ = ["best_first"]

_FEW = 48
"""Bins that are sorted one by one; more are looked through level by level."""
_GLANCE = 4
"""Bins that are offered before limits are looked up for all."""
_LEVELS = 12
"""Prices that are looked for one after the other; what is dearer is sorted at once."""
_SHIFT = 2**40
"""More than the thousandths that a bin has free."""

_Rooms = Iterator[tuple[int, int]]


def best_first(offer: Offer, places: IntArray | None, want: int, joints: Sequence[Joint]) -> _Rooms:
    """Bins with room and how many of `want` replicas they take at most, best first; `places` are positions with room.

    Nearly always the first few are taken, so the others are not sorted before somebody asks for them.
    """
    bins, rooms, cost = offer.bins, offer.room, offer.cost
    if places is not None:
        if not places.size:
            return
        bins, rooms, cost = bins[places], rooms[places], cost[places]
        if bins.size <= _FEW:
            yield from _sorted(offer, bins, rooms, cost, want, joints)
            return
    level = -1
    for _ in range(_LEVELS):
        above = np.True_ if level < 0 else cost > level
        lowest = int(np.minimum.reduce(cost, initial=FAR, where=above))
        if lowest >= FAR:
            return
        tied = (cost == lowest).nonzero()[0]
        yield from _tied(offer, bins[tied], rooms[tied], want, joints)
        level = lowest
    rest = ((cost > level) & (cost < FAR)).nonzero()[0]
    if rest.size:
        yield from _sorted(offer, bins[rest], rooms[rest], cost[rest], want, joints)


def _tied(offer: Offer, bins: IntArray, rooms: IntArray, want: int, joints: Sequence[Joint]) -> _Rooms:
    """The same for bins of one price."""
    if bins.size <= _FEW:
        yield from _sorted(offer, bins, rooms, None, want, joints)
        return
    if want == 1 and joints:
        # All have room enough, so the fullest comes first whatever limits leave; seldom they close it.
        free = offer.stock.free.milli[bins]
        for place in (free == np.minimum.reduce(free)).nonzero()[0][:_GLANCE].tolist():
            yield int(bins[place]), 1
    bins, rooms = _open(bins, rooms, joints)
    # Among bins of one price: by room, then by what is free, the first bin on ties.
    rank = offer.stock.free.milli[bins] - np.minimum(rooms, want) * _SHIFT
    least = np.minimum.reduce(rank, initial=_SHIFT)
    first = (rank == least).nonzero()[0]
    yield from zip(bins[first].tolist(), rooms[first].tolist(), strict=True)
    others = (rank != least).nonzero()[0]
    others = others[np.argsort(rank[others], kind="stable")]
    yield from zip(bins[others].tolist(), rooms[others].tolist(), strict=True)


def _sorted(
    offer: Offer, bins: IntArray, rooms: IntArray, cost: IntArray | None, want: int, joints: Sequence[Joint]
) -> _Rooms:
    if bins.size > 1:
        rank = offer.stock.free.milli[bins] - np.minimum(_limited(bins, rooms, joints), want) * _SHIFT
        order = rank.argsort(kind="stable") if cost is None else np.lexsort((rank, cost))
        bins, rooms = bins[order], rooms[order]
    yield from zip(bins.tolist(), rooms.tolist(), strict=True)


def _open(bins: IntArray, rooms: IntArray, joints: Sequence[Joint]) -> tuple[IntArray, IntArray]:
    """The bins that limits leave open, and the room that they leave."""
    if not joints:
        return bins, rooms
    rooms = _limited(bins, rooms, joints)
    open_ = rooms > 0
    return bins[open_], rooms[open_]


def _limited(bins: IntArray, rooms: IntArray, joints: Sequence[Joint]) -> IntArray:
    for joint in joints:
        labels = joint.labels[bins]
        rooms = np.where(labels >= 0, np.minimum(rooms, joint.room[labels]), rooms)
    return rooms
