"""How far a search has come: the best plan, what is proven, what has been used of the budget; told as it grows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from solver.cells import Rooms, rooms
from solver.certificate import Certificate
from solver.check import check
from solver.cpsat import Effort, Found
from solver.encode import Encoded
from solver.items import IntArray
from solver.lp import Relaxed, lp_bound
from solver.messages import BoundFound, Message, PlanFound, StartFound, WaysGone
from solver.pack import seat_plan
from solver.plan import Plan
from solver.problem import Problem
from solver.rows import limit_names, row_names

__all__ = ["LEAST_S", "Limits", "Progress"]

_WAIT_S = 0.002
LEAST_S = 0.01
"""Less time than this is not worth starting anything."""


@dataclass(frozen=True)
class Limits:
    """What the search may use: seconds from its start (None = no limit) or deterministic work, and a seed."""

    seconds: float | None = None
    work: float | None = None
    seed: int = 0
    threads: int = 1
    exact_columns: int = 33_000
    """Largest exact model (in replica counts per cell) that is handed to CP-SAT whole."""
    exact_pairs: int = 1_000_000
    """Most bins x items for which exact models are considered with a second or more: finding their cells alone takes
    long. With less time in proportion to it."""


class Progress:
    """The state that all parts of one search share."""

    def __init__(
        self,
        problem: Problem,
        start: Plan,
        limits: Limits,
        tell: Callable[[Message], None],
        news: Callable[[], Iterable[Message | None]] | None = None,
        *,
        awaits: bool = False,
    ) -> None:
        self.problem = problem
        self.best = start
        self.values = check(problem, start).values
        self.bounds = [0] * problem.tiers
        self.limits = limits
        self.tell = tell
        self.news = news or (lambda: ())
        self.awaits = awaits
        """The plan to start from is still being made."""
        self.ways = 0
        """Greedy ways that the caller has gone, as far as it is known."""
        self.short = False
        """The caller will find no time for all its ways."""
        self.reached = self.values[0] if self.values else 0
        """The value of the first tier of the caller's best plan, which may not be here yet."""
        self.stopped = False
        """Nobody wants more of this search."""
        self.spent = 0.0
        """Deterministic work done so far."""
        self.began = time.monotonic()
        self._names: dict[str, tuple[str, ...]] = {}
        """Names of the rows of the models that certificates speak of."""

    def left(self) -> float:
        """Seconds left; infinite under a work budget."""
        if self.limits.seconds is None:
            return math.inf
        return self.limits.seconds - (time.monotonic() - self.began)

    def effort(self, seconds: float, work: float, *, rough: bool = False) -> Effort:
        """An effort within what is left; `work` counts only under a work budget."""
        seed, threads = self.limits.seed, self.limits.threads
        if self.limits.work is None:
            return Effort(min(seconds, self.left()), None, seed, threads, rough)
        return Effort(None, max(0.0, min(work, self.limits.work - self.spent)), seed, threads, rough)

    def work_left(self) -> float:
        """Deterministic work left; infinite under a limit of seconds."""
        return math.inf if self.limits.work is None else self.limits.work - self.spent

    def over(self) -> bool:
        """True if the budget is used up."""
        if self.stopped or (self.limits.work is not None and self.spent >= self.limits.work):
            return True
        return self.left() <= LEAST_S

    def open_tiers(self) -> list[int]:
        """Tiers that are not proven."""
        return [t for t in range(self.problem.tiers) if self.bounds[t] < self.values[t]]

    def wanting(self, tier: int) -> bool:
        """There is budget left and the tier is not proven. News are heard before."""
        self.listen()
        return not self.over() and self.bounds[tier] < self.values[tier]

    def listen(self) -> None:
        """Take a better plan that another search has found, or the word that this one may end."""
        for message in self.news():
            if message is None:
                self.stopped = True
            elif isinstance(message, WaysGone):
                self.ways, self.reached, self.short = message.ways, message.values[0], message.short
            elif isinstance(message, PlanFound):
                self.awaits = False
                if isinstance(message, StartFound):
                    self.ways = message.ways
                if message.values < self.values:
                    self.best, self.values = message.plan, message.values

    def begin(self) -> None:
        """Wait for the plan to start from, if it is not there yet."""
        while self.awaits and not self.over():
            self.listen()
            if self.awaits:
                time.sleep(_WAIT_S)

    def bound_all(self, name: str, encoded: Encoded, first: int = 0) -> None:
        """LP bounds of every tier from `first` on."""
        for tier in range(first, self.problem.tiers):
            if not self.over():
                self.lp(name, encoded, tier, self.left() * 0.25)

    def lp(
        self, name: str, encoded: Encoded, tier: int, seconds: float, rows: IntArray | None = None
    ) -> Relaxed | None:
        """The LP bound of one tier under the incumbent's earlier tiers; of `rows` alone, if they are given."""
        given = self.values[:tier]
        found = lp_bound(encoded.arrays, tier, given, name, seconds if math.isfinite(seconds) else None, rows)
        if found is not None:
            self.certify(encoded, found.certificate, found.value)
        return found

    def certify(self, encoded: Encoded, proof: Certificate, value: int) -> None:
        """Take and tell a bound with its certificate, which names rows of the model."""
        self.bounds[proof.tier] = max(self.bounds[proof.tier], value)
        if proof.model not in self._names:
            self._names[proof.model] = row_names(self.problem, encoded.arrays)
        names = (*self._names[proof.model], *limit_names(proof.tier))
        named = replace(
            proof,
            names=tuple(names[row] for row in proof.rows),
            kept_names=tuple(names[row] for row in proof.kept),
        )
        self.tell(BoundFound(proof.tier, value, proof.limits, named))

    def hear(self, tier: int, found: Found) -> None:
        """Take a bound that CP-SAT claims under the present values of the earlier tiers."""
        self.spent += found.work
        if found.bound is not None and found.bound > self.bounds[tier]:
            self.bounds[tier] = found.bound
            self.tell(BoundFound(tier, found.bound, self.values[:tier], None))

    def spend(self, work: float) -> None:
        """So much deterministic work was done."""
        self.spent += work

    def believe(self, message: Message) -> None:
        """Take and tell a plan that is judged already, and better, or a bound."""
        if isinstance(message, PlanFound):
            self.best, self.values = message.plan, message.values
        elif isinstance(message, BoundFound) and message.limits == self.values[: message.tier]:
            self.bounds[message.tier] = max(self.bounds[message.tier], message.value)
        self.tell(message)

    def offer(self, encoded: Encoded, x: IntArray) -> None:
        """Seat a solution of the exact model and take it if it is better."""
        plan = seat_plan(self.problem, encoded.cells, encoded.counts(x), encoded.devices(x))
        if plan is not None:
            self.take(plan)

    def take(self, plan: Plan) -> None:
        """Judge a plan and tell it if it is better."""
        report = check(self.problem, plan)
        if not report.violations and report.values < self.values:
            self.best, self.values = plan, report.values
            self.tell(PlanFound(plan, report.values))

    @cached_property
    def rooms(self) -> Rooms:
        """Room of every part in every bin alone."""
        return rooms(self.problem)
