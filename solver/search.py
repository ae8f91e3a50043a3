"""The search proper: bounds and better plans for one problem, told as messages while it runs.

Runs in a worker process that may be killed at any moment, so whatever it finds is told at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from solver.cells import coarse_cells, fine_cells
from solver.check import check
from solver.cpsat import Effort, minimise
from solver.encode import Encoded, encode
from solver.items import IntArray
from solver.lp import lp_bound
from solver.messages import BoundFound, Message, PlanFound
from solver.pack import seat_plan
from solver.plan import Plan
from solver.problem import Problem

__all__ = ["Limits", "search"]


@dataclass(frozen=True)
class Limits:
    """What the search may use: seconds from its start (None = no limit) or deterministic work, and a seed."""

    seconds: float | None = None
    work: float | None = None
    seed: int = 0
    threads: int = 1
    columns: int = 150_000
    """Largest model that is handed to CP-SAT."""


def search(problem: Problem, start: Plan, limits: Limits, tell: Callable[[Message], None]) -> None:
    """Improve `start` tier by tier and bound every tier, until done or out of budget."""
    _Search(problem, start, limits, tell).run()


class _Search:
    def __init__(self, problem: Problem, start: Plan, limits: Limits, tell: Callable[[Message], None]) -> None:
        self.problem = problem
        self.best = start
        self.values = check(problem, start).values
        self.limits = limits
        self.tell = tell
        self.began = time.monotonic()

    def left(self) -> float | None:
        """Seconds left, None without a limit."""
        if self.limits.seconds is None:
            return None
        return self.limits.seconds - (time.monotonic() - self.began)

    def run(self) -> None:
        """Coarse bounds first (they are there in no time), then the exact model."""
        self._bounds("coarse", encode(self.problem, coarse_cells(self.problem), self.best), 0.3)
        cells = fine_cells(self.problem)
        columns = sum(int((upper > 0).sum()) for upper in cells.upper.values())
        if columns > self.limits.columns:
            return
        self._tiers(encode(self.problem, cells, self.best))

    def _bounds(self, name: str, encoded: Encoded, share: float) -> None:
        for tier in range(self.problem.tiers):
            self._lp(name, encoded, tier, share)

    def _lp(self, name: str, encoded: Encoded, tier: int, share: float) -> int | None:
        left = self.left()
        if left is not None and left <= 0:
            return None
        given = self.values[:tier]
        found = lp_bound(encoded.arrays, tier, given, name, None if left is None else left * share)
        if found is None:
            return None
        self.tell(BoundFound(tier, found[0], given, found[1]))
        return found[0]

    def _tiers(self, encoded: Encoded) -> None:
        arrays = encoded.arrays
        hint = arrays.hint
        for tier in range(self.problem.tiers):
            proven = self._lp("fine", encoded, tier, 0.3)
            if proven is not None and proven >= self.values[tier]:
                continue
            left = self.left()
            if left is not None and left <= 0:
                return
            share = 1.0 if tier == self.problem.tiers - 1 else 0.5
            work = None if self.limits.work is None else self.limits.work * share
            seconds = None if left is None else left * share
            effort = Effort(seconds, work, self.limits.seed, self.limits.threads)
            given = self.values[:tier]

            def listen(x: IntArray) -> None:
                self._offer(encoded, x)

            found = minimise(arrays, tier, given, hint, effort, listen)
            if found.x is not None:
                hint = found.x
                self._offer(encoded, found.x)
            if found.bound is not None:
                self.tell(BoundFound(tier, found.bound, given, None))

    def _offer(self, encoded: Encoded, x: IntArray) -> None:
        """Seat a solution, judge it, and tell it if it is better."""
        plan = seat_plan(self.problem, encoded.cells, encoded.counts(x))
        if plan is None:
            return
        report = check(self.problem, plan)
        if not report.violations and report.values < self.values:
            self.best, self.values = plan, report.values
            self.tell(PlanFound(plan, report.values))
