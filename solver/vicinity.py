"""Better solutions near a known one: a few blocks are freed, all else stays (large neighbourhood search; Shaw 1998).

Of the freed blocks only the columns of a core are free (`core`): those without which the bound of blocks rises little.
So far more blocks can be freed at once than with all their columns, and CP-SAT still searches them in a moment.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from solver.blocks import Priced
from solver.branching import narrowed, passed_on
from solver.cpsat import Effort, minimise
from solver.items import IntArray

__all__ = ["Vicinity"]

_CORES = 1, 2, 4
"""Sizes of the core: so many columns for each one that is used in a block."""
_BLOCKS = 4
"""Blocks that are freed at first."""
_MORE, _FEWER = 1.3, 0.8
"""Blocks that are freed next, if all was searched, and if not."""
_LOOK_WORK = 1e-7
"""Deterministic work of preparing one search, for each coefficient."""


class Vicinity:
    """Solutions of the model of `priced`, near those that are known."""

    def __init__(self, priced: Priced, tier: int, seed: int) -> None:
        self.priced, self.arrays, self.tier = priced, priced.blocks.arrays, tier
        self.random = Random(seed)
        self.columns = [part.columns for part in priced.blocks.parts]
        self._inside = np.flatnonzero(~priced.blocks.outside)
        self._steps = np.sort(priced.regrets[self._inside])
        self._freed = dict.fromkeys(_CORES, float(min(_BLOCKS, len(self.columns))))
        """Blocks that are freed in a core of each size."""

    def better(self, x: IntArray, effort: Effort, spend: Callable[[float], None]) -> IntArray | None:
        """A solution better than x in a random neighbourhood; `spend` is told the deterministic work done."""
        size = self.random.choice(_CORES)
        value = self.arrays.value(self.tier, x) - 1
        ends = self._around(x, value, size)
        spend(_LOOK_WORK * self.arrays.columns.size)
        if ends is None:
            return None
        small, free = narrowed(self.arrays, *ends)
        if not free.size:
            self._learn(size, searched=True)
            return None
        found = minimise(small, self.tier, (), small.hint, effort, at_most=value)
        spend(found.work)
        self._learn(size, searched=found.x is not None or (found.bound is not None and found.bound > value))
        if found.x is None:
            return None
        better = ends[0].copy()
        better[free] = found.x
        return better

    def _around(self, x: IntArray, value: int, size: int) -> tuple[IntArray, IntArray] | None:
        """Ranges of all columns: those of some blocks as the core has them, others in blocks as in x."""
        priced, arrays = self.priced, self.arrays
        used = int(np.count_nonzero(x[self._inside]))
        step = int(self._steps[min(self._steps.size - 1, used * size)])
        least, most = priced.ranges(min(step, value * priced.scale - priced.total))
        lower, upper = np.minimum(least, x), np.maximum(most, x)
        for b in self.random.sample(range(len(self.columns)), len(self.columns))[int(self._freed[size]) :]:
            columns = self.columns[b]
            lower[columns] = upper[columns] = x[columns]
        return passed_on(arrays, lower, upper)

    def _learn(self, size: int, *, searched: bool) -> None:
        """Free more blocks next time if these were searched, else fewer."""
        freed = self._freed[size] * (_MORE if searched else _FEWER)
        self._freed[size] = min(max(freed, 2.0), float(len(self.columns)))
