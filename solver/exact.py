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
from solver.plan import Plan
from solver.progress import Progress
from solver.settle import certain, numbered, numbers
from solver.sheet import nearness_matters
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

_SMALL = 1_200
"""So many replica counts per cell has a small model at most."""
_STRIKE = 0.5
"""Share of a tier's time that the first search of the whole model may take."""
_STRIKE_S = 0.75, 1.0
"""At least, if there is so much, and at most so many seconds."""
_SHORT_S = 0.25
"""With less time than this it comes before the LP."""
_LADDER_S = 4.0, 0.15
"""With less time than this after it, it is all: in the first tier, and in later ones, where numbers are settled."""
_WRITE_S, _WRITE_ALONE_S = 120e-6, 30e-6
"""Seconds that writing the exact model and its LP take per replica count: with gangs in domains, and without."""
_LOAD_S = 6e-6
"""Seconds that CP-SAT needs before it begins to search, per coefficient."""
_ENCLOSE = 0.5
"""Share of a tier's time that may be spent on blocks and their patterns, where they lead somewhere."""
_ENCLOSE_LEAST = 1.0
"""With fewer seconds, or units of work, than that they are left alone: the first trials alone take so long."""
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
        self.small = fine.columns <= _SMALL
        """CP-SAT gets somewhere with the model in a second."""
        self._written: tuple[Plan, Encoded] | None = None
        """A plan, and the model with that as its hint."""

    def bound(self, tier: int, share: float = LP_SHARE) -> None:
        """The LP bound of a tier under the incumbent's earlier tiers, in at most this share of what is left."""
        if not self.at.over():
            found = self.at.lp("fine", self.encoded(), tier, self.at.left() * share)
            if found is not None:
                self.relaxed[tier] = found

    def hasty(self) -> bool:
        """There is no time for more than writing the model."""
        each_s = _WRITE_S if nearness_matters(self.problem) else _WRITE_ALONE_S
        return self.at.left() < each_s * self.fine.columns

    def short(self) -> bool:
        """There is no time for its LP before CP-SAT, which finds a bound as well."""
        return self.small and self.at.left() < _SHORT_S

    def encoded(self) -> Encoded:
        """The exact model, the best plan as its hint; its LP gives certificates."""
        if self._written is None or self._written[0] is not self.at.best:
            self._written = self.at.best, encode(self.problem, self.fine, self.at.best)
        return self._written[1]

    def run(self) -> None:
        """Every tier in the exact model: search it at once, bound it in small relaxations, roam where it stalls.

        Where there is little time the first search is all.
        """
        tiers = self.problem.tiers
        for tier in range(tiers):
            if tier:
                self.at.bounds[tier] = 0
                self.bound(tier)
            if tier and self.at.bounds[:tier] == list(self.at.values[:tier]):
                self.settle(tier)
            share = 1.0 if tier == tiers - 1 else 0.5
            if self.small:
                least, most = _STRIKE_S
                self.strike(tier, min(max(self.at.left() * share * _STRIKE, least * share), most), _STRIKE * share)
                if self.at.left() < (_LADDER_S[1] if tier else _LADDER_S[0]):
                    # No step of what follows would be through in its time.
                    self.strike(tier, self.at.left() * share, share, light=False)
                    continue
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
        return with_totals(self.encoded(), encode(self.problem, self.ladder[0], self.at.best))

    def strike(self, tier: int, seconds: float, share: float, *, light: bool = True) -> None:
        """CP-SAT at once in the whole model, but for what reduced costs rule out: where it is small that may be all.

        For so many seconds, or this share of the work that is left.
        """
        if not self.at.wanting(tier):
            return
        given, relaxed, encoded = self.at.values[:tier], self.relaxed.get(tier), self.model()
        arrays, value = numbered(encoded, self.certain), self.at.values[tier] - 1
        if relaxed is not None:
            fine = self.encoded().arrays
            core = Core(with_limits(fine, given), relaxed.certificate).within(value, fine.hint)
            lower, upper = arrays.lower.copy(), arrays.upper.copy()
            lower[: fine.variables], upper[: fine.variables] = core.lower, core.upper
            arrays = replace(arrays, lower=lower, upper=upper)
        effort = replace(self.at.effort(seconds, self.at.work_left() * share), light=light)
        if self.at.over() or (effort.seconds is not None and effort.seconds < _LOAD_S * arrays.columns.size):
            return
        known = self.at.bounds[tier]
        found = minimise(arrays, tier, given, arrays.hint, effort, lambda x: self.at.offer(encoded, x), at_least=known)
        if found.x is not None:
            self.at.offer(encoded, found.x)
        if given == self.at.values[:tier]:
            bound = None if found.bound is None else min(found.bound, value + 1)
            self.at.hear(tier, replace(found, bound=bound))

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
        enclosure = Enclosure(self.at, tier, self.encoded(), relaxed)
        enclosure.search(seconds, work)
        self.relaxed[tier] = enclosure.relaxed

    def focus(self, tier: int, seconds: float, work: float) -> None:
        """CP-SAT in the core of the exact model: larger while it is solved, smaller where that takes too long.

        While the best plan is far from the bound, first in the bare core, where the LP's solution is the hint.
        """
        relaxed = self.relaxed.get(tier)
        if relaxed is None or not self.at.wanting(tier):
            return
        given, size, failed, solved = self.at.values[:tier], _CORE, 0, 0
        bare = self.at.values[tier] - relaxed.value > _FAR * abs(self.at.values[tier])
        stop, end = self.at.left() - seconds, self.at.spent + work
        core, known, encoded = None, None, self.encoded()
        while self.at.wanting(tier) and self.at.left() > stop and self.at.spent < end and failed < _FAILED:
            if self.at.values[:tier] != given:
                return
            if core is None or known is not self.at.best:
                known, encoded = self.at.best, self.encoded()
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
