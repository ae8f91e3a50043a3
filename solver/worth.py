"""What bins are worth as they are, while a plan is built: large free pieces (`Remainder`), empty groups (`Vacant`)."""

from __future__ import annotations

import numpy as np

from solver.atoms.remainder import Remainder
from solver.atoms.vacant import Vacant
from solver.items import IntArray
from solver.problem import Problem

__all__ = ["Worth"]


class Worth:
    """`lost` is what has been taken so far, per tier."""

    def __init__(self, problem: Problem) -> None:
        self._remainders = [atom for atom in problem.atoms if isinstance(atom, Remainder)]
        self._vacant = [_Groups(atom) for atom in problem.atoms if isinstance(atom, Vacant)]
        self._counts = np.arange(problem.bins.devices.shape[1] + 1)
        self.lost = [0] * problem.tiers

    def price(self, bins: IntArray, whole: IntArray, taken: IntArray) -> IntArray:
        """What one more replica would take from each of the bins.

        `whole`: free devices of each, `taken`: how many of them the replica would open or use.
        """
        total = np.zeros(bins.size, np.int64)
        for atom in self._remainders:
            for k, size in enumerate(atom.sizes):
                chunks = self._counts // size
                total += (chunks[whole] - chunks[np.maximum(whole - taken, 0)]) * atom.values[bins, k]
        for groups in self._vacant:
            labels = groups.atom.labels[bins]
            total += np.where((labels >= 0) & (groups.replicas[labels] == 0), groups.atom.price_each, 0)
        return total

    def broken(self, bin_: int, before: int, after: int) -> None:
        """The bin has so many whole free devices now."""
        for atom in self._remainders:
            for k, size in enumerate(atom.sizes):
                chunks = before // size - after // size
                if chunks:
                    self.lost[atom.tier] += chunks * int(atom.values[bin_, k])

    def held(self, bin_: int, more: int) -> list[int]:
        """The bin holds so many more replicas; returns the bins whose price has changed by that."""
        changed: list[int] = []
        for groups in self._vacant:
            group = int(groups.atom.labels[bin_])
            if group >= 0:
                cost, before = groups.cost(), int(groups.replicas[group])
                groups.replicas[group] = before + more
                if (before == 0) != (before + more == 0):
                    groups.used += 1 if before == 0 else -1
                    self.lost[groups.atom.tier] += groups.cost() - cost
                    changed += np.flatnonzero(groups.atom.labels == group).tolist()
        return changed


class _Groups:
    """How many replicas sit in each group of a `Vacant` atom."""

    def __init__(self, atom: Vacant) -> None:
        self.atom = atom
        self.replicas = np.zeros(int(atom.labels.max(initial=0)) + 1, np.int64)
        self.used = 0

    def cost(self) -> int:
        """Price of the groups that are missing."""
        free = len(self.atom.groups) - self.used
        return self.atom.price_each * max(0, self.atom.wanted - free)
