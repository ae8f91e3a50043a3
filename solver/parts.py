"""Which bins are whose, where several searches improve one plan: whole domains, drawn anew each round."""

from __future__ import annotations

from random import Random

import numpy as np

from solver.items import BoolArray
from solver.problem import Problem

__all__ = ["Parts"]

_DOMAINS_EACH = 2
"""Domains of the partition that is divided, for each search, at least."""


class Parts:
    """The part of one of `of` searches; all draw the same parts if they draw equally often, and need not.

    Parts are for looking at different places, not for deciding apart: a gang may be placed across them, and what two
    searches both changed is settled where their plans are joined. So a bound never depends on them.
    """

    def __init__(self, problem: Problem, number: int = 0, of: int = 1) -> None:
        self.number = number
        self._of = of
        self._round = 0
        self._mine: BoolArray | None = None
        self._labels = None
        if of > 1:
            count = problem.bins.count
            sizes = {p: problem.domains(p) for p in range(len(problem.partitions))}
            # The coarsest partition that gives each search its domains: what belongs together stays together.
            enough = [p for p, size in sizes.items() if size >= _DOMAINS_EACH * of]
            coarsest = min(enough, key=lambda p: sizes[p], default=None)
            self._labels = np.arange(count) if coarsest is None else problem.partitions[coarsest]
            self.draw()

    def draw(self) -> None:
        """Begin a new round."""
        if self._labels is not None:
            domains = list(range(int(self._labels.max(initial=0)) + 1))
            Random(self._round).shuffle(domains)
            owner = np.zeros(len(domains), np.int64)
            owner[domains] = np.arange(len(domains)) * self._of // len(domains)
            self._mine = owner[self._labels] == self.number
            self._round += 1

    def ours(self, one: int) -> bool:
        """Whether the bin is in this part."""
        return self._mine is None or bool(self._mine[one])
