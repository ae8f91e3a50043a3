"""Solve: greedy plan in hand, then a search that may be killed, then the judge. Reads like a table of contents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from solver.certificate import Certificate
from solver.check import Report, check
from solver.give_way import give_way
from solver.greedy import Made, best_of
from solver.messages import BoundFound, PlanFound, StartFound
from solver.plan import Plan
from solver.problem import Problem
from solver.reduce import Merged, merge_items
from solver.workers import Job, Workers

__all__ = ["Bound", "Budget", "Outcome", "State", "solve"]

Clock = Callable[[], float]

_GREEDY, _ONE_ORDER, _GIVE_WAY = 0.6, 0.05, 0.4
"""Shares of a wall budget: when greedy must end, when it begins no further order, and when what runs has given way."""
_MORE_ORDERS = 0.25
"""The second of these where a search has begun meanwhile, which further orders do not hold up."""
_TRIALS = 200
"""How often what runs may make room for something, per unit of a work budget (some milliseconds each)."""
_JUDGED = 4
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
    improved: bool = False
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
            self.best, self.report, self.improved = plan, report, True

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
        self.ways = 0
        """Greedy ways that were gone."""
        self.done = began
        """When it was made."""

    def make(self, late: float = _ONE_ORDER) -> None:
        """Item by item, not on the merged problem: each replica is then placed with the prices that the last left."""
        made = self._greedy(late)
        before = self.clock()
        if made is not None:
            self.complete, self.ways = made.complete, made.ways
            self.inbox.offer(made.plan)
            self.judge_s = max(self.clock() - before, 0.0)
        if self.problem.homes and made is not None:
            end, work = self._until(_GIVE_WAY), self.budget.work
            trials = math.inf if work is None else _TRIALS * work
            for found in give_way(self.problem, made.plan, lambda: self.clock() >= end, trials):
                self.inbox.offer(found)
        if self.warm is not None:
            self.inbox.offer(self.warm)
        self.done = self.clock()

    def _until(self, share: float) -> float:
        deadline = self.budget.deadline
        return math.inf if deadline is None else self.began + (deadline - self.began) * share

    def _greedy(self, late_share: float) -> Made | None:
        """The greedy plan; None if there is no time for any."""
        if self.budget.deadline is None:
            return best_of(self.problem)
        # What must still be done after greedy is judging, and telling.
        until = min(self._until(_GREEDY), self.budget.deadline - _JUDGED * self.judge_s)
        late = self._until(late_share)
        if self.clock() >= until:
            return None
        return best_of(self.problem, lambda: self.clock() >= until, late=lambda: self.clock() >= late)


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
    # Without time for a search nothing is merged, and the plan that was judged is the answer.
    inbox, merged = first.inbox, None
    reason: str | None = "no time was left for a search"
    if deadline is None or deadline - clock() - 3 * first.judge_s > _LEAST_S:
        merged = merge_items(problem)
        inbox = _Inbox(merged.problem, merged.pull(first.inbox.best), first.inbox.report)

        def start(merged: Merged = merged, inbox: _Inbox = inbox) -> StartFound:
            first.make(_MORE_ORDERS)
            inbox.best, inbox.report = merged.pull(first.inbox.best), first.inbox.report
            return StartFound(inbox.best, inbox.report.values, first.ways)

        # The judge has the last word, and about as much to read as it had before.
        seconds = None if deadline is None else deadline - clock() - 2 * first.judge_s
        if seconds is None or seconds > _LEAST_S or overlaps:
            job = Job(merged.problem, inbox.best, seconds, budget.work, budget.seed, 0 if seconds is None else _HELPERS)
            reason = workers.run(job, inbox.tell, cancelled, start if overlaps else None)
    final, report = first.inbox.best, first.inbox.report
    if merged is not None and inbox.improved:
        final = merged.push(inbox.best)
        report = check(problem, final)
        if report.violations or report.values != inbox.report.values:
            raise AssertionError(f"a judged plan failed after expansion: {report.violations[:1]}")
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
    return Outcome(final, report, bounds, state, reason, first.inbox.report.values, idle.values, timings)
