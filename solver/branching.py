"""Branching with bounds of blocks: the best solution of at most some value, or that there is none.

Depth first. In every node the multipliers of its parent rise a little, what would lift the bound above the value is
fixed, rows pass on what that forces, and where few patterns are left CP-SAT decides. Else the column that the mean of
the blocks' solutions is least sure of is split (Posta, Ferland, Michelon 2012, for generalized assignment).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from solver.ascent import Ascended, ascend
from solver.blocks import Blocks, Priced
from solver.cpsat import Effort, minimise
from solver.items import IntArray
from solver.model import FREE, Arrays
from solver.patterns import with_patterns

__all__ = ["Branching", "narrowed", "passed_on"]

_TRIALS = 30
"""Trials of multipliers in one node."""
_PATTERNS = 1_000
"""With at most so many patterns left a node is CP-SAT's."""
_LEAF_S, _LEAF_WORK = 2.0, 2.0
"""Longest search of one such node; what it does not decide is split."""
_DIVE_PATTERNS, _DIVE_S, _DIVE_WORK = 4_000, 3.0, 3.0
"""The same for the end of a dive."""
_BATCH = 5
"""A dive fixes the surest of its columns, one part in so many at a time."""
_NODE_WORK = 1e-3
"""Deterministic work of one trial in a node."""
_PASSES = 5


@dataclass(frozen=True)
class _Node:
    lower: IntArray
    upper: IntArray
    y: IntArray
    trials: int


class Branching:
    """Solutions of a model whose bound `priced` is; `spend` is told the deterministic work done."""

    def __init__(
        self,
        priced: Priced,
        tier: int,
        spend: Callable[[float], None],
        found: Callable[[IntArray], None],
        effort: Callable[[float, float], Effort],
        over: Callable[[], bool],
    ) -> None:
        self.arrays, self.kept, self.scale = priced.blocks.arrays, priced.blocks.kept, priced.scale
        self.root = _Node(self.arrays.lower, self.arrays.upper, priced.y, 0)
        self.tier, self.spend, self.found, self.effort, self.over = tier, spend, found, effort, over
        self.nodes = 0

    def least_above(self, value: int) -> int | None:
        """A bound: above `value`, or the value of the best solution up to there, which was told. None: over before."""
        stack, limit = [self.root], value
        while stack:
            if self.over():
                return None
            limit = self._visit(stack.pop(), limit, stack)
        return limit + 1

    def _visit(self, node: _Node, limit: int, stack: list[_Node]) -> int:
        """Close a node, or put what it splits into on the stack; the limit, lower where a solution was found."""
        looked = self._look(node, limit)
        if looked is None:
            return limit
        ends, free, raised = looked
        priced = raised.priced
        model = with_patterns(priced, limit, _PATTERNS)
        if model is not None:
            best, bound = self._decide(model, raised, ends[0], free, limit, self.effort(_LEAF_S, _LEAF_WORK))
            if best is not None:
                limit = min(limit, best - 1)
            if bound is not None and bound > limit:
                return limit
        least, most = priced.ranges(limit * priced.scale - priced.total)
        lower, upper = ends[0].copy(), ends[1].copy()
        lower[free], upper[free] = least, most
        passed = passed_on(self.arrays, lower, upper)
        if passed is None:
            return limit
        if bool((passed[0] == passed[1]).all()):
            value = self.arrays.value(self.tier, passed[0])
            if self.arrays.broken_row(passed[0]) is None and value <= limit:
                self.found(passed[0])
                return value - 1
            return limit
        self._split(passed, raised, free, stack)
        return limit

    def _look(self, node: _Node, limit: int) -> tuple[tuple[IntArray, IntArray], IntArray, Ascended] | None:
        """Ranges and free columns of a node, and its risen multipliers; None if nothing is left up to the limit."""
        self.nodes += 1
        ends = passed_on(self.arrays, node.lower, node.upper)
        if ends is None:
            return None
        small, free = narrowed(self.arrays, *ends)
        try:
            blocks = Blocks(small, self.kept)
        except ValueError:
            return None
        raised = ascend(blocks, self.tier, self.scale, node.y, limit + 1, node.trials, self.over, fresh=False)
        if raised is None:
            raise ValueError("multipliers left the range of exact arithmetic")
        self.spend(_NODE_WORK * (1 + raised.trials))
        return None if raised.priced.bound > limit else (ends, free, raised)

    def _decide(
        self, model: Arrays, raised: Ascended, lower: IntArray, free: IntArray, limit: int, effort: Effort
    ) -> tuple[int | None, int | None]:
        """CP-SAT on the patterns of a node: the value of what it found, which is told, and its bound."""
        found = minimise(model, self.tier, (), model.hint, effort, at_least=raised.priced.bound, at_most=limit)
        self.spend(found.work)
        if found.x is None:
            return None, found.bound
        x = lower.copy()
        x[free] = found.x[: free.size]
        self.found(x)
        return self.arrays.value(self.tier, x), found.bound

    def dive(self, value: int) -> None:
        """Look for a solution of at most this value: fix what the mean is surest of, many columns at a time."""
        node = self.root
        while not self.over():
            looked = self._look(node, value)
            if looked is None:
                return
            ends, free, raised = looked
            model = with_patterns(raised.priced, value, _DIVE_PATTERNS)
            if model is not None:
                self._decide(model, raised, ends[0], free, value, self.effort(_DIVE_S, _DIVE_WORK))
                return
            least, most = raised.priced.ranges(value * raised.priced.scale - raised.priced.total)
            goal = np.rint(raised.mean)
            unsure = np.where((least < most) & (goal > least), np.abs(raised.mean - goal), np.inf)
            surest = np.argsort(unsure, kind="stable")[: max(1, int(np.isfinite(unsure).sum()) // _BATCH)]
            surest = surest[np.isfinite(unsure[surest])]
            if not surest.size:
                return
            least[surest] = np.clip(goal[surest], least[surest], most[surest]).astype(np.int64)
            lower, upper = ends[0].copy(), ends[1].copy()
            lower[free], upper[free] = least, most
            node = _Node(lower, upper, self._scaled(raised.priced), _TRIALS)

    def _scaled(self, priced: Priced) -> IntArray:
        """Its multipliers over the scale of the root."""
        if priced.scale == self.scale:
            return priced.y
        y: IntArray = np.rint(priced.y * (self.scale / priced.scale)).astype(np.int64)
        return y

    def _split(self, ends: tuple[IntArray, IntArray], raised: Ascended, free: IntArray, stack: list[_Node]) -> None:
        """Two nodes: the column of which the mean is least sure below and above it, the nearer side on top."""
        lower, upper = ends
        y = self._scaled(raised.priced)
        mean = lower.astype(np.float64)
        mean[free] = raised.mean
        mean = np.clip(mean, lower, upper)
        unsure = np.where(lower < upper, np.abs(mean - np.floor(mean) - 0.5), np.inf)
        column = int(np.argmin(unsure))
        middle = min(int(np.floor(mean[column])), int(upper[column]) - 1)
        less, more = upper.copy(), lower.copy()
        less[column], more[column] = middle, middle + 1
        below, above = _Node(lower, less, y, _TRIALS), _Node(more, upper, y, _TRIALS)
        stack.extend((below, above) if mean[column] - middle >= 0.5 else (above, below))


def passed_on(arrays: Arrays, lower: IntArray, upper: IntArray) -> tuple[IntArray, IntArray] | None:
    """Ranges after every row has taken away what it does not allow, some times over; None: nothing is left."""
    rows = np.repeat(np.arange(arrays.rows), np.diff(arrays.indptr))
    columns, uses = arrays.columns, arrays.coefficients
    lower, upper = lower.copy(), upper.copy()
    for _ in range(_PASSES):
        small, large = uses * lower[columns], uses * upper[columns]
        small, large = np.minimum(small, large), np.maximum(small, large)
        least, most = np.zeros(arrays.rows, np.int64), np.zeros(arrays.rows, np.int64)
        np.add.at(least, rows, small)
        np.add.at(most, rows, large)
        if bool(np.any((least > arrays.row_hi) | (most < arrays.row_lo))) or bool(np.any(lower > upper)):
            return None
        over = arrays.row_hi[rows] - (least[rows] - small)
        under = arrays.row_lo[rows] - (most[rows] - large)
        size = np.maximum(np.abs(uses), 1)
        up = np.where(uses > 0, over // size, -(under // size))
        down = np.where(uses > 0, -((-under) // size), -(over // size))
        used = (uses != 0) & (lower[columns] < upper[columns])
        before = lower.copy(), upper.copy()
        np.minimum.at(upper, columns[used], up[used])
        np.maximum.at(lower, columns[used], down[used])
        if bool(np.array_equal(lower, before[0])) and bool(np.array_equal(upper, before[1])):
            break
    return None if bool(np.any(lower > upper)) else (lower, upper)


def narrowed(arrays: Arrays, lower: IntArray, upper: IntArray) -> tuple[Arrays, IntArray]:
    """The model of the columns that are free, all rows left in place; and which columns these are."""
    free = np.flatnonzero(lower < upper)
    rows = np.repeat(np.arange(arrays.rows), np.diff(arrays.indptr))
    inside = (lower < upper)[arrays.columns]
    given = np.zeros(arrays.rows, np.int64)
    np.add.at(given, rows[~inside], (arrays.coefficients * lower[arrays.columns])[~inside])
    number = np.cumsum(lower < upper) - 1
    fixed = np.where(lower < upper, 0, lower)
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows[inside], minlength=arrays.rows))]).astype(np.int64)
    small = replace(
        arrays,
        lower=lower[free],
        upper=upper[free],
        hint=np.clip(arrays.hint[free], lower[free], upper[free]),
        indptr=ends,
        columns=number[arrays.columns[inside]],
        coefficients=arrays.coefficients[inside],
        row_lo=np.where(arrays.row_lo <= -FREE, arrays.row_lo, arrays.row_lo - given),
        row_hi=np.where(arrays.row_hi >= FREE, arrays.row_hi, arrays.row_hi - given),
        objective=tuple(costs[free] for costs in arrays.objective),
        constant=tuple(arrays.value(tier, fixed) for tier in range(len(arrays.objective))),
        marks=(),
    )
    return small, free
