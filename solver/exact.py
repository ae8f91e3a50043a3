"""The exact model, tier by tier: bounds from small relaxations, CP-SAT with a full hint, roaming where it stalls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from solver.cells import Cells, coarse_cells
from solver.certificate import with_limits
from solver.core import Core
from solver.cpsat import Effort, minimise
from solver.enclose import Enclosure
from solver.encode import Encoded, encode
from solver.items import PartKey
from solver.lp import Relaxed
from solver.progress import Progress
from solver.settle import certain, numbered, numbers
from solver.totals import with_totals

__all__ = ["LP_SHARE", "Exact"]

_SETTLE = 0.2
"""Share of what is left that may be spent on asking whether the admitted set is forced."""
LP_SHARE = 0.3
"""Share of what is left that the LP of the exact model may take for one tier: cut off it gives nothing."""
_RELAX = 0.1
"""Share of what is left that one relaxation may take for one tier."""
_RELAX_COLUMNS = 4_000
"""Larger relaxations than this (in replica counts per cell) would not be through in their time."""
_REALISE = 0.15
"""Share of what is left that may be spent on making a relaxation's numbers true."""

_ENCLOSE = 0.7
"""Share of a tier's time that may be spent on blocks and their patterns, where they lead somewhere."""
_ENCLOSE_LEAST = 1.0
"""With fewer seconds, or units of work, than that they are left alone: a hundred trials alone take so long."""
_FOCUS = 0.3
"""Share of a tier's time that is spent in the core of its exact model."""
_SLICE = 0.2
"""Share of that which one search there may take, in the bare core twice as much."""
_CORE = 200
"""Columns of the first core."""
_WHOLE = 0.6
"""A core with a larger share of the columns is left to the search of the whole model."""
_FAR = 0.01
"""A plan that is further from its bound than this share of its value is far from the core."""
_FAILED = 3
"""Searches in the core without a gain after which it is left."""

Wander = Callable[[int, float, float], None]
"""Improves a tier in neighbourhoods, for so many seconds and so much work."""


class Exact:
    """Search in the exact model, where it is small enough to be handled whole."""

    def __init__(self, progress: Progress, wander: Wander, fine: Cells) -> None:
        self.at = progress
        self.fine = fine
        self.problem = progress.problem
        self.wander = wander
        self.relaxed: dict[int, Relaxed] = {}
        """What the last LP of each tier gave."""
        self.certain: dict[PartKey, int] = {}
        """Numbers of replicas that the proven tiers force."""

    def bound(self, tier: int, share: float = LP_SHARE) -> None:
        """The LP bound of a tier under the incumbent's earlier tiers, in at most this share of what is left."""
        if not self.at.over():
            found = self.at.lp("fine", self.certified, tier, self.at.left() * share)
            if found is not None:
                self.relaxed[tier] = found

    @cached_property
    def certified(self) -> Encoded:
        """The model whose LP gives certificates."""
        return encode(self.problem, self.fine, self.at.best)

    def run(self) -> None:
        """Every tier in the exact model: bound it in a small relaxation, search, roam where it stalls, search again."""
        tiers = self.problem.tiers
        for tier in range(tiers):
            if tier:
                self.at.bounds[tier] = 0
                self.bound(tier)
            if tier and self.at.bounds[:tier] == list(self.at.values[:tier]):
                self.settle(tier)
            share = 1.0 if tier == tiers - 1 else 0.5
            self.enclose(tier, self.at.left() * share * _ENCLOSE, self.at.work_left() * share * _ENCLOSE)
            hopes = self.relax(tier)
            seconds, work = self.at.left() * share, self.at.work_left() * share
            self.wander(tier, seconds * 0.05, work * 0.05)
            for hoped in hopes:
                self.realise(tier, hoped)
            self.focus(tier, seconds * _FOCUS, work * _FOCUS)
            if self.at.wanting(tier):
                self.push(tier, self.at.effort(seconds * 0.2, work * 0.2))
            roaming = 0.3 if tier == tiers - 1 else 0.15
            self.wander(tier, seconds * roaming, work * roaming)
            if self.at.wanting(tier):
                share = 1.0 if tier == tiers - 1 else 0.6
                self.push(tier, self.at.effort(self.at.left() * share, self.at.work_left() * share))

    def model(self) -> Encoded:
        """The exact model with totals beside it, the best plan as its hint."""
        return with_totals(
            encode(self.problem, self.fine, self.at.best), encode(self.problem, self.ladder[0], self.at.best)
        )

    def settle(self, tier: int) -> None:
        """Learn which numbers of replicas the proven tiers force: first in a relaxation, then in the exact model."""
        given = self.at.values[:tier]
        every = [key for key, _ in self.problem.parts()]
        models = [(cells, 0.05) for cells in self.ladder]
        if tier == self.problem.tiers - 1:
            models.append((self.fine, _SETTLE))
        for cells, share in models:
            among = [key for key in every if key not in self.certain]
            if self.at.over() or not among:
                return
            encoded = self.model() if cells is self.fine else encode(self.problem, cells, self.at.best)
            arrays = numbered(encoded, self.certain)
            effort = self.at.effort(self.at.left() * share, self.at.work_left() * share)
            more, spent = certain(replace(encoded, arrays=arrays), arrays.hint, given, among, effort)
            self.at.spent += spent
            now = numbers(encoded, arrays.hint)
            self.certain |= {key: now[key] for key in more}

    def relax(self, tier: int) -> list[dict[PartKey, int]]:
        """Bounds of a tier from whole numbers in small relaxations (claims), and what these would like best."""
        hopes: list[dict[PartKey, int]] = []
        for cells in self.ladder:
            if not self.at.wanting(tier):
                return []
            encoded = encode(self.problem, cells, self.at.best)
            arrays = numbered(encoded, self.certain)
            effort = self.at.effort(self.at.left() * _RELAX, self.at.work_left() * _RELAX)
            found = minimise(arrays, tier, self.at.values[:tier], arrays.hint, effort)
            self.at.hear(tier, found)
            if found.x is not None and arrays.value(tier, found.x) < self.at.values[tier]:
                hopes.append(numbers(encoded, found.x))
        return hopes[:-3:-1]

    def realise(self, tier: int, hoped: dict[PartKey, int]) -> None:
        """Look for a plan with the numbers of replicas that a relaxation would like best."""
        if not self.at.wanting(tier):
            return
        encoded = self.model()
        arrays = numbered(encoded, hoped)
        effort = self.at.effort(self.at.left() * _REALISE, self.at.work_left() * _REALISE)
        found = minimise(arrays, tier, self.at.values[:tier], arrays.hint, effort, at_least=self.at.bounds[tier])
        self.at.spent += found.work
        if found.x is not None:
            self.at.offer(encoded, found.x)

    def push(self, tier: int, effort: Effort) -> None:
        """CP-SAT on the exact model, from the best plan."""
        given = self.at.values[:tier]
        encoded = self.model()
        arrays = numbered(encoded, self.certain)
        known = self.at.bounds[tier]
        found = minimise(arrays, tier, given, arrays.hint, effort, lambda x: self.at.offer(encoded, x), at_least=known)
        if found.x is not None:
            self.at.offer(encoded, found.x)
        if given == self.at.values[:tier]:
            self.at.hear(tier, found)

    def enclose(self, tier: int, seconds: float, work: float) -> None:
        """A better bound from blocks, and all that lies close to it, where the model has blocks."""
        relaxed = self.relaxed.get(tier)
        if relaxed is None or not self.at.wanting(tier) or min(seconds, work) < _ENCLOSE_LEAST:
            return
        enclosure = Enclosure(self.at, tier, self.certified, relaxed)
        enclosure.search(seconds, work)
        self.relaxed[tier] = enclosure.relaxed

    def focus(self, tier: int, seconds: float, work: float) -> None:
        """CP-SAT in the core of the exact model: larger while it is solved, smaller where that takes too long.

        While the best plan is far from the bound, first in the bare core, where the LP's solution is the hint.
        """
        relaxed = self.relaxed.get(tier)
        if relaxed is None:
            return
        given, size, failed, solved = self.at.values[:tier], _CORE, 0, 0
        bare = self.at.values[tier] - relaxed.value > _FAR * abs(self.at.values[tier])
        stop, end = self.at.left() - seconds, self.at.spent + work
        core, known, encoded = None, None, self.certified
        while self.at.wanting(tier) and self.at.left() > stop and self.at.spent < end and failed < _FAILED:
            if self.at.values[:tier] != given:
                return
            if core is None or known is not self.at.best:
                known, encoded = self.at.best, encode(self.problem, self.fine, self.at.best)
                core = Core(with_limits(encoded.arrays, given), relaxed.certificate)
            before = self.at.values[tier]
            value = min(core.value(size), before - 1)
            hint = np.rint(relaxed.x).astype(np.int64) if bare else encoded.arrays.hint
            arrays = core.within(value, hint, keep=not bare)
            free = int((arrays.lower < arrays.upper).sum())
            if free > _WHOLE * arrays.variables:
                return
            if free <= solved:
                size *= 2
                continue
            share = 2 * _SLICE if bare else _SLICE
            effort = self.at.effort(min(seconds * share, self.at.left() - stop), work * share)
            late = self.at.left() - (effort.seconds or math.inf)
            found = minimise(arrays, tier, (), arrays.hint, effort, at_least=self.at.bounds[tier])
            best = before if found.x is None else arrays.value(tier, found.x)
            bound = None if found.bound is None else min(found.bound, value + 1)
            self.at.hear(tier, replace(found, bound=bound))
            if found.x is not None and best < before:
                self.at.offer(encoded, found.x)
            if bare:
                # Nothing fits into the bare core, or something does: then what is known is no worse a start.
                bare = found.x is None and self.at.left() > late
                solved, size = (free, size * 3 // 2) if bare else (0, _CORE)
            elif found.bound is not None and found.bound >= best:
                solved, size = free, size * 2
            elif self.at.values[tier] == before:
                size, failed = size * 2 // 3, failed + 1

    @cached_property
    def ladder(self) -> tuple[Cells, ...]:
        """Ever finer relaxations, as long as they are small."""
        steps = [coarse_cells(self.problem, detail, self.at.rooms) for detail in range(3)]
        small = [cells for cells in steps[1:] if cells.columns <= _RELAX_COLUMNS]
        return tuple({len(cells.members): cells for cells in (steps[0], *small)}.values())
