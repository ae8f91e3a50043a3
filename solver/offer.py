"""Where a part could go now: room and price of the bins that can hold its demand at all.

Most bins of a busy fleet are full, and stay so while a plan is built. So all figures are kept by *position* in the
list of those bins that hold at least one replica of the demand when nothing is placed, and that its masks allow.
Figures of domains are kept for the domains of these bins only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from solver.items import BoolArray, Demand, IntArray
from solver.problem import Problem

__all__ = ["FAR", "Grouping", "Offer", "Stock"]

FAR = int(np.iinfo(np.int64).max) // 4
"""Cost of a seat that does not exist."""


class _Ground(Protocol):
    """What this module needs of the plan in the making."""

    problem: Problem
    stamp: IntArray
    changes: int
    milli: IntArray

    def count(self, bins: IntArray, demand: Demand) -> IntArray:
        """Replicas of a demand that fit each of the bins now."""

    def scarcity(self, bins: IntArray, demand: Demand) -> IntArray:
        """What one replica would take of what each of the bins is worth as it is."""

    def ever(self, demand: Demand) -> IntArray:
        """Bins that hold a replica when nothing is placed."""


class Grouping:
    """Positions by the label of their bins: `names` are the labels that occur, ascending."""

    def __init__(self, labels: IntArray) -> None:
        order = np.argsort(labels, kind="stable")
        ordered = labels[order]
        first = np.ones(labels.size, np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        self.names: IntArray = ordered[starts]
        self._order: IntArray = order
        self._starts: IntArray = starts

    def sums(self, figures: IntArray) -> IntArray:
        """Sum of each label's figures."""
        found: IntArray = np.add.reduceat(figures[self._order], self._starts) if self._starts.size else self._starts
        return found

    def least(self, figures: IntArray) -> IntArray:
        """Least of each label's figures."""
        found: IntArray = np.minimum.reduceat(figures[self._order], self._starts) if self._starts.size else self._starts
        return found

    def places(self, name: int) -> IntArray:
        """Positions of a label, ascending."""
        row = int(self.names.searchsorted(name))
        if row == self.names.size or self.names[row] != name:
            return self._order[:0]
        end = self._starts[row + 1] if row + 1 < self.names.size else self._order.size
        return self._order[self._starts[row] : end]


class Stock:
    """Room and scarcity for one demand in the bins that can hold it: `bins` int64[M], ascending."""

    def __init__(self, ground: _Ground, demand: Demand) -> None:
        self.ground, self.demand = ground, demand
        self.bins = ground.ever(demand)
        self.at: IntArray = np.full(ground.problem.bins.count, -1, np.int64)
        """Position of every bin, -1 for those that cannot hold the demand."""
        self.at[self.bins] = np.arange(self.bins.size)
        self.room = ground.count(self.bins, demand)
        self.base: IntArray = np.where(self.room > 0, ground.scarcity(self.bins, demand), FAR)
        """What one replica would take of what each bin is worth, `FAR` without room."""
        self.version = 0
        """How often the figures changed."""
        self._seen = ground.changes
        self._views: dict[int, _View] = {}

    def sync(self) -> None:
        """Count the changed bins anew."""
        ground = self.ground
        if self._seen < ground.changes:
            places = (ground.stamp[self.bins] > self._seen).nonzero()[0]
            self._seen = ground.changes
            if places.size:
                bins = self.bins[places]
                room = ground.count(bins, self.demand)
                self.room[places] = room
                self.base[places] = np.where(room > 0, ground.scarcity(bins, self.demand), FAR)
                self.version += 1

    def view(self, mask: BoolArray | None) -> _View:
        """The bins of a mask, shared by all offers with that mask."""
        known = self._views.get(id(mask))
        if known is None:
            known = self._views[id(mask)] = _View(self, mask)
        return known


class _View:
    """The figures of a stock for the bins of a mask: `bins`, `room` and `base` by position."""

    def __init__(self, stock: Stock, mask: BoolArray | None) -> None:
        self.stock, self._mask = stock, mask
        self.version = stock.version
        self.bins, self.room, self.base = stock.bins, stock.room, stock.base
        self._chosen: IntArray | None = None
        """Positions in the stock, None for all."""
        if mask is not None:
            chosen = mask[stock.bins].nonzero()[0]
            if chosen.size < stock.bins.size:
                self._chosen = chosen
                self.bins, self.room, self.base = stock.bins[chosen], stock.room[chosen], stock.base[chosen]
                # What the stock knows as no position, -1, is the last one here.
                self._at: IntArray = np.full(stock.bins.size + 1, -1, np.int64)
                self._at[chosen] = np.arange(chosen.size)
        self._held: dict[int, IntArray] = {}
        """Sums per label, by the identity of the labels."""
        self._groupings: dict[int, tuple[IntArray, Grouping]] = {}
        self._prices: dict[int, tuple[IntArray, IntArray]] = {}

    def sync(self) -> None:
        """Bring the figures up to date."""
        stock = self.stock
        stock.sync()
        if self.version != stock.version:
            self.version = stock.version
            self._held.clear()
            if self._chosen is not None:
                self.room, self.base = stock.room[self._chosen], stock.base[self._chosen]

    def places(self, bins: IntArray) -> IntArray:
        """Positions of those of the bins that are here."""
        found = self.stock.at[bins]
        if self._chosen is not None:
            found = self._at[found]
        return found[found >= 0]

    def grouping(self, labels: IntArray) -> Grouping:
        """The positions by label."""
        name = id(labels)
        known = self._groupings.get(name)
        if known is None:
            known = self._groupings[name] = (labels, Grouping(labels[self.bins]))
        return known[1]

    def price(self, each: IntArray) -> IntArray:
        """A cost per bin, by position."""
        known = self._prices.get(id(each))
        if known is None:
            known = self._prices[id(each)] = (each, each[self.bins])
        return known[1]

    def held(self, labels: IntArray) -> IntArray:
        """Room of all bins of each label in `grouping`."""
        found = self._held.get(id(labels))
        if found is None:
            found = self._held[id(labels)] = self.grouping(labels).sums(self.room)
        return found


class Offer:
    """Where a part could go now: `room` replicas per position at `cost` each (`FAR` without room)."""

    def __init__(self, stock: Stock, mask: BoolArray | None, prices: Sequence[IntArray]) -> None:
        self.stock = stock
        self._view = stock.view(mask)
        self.bins = self._view.bins
        found = [self._view.price(each) for each in prices]
        self._price: IntArray | None = sum(found[1:], start=found[0]) if found else None
        self._cost: IntArray | None = None
        self._low: dict[int, IntArray] = {}
        self._seen = -1
        self.sync()

    def sync(self) -> None:
        """Bring the figures up to date."""
        view = self._view
        view.sync()
        if self._seen != view.version:
            self._seen = view.version
            self._cost = None
            self._low.clear()
            self.room: IntArray = view.room

    @property
    def cost(self) -> IntArray:
        """Cost of a replica at each position."""
        if self._cost is None:
            base = self._view.base
            self._cost = base if self._price is None else np.minimum(base + self._price, FAR)
        return self._cost

    def places(self, bins: IntArray) -> IntArray:
        """Positions of those of the bins that have room."""
        found = self._view.places(bins)
        return found[self.room[found] > 0]

    def places_in(self, labels: IntArray, name: int) -> IntArray:
        """Positions of the bins with a label that have room."""
        found = self._view.grouping(labels).places(name)
        return found[self.room[found] > 0]

    def names(self, labels: IntArray) -> IntArray:
        """The labels of all bins that could ever have room, ascending."""
        return self._view.grouping(labels).names

    def held(self, labels: IntArray) -> IntArray:
        """Room of all bins of each label in `names`."""
        return self._view.held(labels)

    def low(self, labels: IntArray) -> IntArray:
        """Cost of the cheapest seat of each label in `names`."""
        found = self._low.get(id(labels))
        if found is None:
            found = self._low[id(labels)] = self._view.grouping(labels).least(self.cost)
        return found
