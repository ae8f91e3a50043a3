"""Solve: greedy plan in hand, then a search that may be killed, then the judge. Reads like a table of contents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from solver.certificate import Certificate
from solver.check import Report, check
from solver.give_way import give_way
from solver.greedy import greedy
from solver.messages import BoundFound, PlanFound
from solver.plan import Plan
from solver.problem import Problem
from solver.workers import Job, Workers

__all__ = ["Bound", "Budget", "Outcome", "State", "solve"]

Clock = Callable[[], float]

_GREEDY, _ONE_ORDER, _GIVE_WAY = 0.6, 0.05, 0.4
"""Shares of a wall budget: when greedy must end, when it begins no further order, and when what runs has given way."""
_GREEDY_BESIDE, _MORE_ORDERS = 0.85, 0.25
"""The first two where a search has begun meanwhile, which greedy does not hold up."""
_TRIALS = 200
"""How often what runs may make room for something, per unit of a work budget (some milliseconds each)."""
_JUDGED = 6
"""Judging a plan and telling it take at most so many times as long as judging the plan that changes nothing."""
_HELPERS = 1
"""How many searches may run beside the first one, where processors are idle."""
_OVERLAP_S, _OVERLAP = 0.15, 30
"""With more time than this, and than so often judging a plan, the search begins with bounds while greedy runs."""
_LEAST_S = 0.02
"""Less time than this is not worth a search."""


class State(StrEnum):
    """OPTIMAL: every tier's bound equals its value. FALLBACK: the search gave nothing, the plan is greedy's."""

    OPTIMAL = "OPTIMAL"
    FEASIBLE = "FEASIBLE"
    FALLBACK = "FALLBACK"


@dataclass(frozen=True)
class Budget:
    """Either a deadline on the clock (seconds), or deterministic work; the seed of the search."""

    deadline: float | None = None
    work: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Bound:
    """Proven lower bound of one tier under the delivered values of the earlier tiers."""

    value: int
    certificate: Certificate | None
    """None: claimed by CP-SAT (or the trivial bound 0, which needs none)."""
    source: str = "certificate"


@dataclass(frozen=True)
class Outcome:
    """The best verified plan with values, bounds and how it came about."""

    plan: Plan
    report: Report
    bounds: tuple[Bound, ...]
    state: State
    reason: str | None
    greedy_values: tuple[int, ...]
    idle_values: tuple[int, ...]
    """Tier values of the plan that changes nothing."""
    timings: dict[str, float]


@dataclass
class _Inbox:
    """Collects what the search tells; trusts nothing: plans are judged, bounds are kept with their conditions."""

    problem: Problem
    best: Plan
    report: Report
    heard: bool = False
    bounds: list[BoundFound] = field(default_factory=list)

    def tell(self, message: object) -> None:
        """Take one message."""
        self.heard = True
        if isinstance(message, BoundFound):
            self.bounds.append(message)
        elif isinstance(message, PlanFound) and message.values < self.report.values:
            self.offer(message.plan)

    def offer(self, plan: Plan) -> None:
        """Keep a plan if it is valid and better."""
        report = check(self.problem, plan)
        if not report.violations and report.values < self.report.values:
            self.best, self.report = plan, report

    def bound(self, tier: int) -> Bound:
        """The best bound whose conditions the delivered plan meets. 0 always holds: no term is negative.

        A bound above the value of a judged plan is disproved and dropped.
        """
        best = Bound(0, None)
        for found in self.bounds:
            met = all(v <= u for v, u in zip(self.report.values, found.limits, strict=False))
            credible = met and found.value <= self.report.values[tier]
            if found.tier == tier and credible and found.value > best.value:
                source = "solver" if found.certificate is None else "certificate"
                best = Bound(found.value, found.certificate, source)
        return best


class _First:
    """The plan before any search: greedy's, then what runs gives way; made at once, or while a search begins."""

    def __init__(
        self, problem: Problem, budget: Budget, clock: Clock, began: float, idle: Report, warm: Plan | None
    ) -> None:
        self.problem = problem
        self.budget = budget
        self.clock = clock
        self.began = began
        self.warm = warm
        self.inbox = _Inbox(problem, problem.anchor, idle)
        self.judge_s = clock() - began
        """What it takes to judge a plan."""
        self.complete = False
        """All items were tried."""
        self.values = idle.values
        """Its values."""
        self.done = began
        """When it was made."""

    def make(self, *, beside: bool = False) -> None:
        """Item by item, not on the merged problem: each replica is then placed with the prices that the last left.

        `beside`: a search runs already.
        """
        plan, self.complete = self._greedy(*((_GREEDY_BESIDE, _MORE_ORDERS) if beside else (_GREEDY, _ONE_ORDER)))
        before = self.clock()
        if plan is not None:
            self.inbox.offer(plan)
            self.judge_s = max(self.clock() - before, 0.0)
        if self.problem.homes and plan is not None:
            end, work = self._until(_GIVE_WAY), self.budget.work
            trials = math.inf if work is None else _TRIALS * work
            for found in give_way(self.problem, plan, lambda: self.clock() >= end, trials):
                self.inbox.offer(found)
        if self.warm is not None:
            self.inbox.offer(self.warm)
        self.values = self.inbox.report.values
        self.done = self.clock()

    def _until(self, share: float) -> float:
        deadline = self.budget.deadline
        return math.inf if deadline is None else self.began + (deadline - self.began) * share

    def _greedy(self, share: float, late_share: float) -> tuple[Plan | None, bool]:
        """The greedy plan (None: no time for any), and whether all items were tried."""
        if self.budget.deadline is None:
            return greedy(self.problem)
        # What must still be done after greedy is judging, and telling.
        until = min(self._until(share), self.budget.deadline - _JUDGED * self.judge_s)
        late = self._until(late_share)
        if self.clock() >= until:
            return None, False
        return greedy(self.problem, lambda: self.clock() >= until, late=lambda: self.clock() >= late)


def solve(
    problem: Problem,
    budget: Budget,
    *,
    clock: Clock,
    workers: Workers,
    warm: Plan | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Outcome:
    """Decide the problem within the budget. Never worse than greedy, never unverified, always with bounds.

    `warm` is a plan from elsewhere; it is judged like any other and can only help.
    """
    began = clock()
    idle = check(problem, problem.anchor)
    if idle.violations:
        raise ValueError(f"the plan that changes nothing is not valid: {idle.violations[0]}")
    first = _First(problem, budget, clock, began, idle, warm)
    deadline = budget.deadline
    overlaps = deadline is not None and deadline - clock() > max(_OVERLAP_S, _OVERLAP * first.judge_s)
    if not overlaps:
        first.make()
    inbox = first.inbox
    reason: str | None = "no time was left for a search"

    def start() -> PlanFound:
        first.make(beside=True)
        return PlanFound(inbox.best, inbox.report.values)

    # A plan that is told in the last moment is judged as well.
    seconds = None if deadline is None else deadline - clock() - first.judge_s
    if seconds is None or seconds > _LEAST_S:
        helpers = 0 if seconds is None else _HELPERS
        job = Job(problem, inbox.best, seconds, budget.work, budget.seed, helpers, merges=True)
        reason = workers.run(job, inbox.tell, cancelled, start if overlaps else None)
    final, report = inbox.best, inbox.report
    search_done = clock()
    bounds = tuple(inbox.bound(tier) for tier in range(problem.tiers))
    state = State.FEASIBLE
    if all(b.value == v for b, v in zip(bounds, report.values, strict=True)):
        state, reason = State.OPTIMAL, None
    elif not inbox.heard:
        state = State.FALLBACK
        reason = reason or "the search told nothing"
    if not first.complete and state is not State.OPTIMAL:
        reason = "the greedy pass ran out of time"
    timings = {
        "greedy_ms": (first.done - began) * 1e3,
        "search_ms": (search_done - first.done) * 1e3,
        "judge_ms": (clock() - search_done) * 1e3,
    }
    return Outcome(final, report, bounds, state, reason, first.values, idle.values, timings)
