"""Solve: greedy plan in hand, then a search that may be killed, then the judge. Reads like a table of contents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from solver.certificate import Certificate
from solver.check import Report, check
from solver.give_way import give_way
from solver.greedy import Made, Meet, best_of
from solver.messages import BoundFound, PlanFound, StartFound, WaysGone
from solver.plan import Plan
from solver.problem import Problem
from solver.recall import recall
from solver.reduce import merge_items
from solver.resume import Warm, put_back, resume
from solver.worker import Beside
from solver.workers import Job, Workers

__all__ = ["Bound", "Budget", "Outcome", "State", "solve"]

Clock = Callable[[], float]

_GREEDY, _ONE_ORDER, _GIVE_WAY = 0.6, 0.05, 0.4
"""Shares of a wall budget: when greedy must end, when it begins no further order, and when what runs has given way."""
_GREEDY_BESIDE, _MORE_ORDERS = 0.85, 0.1
"""The first two where a search has begun meanwhile, which greedy does not hold up."""
_BUSY_S, _MOST_ORDERS = 0.15, 0.8
"""So long further orders begin in any case, but not after this share: meanwhile a search makes its first bound."""
_WAY = 1.4
"""A greedy way may take so many times as long as the mean of those before it, the first of which are brisk."""
_TRIALS = 200
"""How often what runs may make room for something, per unit of a work budget (some milliseconds each)."""
_JUDGED = 6
"""Judging a plan and telling it take at most so many times as long as judging the plan that changes nothing."""
_HELPERS = 1
"""How many searches may run beside the first one, where processors are idle."""
_OVERLAP_S, _OVERLAP = 0.15, 15
"""With more time than this, and than so often judging a plan, the search begins with bounds while greedy runs."""
_RESUME, _BACK = 0.7, 1.5
"""Share of a wall budget in which an earlier plan must be taken up, and how much longer the way back to it may take."""
_NEAR = 0.8
"""With so much of the earlier plan kept, better plans are looked for around it only."""
_PAYS = 1000
"""A change against the earlier plan must gain so small a part of a placement's mean worth at least."""
_RECALL = 4
"""Earlier multipliers are evaluated if there is so many times the time left that judging a plan takes."""
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
    recalled: tuple[int | None, ...] = ()
    """Per tier the bound that earlier multipliers gave, None where they gave none."""


@dataclass
class _Inbox:
    """Collects what the search tells; trusts nothing: plans are judged, bounds are kept with their conditions."""

    problem: Problem
    best: Plan
    report: Report
    heard: bool = False
    bounds: list[BoundFound] = field(default_factory=list)
    ways: int = 0
    """Greedy ways that the search has gone, the last ones first."""
    made: tuple[int, ...] | None = None
    """Values of a plan that will be offered once it is made: what is not better is not judged."""

    def tell(self, message: object) -> None:
        """Take one message."""
        self.heard = True
        if isinstance(message, BoundFound):
            self.bounds.append(message)
        elif isinstance(message, WaysGone):
            self.ways = message.ways
        elif isinstance(message, PlanFound) and message.values < min(
            self.report.values, self.made or self.report.values
        ):
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
    """The plan before any search: greedy's, then what runs gives way; made at once, or while a search begins.

    With an earlier plan to go on from, that comes first, and a search may begin from it.
    """

    def __init__(
        self,
        problem: Problem,
        budget: Budget,
        clock: Clock,
        began: float,
        idle: Report,
        start: Plan | None,
        warm: Warm | None,
    ) -> None:
        self.problem = problem
        self.budget = budget
        self.clock = clock
        self.began = began
        self.start = start
        self.warm = warm
        self.idle = idle
        self.inbox = _Inbox(problem, problem.anchor, idle)
        self.floors: list[tuple[int, ...]] = []
        """Values of the first plans, below which no answer may fall."""
        self.judge_s = clock() - began
        """What it takes to judge a plan."""
        self.complete = False
        """All items were tried."""
        self.values = idle.values
        """Its values."""
        self.ways = 0
        """Greedy ways that were gone."""
        self.done = began
        """When it was made."""
        self.resumed: Plan | None = None
        """The plan that goes on from the earlier one, if it is valid and better than to change nothing."""
        self.resume_s = 0.0
        """What it took to go on from the earlier plan, if there is one; to go back to it takes about as long."""

    def resume(self) -> bool:
        """Go on from the earlier plan, if there is one; True if most of what is placed has its seats from there."""
        if self.warm is None:
            return False
        before, until = self.clock(), self._until(_RESUME)
        plan, self.complete = resume(self.problem, self.warm, lambda: self.clock() >= until)
        made = self.clock()
        self.inbox.offer(plan)
        self.judge_s = max(self.clock() - made, 0.0)
        earlier = self.warm.plan
        if earlier != plan:
            self.inbox.offer(earlier)
        self.resumed = None if self.inbox.best is self.problem.anchor else self.inbox.best
        self.floors.append(self.inbox.report.values)
        self.done = self.clock()
        self.resume_s = self.done - before
        placed = [item for item in plan.seats.keys() | earlier.seats.keys() if item not in self.problem.homes]
        kept = sum(plan.seats.get(item) == earlier.seats.get(item) for item in placed)
        return bool(placed) and kept >= _NEAR * len(placed)

    def make(self, *, beside: bool = False, search: Beside | None = None) -> None:
        """Item by item, not on the merged problem: each replica is then placed with the prices that the last left.

        `beside`: greedy does not hold up a search, which runs already if it is given. It goes greedy ways too, the last
        ones first. Not where work that runs may give way: that begins from the plan that is made here.
        """
        share, late = (_GREEDY_BESIDE, _MORE_ORDERS) if beside else (_GREEDY, _ONE_ORDER)
        if self.warm is not None and self.budget.deadline is not None:
            late = 0.0
        made = self._greedy(share, late, _BUSY_S if self.warm is None else 0.0, search)
        before = self.clock()
        if made is not None:
            self.complete, self.ways = self.complete or made.complete, made.ways
            self.inbox.made = None
            self.inbox.offer(made.plan)
            self.floors.append(self.inbox.report.values)
            self.judge_s = max(self.clock() - before, 0.0)
        if self.problem.homes and made is not None:
            end, work = self._until(_GIVE_WAY), self.budget.work
            trials = math.inf if work is None else _TRIALS * work
            for found in give_way(self.problem, made.plan, lambda: self.clock() >= end, trials):
                self.inbox.offer(found)
        if self.start is not None:
            self.inbox.offer(self.start)
        self.values = self.inbox.report.values
        self.done = self.clock()

    def _until(self, share: float) -> float:
        deadline = self.budget.deadline
        return math.inf if deadline is None else self.began + (deadline - self.began) * share

    def _greedy(self, share: float, late_share: float, busy_s: float, search: Beside | None) -> Made | None:
        """The greedy plan; None if there is no time for any. For `busy_s` further orders begin."""
        if self.budget.deadline is None:
            return best_of(self.problem)
        # What must still be done after greedy is judging, and telling.
        until = min(self._until(share), self.budget.deadline - _JUDGED * self.judge_s)
        late = max(self._until(late_share), min(self.clock() + busy_s, self._until(_MOST_ORDERS)))
        if self.clock() >= until:
            return None
        return best_of(
            self.problem,
            lambda: self.clock() >= until,
            late=lambda: self.clock() >= late,
            meet=None if search is None else self._meeting(search, until, late),
        )

    def _meeting(self, search: Beside, until: float, late: float) -> Meet:
        """How the caller's greedy ways and those of the search meet; no way begins after `late`, all end `until`."""
        stood: float | None = None

        def meet(ways: int, total: int, values: tuple[int, ...]) -> WaysGone:
            nonlocal stood
            now = self.clock()
            stood = now if stood is None else stood
            each, more = _WAY * (now - stood) / max(1, ways - 1), total - ways
            short = now + each * more > until or now + each * (more - 1) > late
            self.inbox.made = values
            search.pass_on(WaysGone(ways, values, short))
            search.listen()
            return WaysGone(0, values) if self.problem.homes else WaysGone(self.inbox.ways, self.inbox.report.values)

        return meet


def _nearest(first: _First, earlier: Plan, plan: Plan, inbox: _Inbox, expired: Callable[[], bool]) -> Plan:
    """The plan with fewer changes against the earlier plan where there is one; the inbox has its report.

    Where the last tier is not proven, a change must gain at least a thousandth of the mean worth of a placement. The
    answer never falls behind greedy's plan for it, nor behind the one that went on from the earlier plan.
    """
    problem, last, known = first.problem, len(inbox.report.values) - 1, inbox.report.values
    waiting = [item for item in plan.seats if item not in problem.homes]
    least = 0
    if inbox.bound(last).value < known[last]:
        least = max(0, first.idle.values[last] - known[last]) // (_PAYS * max(1, len(waiting)))
    floor = min(first.floors, default=known)
    resumed = first.resumed
    if resumed is not None and first.floors[0] == floor and floor[:last] == known[:last]:
        changed = sum(plan.seats[item] != resumed.seats.get(item) for item in waiting)
        if floor[last] - known[last] <= least * changed:
            inbox.report = check(problem, resumed)
            return resumed
    for each in dict.fromkeys((least, 0)):
        if not expired():
            back = put_back(problem, plan, earlier, expired, each)
            judged = check(problem, back)
            if not judged.violations and judged.values <= max(known, floor):
                inbox.report = judged
                return back
    return plan


def solve(
    problem: Problem,
    budget: Budget,
    *,
    clock: Clock,
    workers: Workers,
    start: Plan | None = None,
    warm: Warm | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Outcome:
    """Decide the problem within the budget. Never worse than greedy, never unverified, always with bounds.

    `start` is a plan from elsewhere, judged like any other. `warm` is an earlier answer to go on from, of any origin:
    what of it holds is kept, the search looks around it, and what is changed without gain goes back; its multipliers
    give bounds at once.
    """
    began = clock()
    idle = check(problem, problem.anchor)
    if idle.violations:
        raise ValueError(f"the plan that changes nothing is not valid: {idle.violations[0]}")
    first = _First(problem, budget, clock, began, idle, start, warm)
    deadline = budget.deadline
    known: list[BoundFound] = []

    def left() -> float:
        return math.inf if deadline is None else deadline - clock()

    def begin(*, beside: bool, search: Beside | None = None) -> None:
        if warm is not None and warm.kept and left() > _RECALL * first.judge_s:
            known.extend(recall(merge_items(problem).problem, warm.kept, first.inbox.report.values))
        first.make(beside=beside, search=search)

    overlaps = deadline is not None and left() > max(_OVERLAP_S, _OVERLAP * first.judge_s)
    near = first.resume()
    if not overlaps:
        begin(beside=False)
    inbox = first.inbox
    reason: str | None = "no time was left for a search"

    def begun(search: Beside | None) -> StartFound:
        begin(beside=True, search=search)
        return StartFound(inbox.best, inbox.report.values, first.ways)

    # A plan that is told in the last moment is judged as well.
    seconds = None if deadline is None else left() - first.judge_s - _BACK * first.resume_s
    if seconds is None or seconds > _LEAST_S:
        helpers = 0 if seconds is None else _HELPERS
        job = Job(problem, inbox.best, seconds, budget.work, budget.seed, helpers, merges=True, resumes=near)
        reason = workers.run(job, inbox.tell, cancelled, begun if overlaps else None)
    inbox.bounds += known
    if warm is not None and inbox.best is not first.resumed:
        inbox.best = _nearest(first, warm.plan, inbox.best, inbox, lambda: left() <= 2 * first.judge_s)
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
    recalled = tuple(
        max((one.value for one in known if one.tier == tier), default=None) for tier in range(problem.tiers)
    )
    return Outcome(final, report, bounds, state, reason, first.values, idle.values, timings, recalled)
