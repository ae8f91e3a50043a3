"""Which rows to keep in blocks, and good multipliers for all others: the volume algorithm from an LP's multipliers.

The volume algorithm (Barahona and Anbil 2000) is a subgradient method whose direction comes from a running mean of the
blocks' solutions; that mean also tends to a solution of the relaxation. Floats choose the multipliers only: each trial
is evaluated in exact integers (`blocks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.blocks import Blocks, Priced, block_of
from solver.items import IntArray
from solver.model import FREE, Arrays

__all__ = ["Ascended", "ascend", "kept_rows"]

Floats = npt.NDArray[np.float64]

_MOST_ROOM = 20_000
"""A row with more room than this, in its own units, is no block: its table would be long."""
_SCALES = tuple(2**bits for bits in (16, 12, 8, 4, 0))
_ROUND = 25
"""Trials between two looks at what they have gained."""
_PATIENCE = 10
"""Trials without a gain after which steps become shorter."""
_SHORTER = 0.66
_ROUNDING = 4
"""What a bound may lose in the first changes, as the part of one unit of the objective: rounding loses about that."""
_LEAST_GAIN = 0.01
"""Of all that was gained: rounds that gain no more than this share of it end the ascent."""
_REACH = 0.003
"""Share of the bound that the target lies above it at most."""
_MEMORY = 0.9
"""Weight of the past in the mean solution."""


@dataclass(frozen=True)
class Ascended:
    """The best multipliers found, what the blocks do there, and the mean of what they did."""

    priced: Priced
    mean: Floats
    trials: int


def kept_rows(arrays: Arrays, y: IntArray) -> tuple[int, ...]:
    """Rows without common columns that are worth keeping: knapsacks with unlike uses, the dearest in `y` first."""
    lengths = np.diff(arrays.indptr)
    one_sided = (arrays.row_lo <= -FREE) != (arrays.row_hi >= FREE)
    sides = np.where(y > 0, arrays.row_lo, arrays.row_hi)
    weight_of: dict[bytes, float] = {}
    found: list[tuple[bytes, int, int]] = []
    for row in np.flatnonzero(one_sided & (lengths > 1)).tolist():
        inside = slice(int(arrays.indptr[row]), int(arrays.indptr[row + 1]))
        columns, uses = arrays.columns[inside], np.abs(arrays.coefficients[inside])
        name = np.sort(columns).tobytes()
        weight_of[name] = weight_of.get(name, 0.0) + abs(float(y[row]) * float(sides[row]) if y[row] else 0.0)
        if int(uses.min()) < int(uses.max()):
            try:
                block = block_of(arrays, row)
            except ValueError:
                continue
            if block.room <= _MOST_ROOM and int((block.use * block.most).sum()) > block.room:
                found.append((name, block.room, row))
    found.sort(key=lambda one: (-weight_of[one[0]], -len(one[0]), -one[1], one[2]))
    taken = np.zeros(arrays.variables, np.bool_)
    kept = []
    for name, _, row in found:
        columns = arrays.columns[int(arrays.indptr[row]) : int(arrays.indptr[row + 1])]
        if weight_of[name] > 0 and not taken[columns].any():
            taken[columns] = True
            kept.append(row)
    return tuple(sorted(kept))


def ascend(
    blocks: Blocks,
    tier: int,
    scale: int,
    y: IntArray,
    goal: int,
    trials: int,
    stopped: Callable[[], bool],
    *,
    fresh: bool = True,
) -> Ascended | None:
    """Better multipliers than `y` (int64[rows] over `scale`), at most so many trials, until the bound reaches `goal`.

    `fresh` ones come from an LP that knows of no blocks. None where the figures leave exact arithmetic.
    """
    start = y / scale
    for scale_ in _SCALES:
        ascent = _Ascent(blocks, tier, scale_, goal)
        if ascent.begin(start, fresh=fresh):
            ascent.run(trials, stopped)
            return Ascended(ascent.best, ascent.mean, ascent.trials)
    return None


class _Ascent:
    best: Priced

    def __init__(self, blocks: Blocks, tier: int, scale: int, goal: int) -> None:
        self.blocks, self.tier, self.scale, self.goal = blocks, tier, scale, goal
        arrays = blocks.arrays
        self.trials = 0
        self.mean = np.zeros(arrays.variables)
        self._lo = np.where(arrays.row_lo <= -FREE, -np.inf, arrays.row_lo.astype(np.float64))
        self._hi = np.where(arrays.row_hi >= FREE, np.inf, arrays.row_hi.astype(np.float64))
        largest = np.ones(arrays.rows)
        np.maximum.at(largest, blocks.row_of, np.abs(arrays.coefficients).astype(np.float64))
        self._step_of = 1.0 / largest**2
        self._step_of[list(blocks.kept)] = 0.0

    def begin(self, y: Floats, *, fresh: bool) -> bool:
        """Start from these multipliers, or like ones that prove no less and are better to go on from."""
        found = self._priced(y)
        if found is None:
            return False
        for change in (self._without_inner, self._firm) if fresh else ():
            other = change(y)
            priced = self._priced(other)
            if priced is not None and priced.total >= found.total - self.scale // _ROUNDING:
                y, found = other, priced
        self.best, self._y = found, y
        self.mean = found.x.astype(np.float64)
        return True

    def _priced(self, y: Floats) -> Priced | None:
        return self.blocks.priced(self.tier, self.scale, np.rint(y * self.scale).astype(np.int64))

    def _without_inner(self, y: Floats) -> Floats:
        """Rows within one block cost nothing: most follow from the row that is kept."""
        arrays = self.blocks.arrays
        owner = np.full(arrays.variables, -1, np.int64)
        for number, part in enumerate(self.blocks.parts):
            owner[part.columns] = number
        inner = y.copy()
        for row in np.flatnonzero(y).tolist():
            owners = owner[arrays.columns[int(arrays.indptr[row]) : int(arrays.indptr[row + 1])]]
            if owners.size and owners[0] >= 0 and bool((owners == owners[0]).all()):
                inner[row] = 0.0
        return inner

    def _firm(self, y: Floats) -> Floats:
        """The last row (the limit of the tier before) dearer, made good in rows that give it back column by column.

        Where the limit leaves no choice that proves the same, and what it forces stays forced while prices move.
        """
        arrays, last = self.blocks.arrays, self.blocks.arrays.rows - 1
        if not y[last]:
            return y
        inside = slice(int(arrays.indptr[last]), int(arrays.indptr[last + 1]))
        limit = np.zeros(arrays.variables)
        limit[arrays.columns[inside]] = arrays.coefficients[inside]
        more, firm = 3.0 * y[last], y.copy()
        for row in np.flatnonzero(arrays.row_lo == arrays.row_hi).tolist():
            inside = slice(int(arrays.indptr[row]), int(arrays.indptr[row + 1]))
            shares = limit[arrays.columns[inside]] / arrays.coefficients[inside]
            shares = shares[shares != 0]
            if shares.size and bool((shares == shares[0]).all()):
                firm[row] -= shares[0] * more
        firm[last] += more
        return firm

    def _missing(self, x: Floats) -> Floats:
        """How far every row is from being met at x, in the direction in which its multiplier should move."""
        arrays = self.blocks.arrays
        held = np.bincount(self.blocks.row_of, arrays.coefficients * x[arrays.columns], arrays.rows)
        over, under = self._hi - held, self._lo - held
        missing = np.where(self._y < 0, over, np.where(self._y > 0, under, np.minimum(over, 0) + np.maximum(under, 0)))
        return np.where(self._step_of > 0, missing, 0.0)

    def run(self, trials: int, stopped: Callable[[], bool]) -> None:
        """Trials until the goal, a standstill, or `stopped`."""
        length, idle, first = 0.5, 0, self.best.total
        before = first
        while self.trials < trials and self.best.bound < self.goal and not stopped():
            self.trials += 1
            direction = self._missing(self.mean)
            square = float((direction**2 * self._step_of).sum())
            if square < 1e-9:
                return
            reached = self.best.total / self.scale
            target = max(0.3, min(self.goal - reached, 1 + _REACH * abs(reached)))
            y = self._y + length * target / square * direction * self._step_of
            y = np.where(np.isinf(self._lo), np.minimum(y, 0), y)
            y = np.where(np.isinf(self._hi), np.maximum(y, 0), y)
            found = self._priced(y)
            if found is None:
                return
            here = self._missing(found.x.astype(np.float64))
            change = here - direction
            spread = float((change**2 * self._step_of).sum())
            towards = -float((direction * change * self._step_of).sum()) / spread if spread > 0 else 1.0
            weight = min(max(towards, (1 - _MEMORY) / 10), 1 - _MEMORY)
            self.mean = (1 - weight) * self.mean + weight * found.x
            if found.total > self.best.total:
                if float((here * direction * self._step_of).sum()) > 0:
                    length = min(2.0, length * 1.1)
                if (found.total - self.best.total) > 1e-6 * abs(found.total):
                    idle = 0
                self.best, self._y = found, y
            else:
                idle += 1
                if idle >= _PATIENCE:
                    length, idle = length * _SHORTER, 0
            if self.trials % (4 * _ROUND) == 0:
                if self.best.total - before <= _LEAST_GAIN * (self.best.total - first):
                    return
                before = self.best.total
