"""Chunks: how much of a set of bins is left in pieces of a given size, and what a replica takes of them.

A chunk of size j <= 1000 is j thousandths of one device; a chunk of size 1000 n is n whole devices of one bin.
For any j the map "size -> number of chunks of size j that it holds" is superadditive, so the rows
sum(load(demand, j) x replicas) <= supply(bins, j) are necessary for every j (a dual feasible function). They are
also sufficient for sizes that form a divisible chain, and then any largest-first packing succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from solver.items import WHOLE, Bins, Demand, IntArray

__all__ = ["PLENTY", "chunk_sizes", "is_chain", "load", "room_alone", "supply", "supply_per_bin"]

PLENTY = 2**30
"""Replicas that fit where a demand takes nothing."""


def room_alone(devices: IntArray, resources: IntArray, demand: Demand) -> IntArray:
    """Replicas of one demand that fit each bin alone: int64[N] from devices int64[N, D], resources int64[N, R]."""
    room = np.full(devices.shape[0], PLENTY, np.int64)
    if demand.devices:
        room = (devices == WHOLE).sum(axis=1) // demand.devices
    elif demand.milli:
        room = (devices // demand.milli).sum(axis=1)
    for column, amount in enumerate(demand.resources):
        if amount:
            room = np.minimum(room, resources[:, column] // amount)
    return np.maximum(room, 0)


def supply_per_bin(devices: IntArray, size: int) -> IntArray:
    """Free chunks of one size in each bin, int64[N]."""
    if size <= WHOLE:
        found: IntArray = (devices // size).sum(axis=1)
    else:
        found = (devices == WHOLE).sum(axis=1) * WHOLE // size
    return found


def supply(bins: Bins, members: IntArray, size: int) -> int:
    """Free chunks of one size in a set of bins."""
    return int(supply_per_bin(bins.devices[members], size).sum())


def load(demand: Demand, size: int) -> int:
    """Chunks of one size that one replica takes at least."""
    if demand.devices:
        return demand.devices * (WHOLE // size) if size <= WHOLE else demand.devices * WHOLE // size
    return demand.milli // size


def is_chain(sizes: Iterable[int]) -> bool:
    """True if every size divides the next larger one, whole devices included."""
    ordered = sorted({*sizes, WHOLE})
    return all(large % small == 0 for small, large in pairwise(ordered))


def chunk_sizes(demands: Sequence[Demand], extra: Iterable[int], *, aligned: bool) -> list[int]:
    """Sizes whose rows matter for these demands: aligned = over several bins (whole devices come in groups too)."""
    found = {WHOLE} if any(d.volume for d in demands) or extra else set()
    for demand in demands:
        if demand.milli:
            found.add(demand.milli)
        elif demand.devices and aligned:
            found.add(demand.devices * WHOLE)
    found.update(size for size in extra if aligned or size <= WHOLE)
    return sorted(found)
