"""Where a part could go now: room and price of the bins that can hold its demand at all.

Most bins of a busy fleet are full, and stay so while a plan is built. So all figures are kept by *position* in the
list of those bins that hold at least one replica of the demand when nothing is placed.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from solver.items import BoolArray, Demand, IntArray
from solver.problem import Problem

__all__ = ["FAR", "Offer", "Stock"]

FAR = np.iinfo(np.int64).max // 4
"""Cost of a seat that does not exist."""


class _Ground(Protocol):
    """What this module needs of the plan in the making."""

    problem: Problem
    sizes: tuple[int, ...]
    changed: list[int]

    def since(self, mark: int) -> IntArray:
        """Bins that changed after so many changes."""

    def count(self, bins: IntArray, demand: Demand) -> IntArray:
        """Replicas of a demand that fit each of the bins now."""

    def scarcity(self, bins: IntArray, demand: Demand) -> IntArray:
        """What one replica would take of what each of the bins is worth as it is."""

    def ever(self, demand: Demand) -> IntArray:
        """Bins that hold a replica when nothing is placed."""


class Stock:
    """Room and scarcity for one demand in the bins that can hold it: `bins` int64[M], ascending."""

    def __init__(self, ground: _Ground, demand: Demand) -> None:
        self.ground, self.demand = ground, demand
        self.bins = ground.ever(demand)
        self.at: IntArray = np.full(ground.problem.bins.count, -1, np.int64)
        """Position of every bin, -1 for those that cannot hold the demand."""
        self.at[self.bins] = np.arange(self.bins.size)
        self.room = ground.count(self.bins, demand)
        self.scarce = ground.scarcity(self.bins, demand)
        self.seen = len(ground.changed)
        self._labels: dict[int, tuple[IntArray, IntArray]] = {}
        self._order: dict[int, tuple[IntArray, IntArray, IntArray]] = {}

    def sync(self) -> None:
        """Count the changed bins anew."""
        if self.seen < len(self.ground.changed):
            bins = self.ground.since(self.seen)
            self.seen = len(self.ground.changed)
            places = self.at[bins]
            inside = places >= 0
            places, bins = places[inside], bins[inside]
            if bins.size:
                self.room[places] = self.ground.count(bins, self.demand)
                self.scarce[places] = self.ground.scarcity(bins, self.demand)

    def labels(self, labels: IntArray, size: int) -> IntArray:
        """The label of every position, `size` for bins without one."""
        name = id(labels)
        if name not in self._labels:
            here = labels[self.bins]
            self._labels[name] = (labels, np.where(here >= 0, here, size))
        return self._labels[name][1]

    def order(self, partition: int) -> tuple[IntArray, IntArray, IntArray]:
        """Positions sorted by domain, the domains that have some, and where each of these begins."""
        if partition not in self._order:
            labels = self.ground.problem.partitions[partition][self.bins]
            order = np.argsort(labels, kind="stable")
            domains, starts = np.unique(labels[order], return_index=True)
            self._order[partition] = order, domains, starts
        return self._order[partition]


class Offer:
    """Where a part could go now: `room` replicas per position (masks applied) at `cost` each (`FAR` without room)."""

    def __init__(self, stock: Stock, mask: BoolArray | None, price: IntArray | None) -> None:
        self._stock = stock
        self.bins, self.at = stock.bins, stock.at
        self._mask = None if mask is None else mask[self.bins]
        self._price = None if price is None else price[self.bins]
        self._held: dict[int, tuple[IntArray, IntArray]] = {}
        self._low: dict[int, IntArray] = {}
        self._seen = -1
        self.sync()

    def sync(self) -> None:
        """Bring the figures up to date."""
        stock = self._stock
        if self._seen == len(stock.ground.changed):
            return
        stock.sync()
        self._seen = stock.seen
        self.room: IntArray = stock.room if self._mask is None else stock.room * self._mask
        base = stock.scarce if self._price is None else stock.scarce + self._price
        self.cost: IntArray = np.where(self.room > 0, base, FAR)
        self._held.clear()
        self._low.clear()

    def places(self, bins: IntArray) -> IntArray:
        """Positions of those of the bins that have room."""
        found = self.at[bins]
        found = found[found >= 0]
        return found[self.room[found] > 0]

    def held(self, labels: IntArray, size: int) -> IntArray:
        """Room of all bins of each label, int64[size + 1]; the last figure is for bins without a label."""
        name = id(labels)
        if name not in self._held:
            groups = self._stock.labels(labels, size)
            self._held[name] = (labels, np.bincount(groups, self.room, minlength=size + 1).astype(np.int64))
        return self._held[name][1]

    def low(self, partition: int) -> IntArray:
        """Cost of the cheapest seat of every domain, int64[domains]."""
        if partition not in self._low:
            found = np.full(self._stock.ground.sizes[partition], FAR, np.int64)
            order, domains, starts = self._stock.order(partition)
            if domains.size:
                found[domains] = np.minimum.reduceat(self.cost[order], starts)
            self._low[partition] = found
        return self._low[partition]
