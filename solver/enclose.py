"""One tier of an exact model from both sides, where the model falls apart into blocks once few kinds of rows are priced.

A bound of blocks (`ascent`), then all solutions close to it as patterns (`patterns`): CP-SAT finds the best of them or
says that there is none, which lifts the bound; and again with more patterns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.ascent import ascend, kept_rows
from solver.blocks import Blocks, Priced
from solver.certificate import Certificate, with_limits
from solver.cpsat import minimise
from solver.encode import Encoded
from solver.lp import Relaxed
from solver.model import Arrays
from solver.patterns import with_patterns
from solver.progress import Progress

__all__ = ["Enclosure"]

_TRIALS = 300
"""Trials of multipliers for one tier."""
_TRIAL_WORK = 4e-6
"""Deterministic work of one trial, for each column."""
_PATTERNS = (1_000, 4_000, 16_000, 64_000)
"""Most patterns of one model, in this order."""
_HALVINGS = 12
"""How often the distance between bound and plan is halved to find a model that is small enough."""
_FIND, _PROVE = 0.15, 0.3
"""Shares of the time for one search for a better plan, and for one proof."""


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
        kept = kept_rows(limited, y)
        if not kept or proof.kept:
            return relaxed
        blocks, goal = Blocks(limited, kept), self.at.values[self.tier]
        found = ascend(blocks, self.tier, proof.scale, y, goal, _TRIALS, self.at.over)
        if found is None:
            return relaxed
        self.at.spend(found.trials * _TRIAL_WORK * limited.variables)
        self.priced, rows = found.priced, np.flatnonzero(found.priced.y)
        certificate = Certificate(
            self.tier, proof.model, self.given, self.priced.scale, tuple(rows.tolist()),
            tuple(self.priced.y[rows].tolist()), kept=kept,
        )  # fmt: skip
        self.at.certify(self.encoded, certificate, self.priced.bound)
        return Relaxed(self.priced.bound, certificate, found.mean) if self.priced.bound >= relaxed.value else relaxed

    def search(self, seconds: float, work: float) -> None:
        """Solutions close to the bound, as patterns: ever more, until no better plan is left or time is up."""
        stop, end = self.at.left() - seconds, self.at.spent + work
        for size in _PATTERNS:
            tried = None
            while self.priced is not None and self.at.wanting(self.tier):
                if self.at.left() <= stop or self.at.spent >= end or self.at.values[: self.tier] != self.given:
                    return
                found = self._within(self.priced, size)
                if found is None or found[0] == tried:
                    break
                tried, arrays = found
                best = self.at.values[self.tier]
                if tried < best - 1:
                    self._minimise(arrays, tried, best - 1, seconds * _FIND, work * _FIND)
                if not self._minimise(arrays, tried, tried, seconds * _PROVE, work * _PROVE):
                    return

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

    def _minimise(self, arrays: Arrays, value: int, most: int, seconds: float, work: float) -> bool:
        """CP-SAT in a model that holds all solutions up to `value`; false if it did not come to an end."""
        effort = self.at.effort(seconds, work)
        known = self.at.bounds[self.tier]
        found = minimise(arrays, self.tier, (), arrays.hint, effort, at_least=known, at_most=most)
        bound = None if found.bound is None else min(found.bound, value + 1)
        self.at.hear(self.tier, replace(found, bound=bound))
        if found.x is not None:
            self.at.offer(self.encoded, found.x[: self.encoded.arrays.variables])
        return bound is not None and (bound > value or bound >= self.at.values[self.tier])
