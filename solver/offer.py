"""Where a part could go now: room and price of the bins that can hold its demand at all.

Most bins of a busy fleet are full, and stay so while a plan is built. So all figures are kept by *position* in the
list of those bins that hold at least one replica of the demand when nothing is placed. Figures of domains are kept for
the domains of these bins only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.free import Free
from solver.items import BoolArray, Demand, IntArray, Ranked

__all__ = ["FAR", "Grouping", "Offer", "Stock"]

FAR = int(np.iinfo(np.int64).max) // 4
"""Cost of a seat that does not exist."""


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


class _Masked:
    """Room of a demand in the bins of a mask, as it was at one `version` of the stock."""

    def __init__(self, mask: BoolArray | None) -> None:
        self.mask = mask
        self.version = -1
        self.room: IntArray
        self.held: dict[int, IntArray] = {}
        """Sums per label, by the identity of the labels."""


class _Shelf:
    """What all stocks of one demand of a problem share: it does not change while plans are made."""

    def __init__(self, free: Free, demand: Demand) -> None:
        self.bins = free.ever(demand)
        self.at: IntArray = np.full(free.problem.bins.count, -1, np.int64)
        self.at[self.bins] = np.arange(self.bins.size)
        self.groupings: dict[int, tuple[IntArray, Grouping]] = {}
        self.sums: dict[tuple[int, ...], IntArray | None] = {}
        """Prices of the offers, by the identity of their masks and prices, which the problem keeps."""


class Stock:
    """Room and scarcity for one demand in the bins that can hold it: `bins` int64[M], ascending."""

    def __init__(self, free: Free, demand: Demand) -> None:
        self.free, self.demand = free, demand
        shelf = free.problem.recall(("shelf", demand), lambda: _Shelf(free, demand))
        self.bins, self.at = shelf.bins, shelf.at
        """The bins, and the position of every bin of all, -1 for those that cannot hold the demand."""
        self.sums = shelf.sums
        self.room = free.count(self.bins, demand)
        self.base: IntArray = np.where(self.room > 0, free.scarcity(self.bins, demand), FAR)
        """What one replica would take of what each bin is worth, `FAR` without room."""
        self.version = 0
        """How often the figures changed."""
        self._seen = len(free.changed)
        self._groupings = shelf.groupings
        self._prices: dict[int, tuple[IntArray | Ranked, IntArray]] = {}
        self._masked: dict[int, _Masked] = {}

    def sync(self) -> None:
        """Count the changed bins anew."""
        free = self.free
        if self._seen < len(free.changed):
            places = self.at[free.since(self._seen)]
            self._seen = len(free.changed)
            places = places[places >= 0]
            if places.size:
                bins = self.bins[places]
                room = free.count(bins, self.demand)
                self.room[places] = room
                self.base[places] = np.where(room > 0, free.scarcity(bins, self.demand), FAR)
                self.version += 1

    def grouping(self, labels: IntArray) -> Grouping:
        """The positions by label."""
        name = id(labels)
        known = self._groupings.get(name)
        if known is None:
            known = self._groupings[name] = (labels, Grouping(labels[self.bins]))
        return known[1]

    def price(self, each: IntArray | Ranked) -> IntArray:
        """A cost per bin, by position."""
        known = self._prices.get(id(each))
        if known is None:
            known = self._prices[id(each)] = (each, each[self.bins])
        return known[1]

    def masked(self, mask: BoolArray | None) -> _Masked:
        """The room in the bins of a mask, shared by all offers with that mask."""
        known = self._masked.get(id(mask))
        if known is None:
            known = self._masked[id(mask)] = _Masked(None if mask is None else mask[self.bins])
        return known


class Offer:
    """Where a part could go now: `room` replicas per position (masks applied) at `cost` each (`FAR` without room)."""

    def __init__(self, stock: Stock, mask: BoolArray | None, prices: Sequence[IntArray | Ranked]) -> None:
        self.stock = stock
        self.bins = stock.bins
        self._own = stock.masked(mask)
        name = id(mask), *map(id, prices)
        if name not in stock.sums:
            found = [stock.price(each) for each in prices]
            if self._own.mask is not None:
                found.append(np.where(self._own.mask, 0, FAR))
            stock.sums[name] = sum(found[1:], start=found[0]) if found else None
        self._price = stock.sums[name]
        self._cost: IntArray | None = None
        self._low: dict[int, IntArray] = {}
        self._seen = -1
        self.sync()

    def sync(self) -> None:
        """Bring the figures up to date."""
        stock, own = self.stock, self._own
        stock.sync()
        if self._seen != stock.version:
            self._seen = stock.version
            self._cost = None
            self._low.clear()
            if own.version != stock.version:
                own.version = stock.version
                own.room = stock.room if own.mask is None else stock.room * own.mask
                own.held.clear()
            self.room: IntArray = own.room

    @property
    def cost(self) -> IntArray:
        """Cost of a replica at each position."""
        if self._cost is None:
            base = self.stock.base
            self._cost = base if self._price is None else np.minimum(base + self._price, FAR)
        return self._cost

    def places(self, bins: IntArray) -> IntArray:
        """Positions of those of the bins that have room."""
        found = self.stock.at[bins]
        found = found[found >= 0]
        return found[self.room[found] > 0]

    def places_in(self, labels: IntArray, name: int) -> IntArray:
        """Positions of the bins with a label that have room."""
        found = self.stock.grouping(labels).places(name)
        return found[self.room[found] > 0]

    def held(self, labels: IntArray) -> IntArray:
        """Room of all bins of each label in `Stock.grouping`."""
        held = self._own.held
        found = held.get(id(labels))
        if found is None:
            found = held[id(labels)] = self.stock.grouping(labels).sums(self.room)
        return found

    def low(self, labels: IntArray) -> IntArray:
        """Cost of the cheapest seat of each label in `Stock.grouping`."""
        found = self._low.get(id(labels))
        if found is None:
            found = self._low[id(labels)] = self.stock.grouping(labels).least(self.cost)
        return found
