"""Blocks: a bound from a model in which some rows are kept and all others are priced.

Rows that have no column in common are *kept*; every other row r is dualised with a multiplier y_r:

    LB(y) = sum_r (y_r lo_r if y_r > 0 else y_r hi_r)
          + sum over kept rows of min (c - y A) x over whole numbers x within the row and the ranges of its columns
          + sum over all other columns of min (c - y A) x over its range

(Lagrangian relaxation; for generalized assignment Fisher, Jaikumar and Van Wassenhove 1986). Any y gives a valid bound,
and a kept row is a bounded knapsack, solved exactly in integers. The best such bound is that of column generation over
what each block may hold (Dantzig and Wolfe 1960), never below the LP's. Without kept rows it is `certificate.evaluate`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver.items import IntArray
from solver.knapsack import Knapsack
from solver.model import FREE, Arrays

__all__ = ["Block", "Blocks", "Priced", "block_of"]

_SAFE = 2**61


@dataclass(frozen=True)
class Block:
    """A kept row as a knapsack: x = start + side * z for whole z in [0, most], use z <= room, use > 0."""

    columns: IntArray
    use: IntArray
    most: IntArray
    room: int
    side: IntArray


class Blocks:
    """A model with its kept rows.

    Raises ValueError where kept rows share a column, have limits on both sides that could bind, or cannot be met.
    """

    def __init__(self, arrays: Arrays, kept: Sequence[int]) -> None:
        self.arrays = arrays
        self.kept = tuple(kept)
        self.parts = [block_of(arrays, row) for row in self.kept]
        inside = np.zeros(arrays.variables, np.int64)
        for part in self.parts:
            inside[part.columns] += 1
        if bool(np.any(inside > 1)):
            raise ValueError("rows that are kept share a column")
        self.outside = inside == 0
        self.row_of = np.repeat(np.arange(arrays.rows), np.diff(arrays.indptr))
        """Row of every coefficient."""

    def priced(self, tier: int, scale: int, y: IntArray) -> Priced | None:
        """The model at multipliers `y` (int64[rows] over `scale`); None where figures leave exact arithmetic."""
        arrays = self.arrays
        if bool(np.any((y > 0) & (arrays.row_lo <= -FREE))) or bool(np.any((y < 0) & (arrays.row_hi >= FREE))):
            return None
        products = y[self.row_of].astype(np.float64) * arrays.coefficients
        reach = float(scale) * np.abs(arrays.objective[tier].astype(np.float64))
        np.add.at(reach, arrays.columns, np.abs(products))
        sums = [float((reach[part.columns] * part.most).sum()) for part in self.parts]
        if max(float(reach.max(initial=0.0)), *sums, 0.0) >= _SAFE:
            return None
        reduced = arrays.objective[tier] * scale
        np.subtract.at(reduced, arrays.columns, y[self.row_of] * arrays.coefficients)
        return Priced(self, tier, scale, y, reduced)


class Priced:
    """What the blocks do at given multipliers; figures are over `scale`."""

    def __init__(self, blocks: Blocks, tier: int, scale: int, y: IntArray, reduced: IntArray) -> None:
        self.blocks, self.scale, self.y, self.reduced = blocks, scale, y, reduced
        arrays = blocks.arrays
        self.knapsacks = [
            Knapsack(part.use, part.most, part.room, reduced[part.columns] * part.side) for part in blocks.parts
        ]
        start = np.where(reduced > 0, arrays.lower, arrays.upper)
        for part in blocks.parts:
            start[part.columns] = np.where(part.side > 0, arrays.lower[part.columns], arrays.upper[part.columns])
        self._start = start
        sides = np.where(y > 0, arrays.row_lo, arrays.row_hi)
        rows, used = np.flatnonzero(y), np.flatnonzero((reduced != 0) & (start != 0))
        total = arrays.constant[tier] * scale + sum(each.value for each in self.knapsacks)
        total += sum(r * s for r, s in zip(reduced[used].tolist(), start[used].tolist(), strict=True))
        total += sum(m * s for m, s in zip(y[rows].tolist(), sides[rows].tolist(), strict=True))
        self.total: int = total
        """The bound over `scale`, exact."""

    @property
    def bound(self) -> int:
        """The bound, rounded up."""
        return -((-self.total) // self.scale)

    @cached_property
    def x(self) -> IntArray:
        """What reaches the bound: a solution of the blocks, not of the priced rows."""
        x = self._start.copy()
        for part, knapsack in zip(self.blocks.parts, self.knapsacks, strict=True):
            x[part.columns] += part.side * knapsack.solution()
        return x

    @cached_property
    def _more(self) -> list[list[IntArray]]:
        """For every block and column of it what the bound gains with the column at z = 0, 1, ..."""
        return [[found - each.value for found in each.forced()] for each in self.knapsacks]

    @cached_property
    def regrets(self) -> IntArray:
        """For every column the least that the bound gains where the column is not as in `x`."""
        regrets = np.abs(self.reduced)
        for part, more in zip(self.blocks.parts, self._more, strict=True):
            z = (self.x[part.columns] - self._start[part.columns]) * part.side
            for column, gains, n in zip(part.columns.tolist(), more, z.tolist(), strict=True):
                others = np.delete(gains, n)
                regrets[column] = others.min() if others.size else _SAFE
        return regrets

    def ranges(self, slack: int) -> tuple[IntArray, IntArray]:
        """Least and most of every column in solutions that lie at most `slack` over the bound (both over `scale`)."""
        arrays = self.blocks.arrays
        slack = min(max(slack, 0), _SAFE)
        steps = np.minimum(slack // np.maximum(np.abs(self.reduced), 1), arrays.upper - arrays.lower)
        least = np.where(self.reduced < 0, arrays.upper - steps, arrays.lower)
        most = np.where(self.reduced > 0, arrays.lower + steps, arrays.upper)
        for part, more in zip(self.blocks.parts, self._more, strict=True):
            for column, side, gains in zip(part.columns.tolist(), part.side.tolist(), more, strict=True):
                fitting = np.flatnonzero(gains <= slack)
                ends = int(self._start[column] + side * fitting[0]), int(self._start[column] + side * fitting[-1])
                least[column], most[column] = min(ends), max(ends)
        return least, most


def block_of(arrays: Arrays, row: int) -> Block:
    """The row as a knapsack. Raises ValueError where it is none."""
    inside = slice(int(arrays.indptr[row]), int(arrays.indptr[row + 1]))
    columns, places = np.unique(arrays.columns[inside], return_inverse=True)
    coefficients = np.zeros(columns.size, np.int64)
    np.add.at(coefficients, places, arrays.coefficients[inside])
    columns, coefficients = columns[coefficients != 0], coefficients[coefficients != 0]
    lower, upper = arrays.lower[columns], arrays.upper[columns]
    low = sum(min(c * a, c * b) for c, a, b in zip(*(v.tolist() for v in (coefficients, lower, upper)), strict=True))
    high = sum(max(c * a, c * b) for c, a, b in zip(*(v.tolist() for v in (coefficients, lower, upper)), strict=True))
    lo, hi = int(arrays.row_lo[row]), int(arrays.row_hi[row])
    if lo > low and hi < high:
        raise ValueError("a row that is kept binds on both sides")
    room = hi - low if lo <= low else high - lo
    if room < 0:
        raise ValueError("a row that is kept cannot be met")
    side = np.sign(coefficients) if lo <= low else -np.sign(coefficients)
    use = np.abs(coefficients)
    unit = math.gcd(*use.tolist()) or 1
    # More room than all columns together could use is never used.
    most = upper - lower
    room = min(room, sum(u * m for u, m in zip(use.tolist(), most.tolist(), strict=True))) // unit
    return Block(columns, use // unit, most, room, side)
