"""One tier of an exact model from both sides, where it falls apart into blocks once a few kinds of rows are priced.

A bound of blocks (`ascent`); the best plan of a few patterns close to it (`patterns`); then `branching` up to ever
higher values, until the bound meets the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from solver.ascent import ascend, kept_rows
from solver.blocks import Blocks, Priced
from solver.branching import Branching, narrowed, passed_on
from solver.certificate import Certificate, with_limits
from solver.cpsat import Effort, Found, minimise
from solver.encode import Encoded
from solver.exchange import Exchange
from solver.items import IntArray
from solver.lp import Floats, Relaxed
from solver.model import Arrays
from solver.patterns import with_patterns
from solver.progress import Progress

__all__ = ["Enclosure"]

_TRYOUT, _TRIALS = 50, 250
"""Trials of multipliers for one tier: first, and further ones where the bound decides most columns by then."""
_OPTIMA, _OPTIMA_SHARE = 6, 0.05
"""Local optima of an exchange of choices, and the share of what is left that they may take."""
_STEP_WORK = 5e-5
"""Deterministic work of looking at one choice."""
_TRIAL_WORK = 4e-6
"""Deterministic work of one trial, for each column."""
_PATTERNS = 1_000
"""Most patterns of the model in which a better plan is looked for."""
_HALVINGS = 12
"""How often the distance between bound and plan is halved to find a model that is small enough."""
_ASCENT = 0.15
"""Share of what is left that one rise of the multipliers may take."""
_FIND = 0.1
"""Share of the time for one search for a better plan."""
_CLOSE, _CLOSE_VALUES, _CLOSE_COLUMNS = 0.06, 3, 2_000
"""Share of the time for searches up to the bound itself and the next values, how many, and most of their columns."""
_DIVES = 8
"""Dives for better plans before branching."""
_STEPS = 64
"""Branching first goes up from the bound in steps of one part in so many of the distance to the plan."""
_OPEN = 0.3
"""Where the bound leaves a larger share of the columns open, blocks decide too little."""


class Enclosure:
    """Blocks of one tier of a model, under the best plan's values of the tiers before."""

    def __init__(self, progress: Progress, tier: int, encoded: Encoded, relaxed: Relaxed) -> None:
        self.at, self.tier, self.encoded = progress, tier, encoded
        self.given = progress.values[:tier]
        self.priced: Priced | None = None
        self.relaxed = self._ascend(with_limits(encoded.arrays, self.given), relaxed)
        """What the LP gave, or better."""

    def _ascend(self, limited: Arrays, relaxed: Relaxed) -> Relaxed:
        proof = relaxed.certificate
        y = np.zeros(limited.rows, np.int64)
        y[list(proof.rows)] = proof.multipliers
        kept = proof.kept or kept_rows(limited, y)
        if not kept:
            return relaxed
        if not proof.kept:
            self._exchange(limited, kept, y[list(kept)] / proof.scale, relaxed.x)
        blocks, goal, stop = Blocks(limited, kept), self.at.values[self.tier], self.at.left() * (1 - _ASCENT)

        def late() -> bool:
            return self.at.over() or self.at.left() < stop

        found = ascend(blocks, self.tier, proof.scale, y, goal, _TRYOUT, late, fresh=not proof.kept)
        if found is None:
            return relaxed
        self.at.spend(found.trials * _TRIAL_WORK * limited.variables)
        first = found.priced
        if self._narrow(first):
            more = ascend(blocks, self.tier, first.scale, first.y, goal, _TRIALS, late, fresh=False)
            if more is not None:
                self.at.spend(more.trials * _TRIAL_WORK * limited.variables)
                found = more
        priced, rows = found.priced, np.flatnonzero(found.priced.y)
        if priced.bound < relaxed.value:
            return relaxed
        self.priced = priced
        used = tuple(priced.y[rows].tolist())
        certificate = Certificate(
            self.tier, proof.model, self.given, priced.scale, tuple(rows.tolist()), used, kept=kept
        )
        self.at.certify(self.encoded, certificate, priced.bound)
        return Relaxed(priced.bound, certificate, found.mean)

    def _exchange(self, limited: Arrays, kept: tuple[int, ...], prices: Floats, x: Floats) -> None:
        """A plan from a fractional solution, where the model is one of choices and blocks."""
        try:
            exchange = Exchange(limited, self.tier, kept, prices)
        except ValueError:
            return
        stop = self.at.left() * (1 - _OPTIMA_SHARE)
        found = exchange.improved(x, self.at.limits.seed, _OPTIMA, lambda: self.at.over() or self.at.left() < stop)
        self.at.spend(exchange.steps * _STEP_WORK)
        if found is not None and found[0] + limited.constant[self.tier] < self.at.values[self.tier]:
            self._offer(found[1])

    def search(self, seconds: float, work: float) -> None:
        """Better plans among few patterns, then ever higher values up to which branching finds or refutes plans."""
        stop, end = self.at.left() - seconds, self.at.spent + work

        def over() -> bool:
            if not self.at.wanting(self.tier) or self.at.values[: self.tier] != self.given:
                return True
            return self.at.left() <= stop or self.at.spent >= end

        if self.priced is None or not self._narrow(self.priced):
            return
        before = None
        while not over() and self.at.values[self.tier] != before:
            before = self.at.values[self.tier]
            found = self._within(self.priced, _PATTERNS)
            if found is not None:
                self._find(*found, seconds * _FIND, work * _FIND)
            if self.at.values[self.tier] < before:
                self.relaxed = self._ascend(self.priced.blocks.arrays, self.relaxed)
        self._close(over, seconds * _CLOSE, work * _CLOSE)
        self._dive(over)
        value = first = self.at.bounds[self.tier]
        unit = max(1, (self.at.values[self.tier] - first) // _STEPS)
        while not over():
            branching = Branching(self.priced, self.tier, self.at.spend, self._offer, self.at.effort, over)
            proven = branching.least_above(value)
            if proven is None:
                return
            self.at.hear(self.tier, Found(None, proven, 0.0))
            value = min(proven + max(0, proven - first - unit) // 2, self.at.values[self.tier] - 1)

    def _close(self, over: Callable[[], bool], seconds: float, work: float) -> None:
        """CP-SAT in what is left up to the bound itself, while that refutes it; then up to values just above it."""
        stop, end, above = self.at.left() - seconds, self.at.spent + work, 0
        while above < _CLOSE_VALUES and not over():
            known, left, budget = self.at.bounds[self.tier], self.at.left() - stop, end - self.at.spent
            if left <= 0 or budget <= 0 or known + above >= self.at.values[self.tier]:
                return
            effort = self.at.effort(min(seconds / _CLOSE_VALUES, left), min(work / _CLOSE_VALUES, budget))
            if not self._up_to(known + above, effort):
                return
            above = 0 if self.at.bounds[self.tier] > known else above + 1

    def _up_to(self, value: int, effort: Effort) -> bool:
        """Search all solutions of at most this value for the best; False if they are too many, or one was found."""
        if self.priced is None:
            return False
        arrays, known = self.priced.blocks.arrays, self.at.bounds[self.tier]
        ends = passed_on(arrays, *self.priced.ranges(value * self.priced.scale - self.priced.total))
        if ends is None:
            self.at.hear(self.tier, Found(None, value + 1, 0.0))
            return True
        small, free = narrowed(arrays, *ends)
        if free.size > _CLOSE_COLUMNS:
            return False
        found = minimise(small, self.tier, (), small.hint, effort, at_least=known, at_most=value)
        bound = None if found.bound is None else min(found.bound, value + 1)
        self.at.hear(self.tier, replace(found, bound=bound))
        if found.x is None:
            return True
        x = ends[0].copy()
        x[free] = found.x
        self._offer(x)
        return False

    def _dive(self, over: Callable[[], bool]) -> None:
        """Dives under ever looser values while they find nothing, then again from the better plan."""
        looser = 1
        for _ in range(_DIVES):
            if self.priced is None or over():
                return
            low, before = self.at.bounds[self.tier], self.at.values[self.tier]
            value = min(low + max(looser - 1, (before - low) * looser // 8), before - 1)
            Branching(self.priced, self.tier, self.at.spend, self._offer, self.at.effort, over).dive(value)
            if self.at.values[self.tier] < before:
                self.relaxed = self._ascend(self.priced.blocks.arrays, self.relaxed)
                looser = 1
            elif value == before - 1:
                return
            else:
                looser *= 2

    def _narrow(self, priced: Priced) -> bool:
        """True if the bound decides most columns of the solutions that reach it."""
        least, most = priced.ranges(priced.bound * priced.scale - priced.total)
        return bool((least < most).mean() <= _OPEN)

    def _within(self, priced: Priced, size: int) -> tuple[int, Arrays] | None:
        """The largest value, of some between bound and plan, whose model has at most so many patterns."""
        low, high = self.at.bounds[self.tier], self.at.values[self.tier] - 1
        for halving in range(_HALVINGS):
            value = low + (high - low) // 2**halving
            arrays = with_patterns(priced, value, size)
            if arrays is not None:
                return value, arrays
            if value == low:
                break
        return None

    def _find(self, value: int, arrays: Arrays, seconds: float, work: float) -> None:
        """CP-SAT in a model that holds all solutions up to `value`, and some others."""
        known, best = self.at.bounds[self.tier], self.at.values[self.tier]
        effort = self.at.effort(seconds, work)
        found = minimise(arrays, self.tier, (), arrays.hint, effort, at_least=known, at_most=best - 1)
        bound = None if found.bound is None else min(found.bound, value + 1)
        self.at.hear(self.tier, replace(found, bound=bound))
        if found.x is not None:
            self._offer(found.x)

    def _offer(self, x: IntArray) -> None:
        self.at.offer(self.encoded, x[: self.encoded.arrays.variables])
