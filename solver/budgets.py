"""Budgets: how much is disturbed at least where an item takes bins that are held by what runs? Counted, not searched.

The bins of a domain are priced in what would be disturbed in them, in weights over the budgets (`Disruptions`) from
subgradient steps. If the cheapest bins that are enough cost more than the weighted budgets allow, all in exact
integers, the domain is refuted.
"""

from __future__ import annotations

import numpy as np

from solver.alone import always_on, solo
from solver.atoms import Disruptions
from solver.cells import rooms
from solver.items import BoolArray, IntArray
from solver.problem import Problem

__all__ = ["Budgets"]

_SPLIT = 5_354_228_880
"""A multiple of 1 to 24: parts of one are exact where what runs lies in at most so many bins (else rounded down)."""
_SCALE = 1000
_TURNS = 60


class Budgets:
    """What it disturbs at least to place an item of one part whose replicas take whole bins."""

    def __init__(self, problem: Problem, item: int) -> None:
        alone = solo(problem, item)
        self.part = problem.items[item].parts[0]
        self.seats: IntArray = rooms(alone)[0, 0].clip(max=self.part.count)
        """int64[N], replicas of the first part that each bin would take with all gone that may be disturbed."""
        self._limits = [atom for atom in problem.atoms if isinstance(atom, Disruptions)]
        offered = (problem.bins.devices > 0).sum(axis=1)
        single = len(problem.items[item].parts) == 1 and always_on(problem.items[item], self.part.bundle)
        self._whole = single and self.part.demand.devices >= int(offered[self.seats > 0].max(initial=1))
        if not single:
            self.seats = np.full(problem.bins.count, self.part.count)
        numbers: dict[int, list[int]] = {}
        for number, atom in enumerate(self._limits):
            for i in atom.members:
                numbers.setdefault(i, []).append(number)
        self._on: dict[int, list[tuple[frozenset[int], list[int]]]] = {}
        for i, limits in numbers.items():
            bins = frozenset(seat.bin for held in problem.homes[i] for seat in held if seat.devices)
            for b in bins:
                self._on.setdefault(b, []).append((bins, limits))

    def closed(self, domain: BoolArray) -> bool:
        """Whether the domain has too few seats for the item with all gone, or some limits are exceeded there."""
        return int(self.seats[domain].sum()) < self.part.min_count or self.exceeded(domain)

    def exceeded(self, domain: BoolArray) -> bool:
        """Whether some non-negative sum of the limits is exceeded wherever in the domain the item goes.

        What holds a device of a bin has to be disturbed for a replica there. Work that runs in several bins of the
        domain counts in each by its even part, so a set of bins is never priced above what it disturbs; if even the
        cheapest bins are dearer than the limits allow, none will do. The weights of the sum are looked for by
        subgradient steps and rounded; the comparison is in exact integers.
        """
        if not self._limits or not self._whole:
            return False
        rows = np.flatnonzero(domain & (self.seats > 0))
        inside = set(rows.tolist())
        cost = np.zeros((len(self._limits), rows.size), np.int64)
        for k, b in enumerate(rows.tolist()):
            for bins, limits in self._on.get(b, ()):
                cost[limits, k] += _SPLIT // len(bins & inside)
        room = np.array([max(-1, atom.limit - atom.base) for atom in self._limits], np.int64) * _SPLIT
        weight = np.ones(len(self._limits))
        for turn in range(_TURNS):
            exact = np.rint(weight * _SCALE / weight.max()).astype(np.int64)
            priced = exact @ cost
            chosen = np.argsort(priced, kind="stable")[: self.part.min_count]
            # In Python's integers: over many budgets and bins these sums leave 64 bits.
            if sum(priced[chosen].tolist()) > sum(w * r for w, r in zip(exact.tolist(), room.tolist(), strict=True)):
                return True
            over = (cost[:, chosen].sum(axis=1) - room) / _SPLIT
            weight = np.maximum(0.0, weight + over / (1 + turn / 4) / max(1.0, float(np.abs(over).max())))
            if not weight.any():
                return False
        return False
