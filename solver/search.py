"""The search proper: bounds and better plans for one problem, told as messages while it runs.

Runs in a worker process that may be killed at any moment, so whatever it finds is told at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from solver.cells import Cells, Rooms, coarse_cells, fine_cells, rooms
from solver.check import check
from solver.cpsat import Effort, Found, minimise
from solver.encode import Encoded, encode
from solver.guided import WAYS, dive
from solver.items import IntArray, PartKey
from solver.lp import Floats, Relaxed, lp_bound
from solver.messages import BoundFound, Message, PlanFound
from solver.neighbourhood import Picker
from solver.pack import seat_plan
from solver.plan import Plan
from solver.problem import Problem
from solver.ruin import Ruin
from solver.settle import certain, numbered, numbers
from solver.totals import with_totals

__all__ = ["Limits", "search"]

_LEAST_S = 0.01
"""Less time than this is not worth starting anything."""
_IDLE = 12
"""Neighbourhoods without a gain after which roaming stops."""
_SETTLE = 0.2
"""Share of what is left that may be spent on asking whether the admitted set is forced."""
_HELPED_WAYS, _HELPER_WAYS = WAYS[::2], WAYS[1::2]
"""Ways of diving of a search with a helper, and of the helper."""
_GUIDE = 0.5
"""Share of what is left that may be spent on greedy plans led by the relaxation of the first tier."""
_FIRST = 0.15
"""Share of what is left that is spent on ruin and recreate before the exact model."""
_STALL = 600
"""Steps of ruin and recreate without a gain after which something else is tried."""
_STALL_PER_ITEM = 15
"""Where there are few items, so many steps for each of them will do."""
_EXACT_PARTS = 4
"""Neighbourhoods searched exactly when ruin and recreate has stalled."""
_PLACED_WORK = 3e-4
"""Deterministic work of one placement tried."""
_TELL_S = 0.1
"""A better plan is judged and told, and news are asked for, at most so often."""
_OTHER = 1_000_003
"""What is added to the seed of a search that helps."""
_LONG_S = 20.0
"""Less time than this is better spent on plans than on the LP of a large exact model."""
_RELAX = 0.1
"""Share of what is left that one relaxation may take for one tier."""
_RELAX_COLUMNS = 4_000
"""Larger relaxations than this (in replica counts per cell) would not be through in their time."""
_REALISE = 0.15
"""Share of what is left that may be spent on making a relaxation's numbers true."""
_ROAM_S = 0.25
"""Longest search of one neighbourhood."""


@dataclass(frozen=True)
class Limits:
    """What the search may use: seconds from its start (None = no limit) or deterministic work, and a seed."""

    seconds: float | None = None
    work: float | None = None
    seed: int = 0
    threads: int = 1
    exact_columns: int = 30_000
    """Largest exact model (in replica counts per cell) that is handed to CP-SAT whole."""
    exact_pairs: int = 1_000_000
    """Most bins x items for which exact models are considered at all: finding their cells alone takes long."""
    lp_columns: int = 120_000
    """Largest exact model whose LP is solved for a bound."""


def search(
    problem: Problem,
    start: Plan,
    limits: Limits,
    tell: Callable[[Message], None],
    news: Callable[[], Iterable[Message | None]] | None = None,
    *,
    helpers: int = 0,
    helps: bool = False,
) -> None:
    """Improve `start` tier by tier and bound every tier, until done or out of budget.

    `news` are plans that other searches of the same problem have found since it was asked last, or None: end.
    A search that `helps` looks for plans only, with a seed of its own, beside one that knows of `helpers`.
    """
    if helps:
        _Search(problem, start, replace(limits, seed=limits.seed + _OTHER), tell, news).help(_HELPER_WAYS)
    else:
        _Search(problem, start, limits, tell, news).run(_HELPED_WAYS if helpers else WAYS)


class _Search:
    def __init__(
        self,
        problem: Problem,
        start: Plan,
        limits: Limits,
        tell: Callable[[Message], None],
        news: Callable[[], Iterable[Message | None]] | None = None,
    ) -> None:
        self.problem = problem
        self.best = start
        self.values = check(problem, start).values
        self.bounds = [0] * problem.tiers
        self.limits = limits
        self.tell = tell
        self.news = news or (lambda: ())
        self.stopped = False
        """Nobody wants more of this search."""
        self.spent = 0.0
        """Deterministic work done so far."""
        self.began = time.monotonic()
        self.rng = Random(limits.seed)
        self.ruined: Ruin | None = None
        self.ruined_plan = start
        """The plan that stands on the ground of `ruined`."""
        self.common = start
        """A plan from which this search and the others have started."""
        self.certain: dict[PartKey, int] = {}
        """Numbers of replicas that the proven tiers force."""

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

    def over(self) -> bool:
        """True if the budget is used up."""
        if self.stopped or (self.limits.work is not None and self.spent >= self.limits.work):
            return True
        return self.left() <= _LEAST_S

    def run(self, ways: Sequence[int]) -> None:
        """Coarse bounds first (they are there in no time), then the exact model, as far as it can be handled."""
        coarse = self.guide(ways)
        self.bound_all("coarse", coarse, 1)
        limited = self.limits.seconds is not None or self.limits.work is not None
        if self.problem.bins.count * len(self.problem.items) <= self.limits.exact_pairs:
            self.ruin(_FIRST if limited else 0.0)
            cells = fine_cells(self.problem, self.rooms)
            if cells.columns <= self.limits.exact_columns:
                self.exact(cells)
            elif cells.columns <= self.limits.lp_columns and self.left() > _LONG_S:
                self.bound_all("fine", encode(self.problem, cells, self.best))
        if limited:
            self.improve()

    def help(self, ways: Sequence[int]) -> None:
        """Better plans only."""
        self.guide(ways)
        self.improve()

    def improve(self) -> None:
        """Better plans of all that is not proven, until out of budget."""
        while not self.over() and self.open_tiers():
            self.ruin(1.0)
            for _ in range(_EXACT_PARTS):
                self.listen()
                if not self.over() and self.open_tiers():
                    self.roam(self.open_tiers())

    def listen(self) -> None:
        """Take what others have found, together with what this search has found since."""
        for message in self.news():
            if message is None:
                self.stopped = True
            elif isinstance(message, PlanFound) and message.values < self.values:
                self.best, self.values = message.plan, message.values

    def ruin(self, share: float) -> None:
        """Ruin and recreate for a share of what is left, or until it stalls."""
        if self.ruined is None or self.ruined_plan is not self.best:
            self.ruined, self.ruined_plan = Ruin(self.problem, self.best, self.rng), self.best
        ruin, idle, told = self.ruined, 0, time.monotonic()
        stop = self.left() * (1 - share) if self.limits.seconds is not None else -math.inf
        end = math.inf if self.limits.work is None else self.spent + (self.limits.work - self.spent) * share
        stall = min(_STALL, _STALL_PER_ITEM * len(self.problem.items))
        while idle < stall and self.spent < end and self.left() > max(stop, _LEAST_S) and self.open_tiers():
            tried = ruin.placed
            better = ruin.step()
            self.spent += (ruin.placed - tried + 1) * _PLACED_WORK
            idle = 0 if better else idle + 1
            if self.limits.work is None and time.monotonic() - told > _TELL_S:
                if ruin.values < self.values:
                    self.recreated(ruin)
                self.listen()
                if self.best is not self.ruined_plan:
                    ruin = self.join(ruin)
                told = time.monotonic()
                if self.stopped:
                    return
        if ruin.values < self.values:
            self.recreated(ruin)

    def join(self, ruin: Ruin) -> Ruin:
        """Go on from the plan of another search, with what was found here since both started from the same plan."""
        theirs = self.best
        if ruin.join(theirs, self.common) and ruin.values <= self.values:
            plan = ruin.plan()
            report = check(self.problem, plan)
            if not report.violations and report.values == ruin.values:
                self.take(plan)
                self.best = plan
        self.common = theirs
        if self.best is theirs:
            self.ruined = Ruin(self.problem, theirs, self.rng)
        self.ruined_plan = self.best
        return self.ruined or ruin

    def recreated(self, ruin: Ruin) -> None:
        """Take the plan on the ground."""
        plan = ruin.plan()
        self.take(plan)
        if self.best is plan:
            self.ruined_plan = plan

    def open_tiers(self) -> list[int]:
        """Tiers that are not proven."""
        return [t for t in range(self.problem.tiers) if self.bounds[t] < self.values[t]]

    def bound_all(self, name: str, encoded: Encoded, first: int = 0) -> None:
        """LP bounds of every tier from `first` on."""
        for tier in range(first, self.problem.tiers):
            if not self.over():
                self.lp(name, encoded, tier, self.left() * 0.25)

    def guide(self, ways: Sequence[int]) -> Encoded:
        """Bound the first tier in the coarse model, and try greedy plans that its relaxation suggests."""
        encoded = encode(self.problem, coarse_cells(self.problem), self.best)
        found = None if self.over() else self.lp("coarse", encoded, 0, self.left() * 0.25)
        if found is not None and self.bounds[0] < self.values[0]:
            self.follow(encoded, found.x, ways)
        return encoded

    def follow(self, encoded: Encoded, x: Floats, ways: Sequence[int]) -> None:
        """Greedy plans led by a solution of the relaxation, for a share of what is left."""
        stop = self.left() * (1 - _GUIDE)
        end = math.inf if self.limits.work is None else self.spent + self.work_left() * _GUIDE
        replicas = sum(part.count for _, part in self.problem.parts())

        def stopped() -> bool:
            return self.spent >= end or self.left() <= max(stop, _LEAST_S)

        def relax(model: Encoded) -> Floats | None:
            left = self.left() - stop
            again = lp_bound(model.arrays, 0, (), "coarse", left if math.isfinite(left) else None)
            return None if again is None else again.x

        for way in ways:
            for plan in dive(self.problem, encoded, x, relax, stopped, way):
                self.spent += replicas * _PLACED_WORK
                self.take(plan)
                if stopped() or self.bounds[0] == self.values[0]:
                    return

    def lp(self, name: str, encoded: Encoded, tier: int, seconds: float) -> Relaxed | None:
        """The LP bound of one tier under the incumbent's earlier tiers."""
        given = self.values[:tier]
        found = lp_bound(encoded.arrays, tier, given, name, seconds if math.isfinite(seconds) else None)
        if found is not None:
            self.bounds[tier] = max(self.bounds[tier], found.value)
            self.tell(BoundFound(tier, found.value, given, found.certificate))
        return found

    def exact(self, fine: Cells) -> None:
        """Every tier in the exact model: bound it in a small relaxation, search, roam where it stalls, search again."""
        tiers = self.problem.tiers
        certified = encode(self.problem, fine, self.best)
        for tier in range(tiers):
            self.bounds[tier] = 0
            if not self.over():
                self.lp("fine", certified, tier, self.left() * 0.3)
            if tier and self.bounds[:tier] == list(self.values[:tier]):
                self.settle(fine, tier)
            hopes = self.relax(tier)
            share = 1.0 if tier == tiers - 1 else 0.5
            seconds, work = self.left() * share, self.work_left() * share
            self.wander(tier, seconds * 0.05, work * 0.05)
            for hoped in hopes:
                self.realise(fine, tier, hoped)
            if self.wanting(tier):
                self.push(fine, tier, self.effort(seconds * 0.2, work * 0.2))
            roaming = 0.3 if tier == tiers - 1 else 0.15
            self.wander(tier, seconds * roaming, work * roaming)
            if self.wanting(tier):
                share = 1.0 if tier == tiers - 1 else 0.6
                self.push(fine, tier, self.effort(self.left() * share, self.work_left() * share))

    def wander(self, tier: int, seconds: float, work: float) -> None:
        """Neighbourhoods for so long, or until they find nothing more."""
        idle, stop, end = 0, self.left() - seconds, self.spent + work
        while self.wanting(tier) and idle < _IDLE and self.left() > stop and self.spent < end:
            known = self.values
            self.roam([tier])
            idle = idle + 1 if self.values == known else 0

    def work_left(self) -> float:
        """Deterministic work left; infinite under a limit of seconds."""
        return math.inf if self.limits.work is None else self.limits.work - self.spent

    def model(self, fine: Cells) -> Encoded:
        """The exact model with totals beside it, the best plan as its hint."""
        return with_totals(encode(self.problem, fine, self.best), encode(self.problem, self.ladder[0], self.best))

    def settle(self, fine: Cells, tier: int) -> None:
        """Learn which numbers of replicas the proven tiers force: first in a relaxation, then in the exact model."""
        given = self.values[:tier]
        every = [key for key, _ in self.problem.parts()]
        models = [(cells, 0.05) for cells in self.ladder]
        if tier == self.problem.tiers - 1:
            models.append((fine, _SETTLE))
        for cells, share in models:
            among = [key for key in every if key not in self.certain]
            if self.over() or not among:
                return
            encoded = self.model(fine) if cells is fine else encode(self.problem, cells, self.best)
            arrays = numbered(encoded, self.certain)
            effort = self.effort(self.left() * share, self.work_left() * share)
            more, spent = certain(replace(encoded, arrays=arrays), arrays.hint, given, among, effort)
            self.spent += spent
            now = numbers(encoded, arrays.hint)
            self.certain |= {key: now[key] for key in more}

    def relax(self, tier: int) -> list[dict[PartKey, int]]:
        """Bounds of a tier from whole numbers in small relaxations (claims), and what these would like best."""
        hopes: list[dict[PartKey, int]] = []
        for cells in self.ladder:
            if not self.wanting(tier):
                return []
            encoded = encode(self.problem, cells, self.best)
            arrays = numbered(encoded, self.certain)
            effort = self.effort(self.left() * _RELAX, self.work_left() * _RELAX)
            found = minimise(arrays, tier, self.values[:tier], arrays.hint, effort)
            self.hear(tier, found)
            if found.x is not None and arrays.value(tier, found.x) < self.values[tier]:
                hopes.append(numbers(encoded, found.x))
        return hopes[:-3:-1]

    def realise(self, fine: Cells, tier: int, hoped: dict[PartKey, int]) -> None:
        """Look for a plan with the numbers of replicas that a relaxation would like best."""
        if not self.wanting(tier):
            return
        encoded = self.model(fine)
        arrays = numbered(encoded, hoped)
        effort = self.effort(self.left() * _REALISE, self.work_left() * _REALISE)
        found = minimise(arrays, tier, self.values[:tier], arrays.hint, effort, at_least=self.bounds[tier])
        self.spent += found.work
        if found.x is not None:
            self.offer(encoded, found.x)

    def hear(self, tier: int, found: Found) -> None:
        """Take a bound that CP-SAT claims under the present values of the earlier tiers."""
        self.spent += found.work
        if found.bound is not None and found.bound > self.bounds[tier]:
            self.bounds[tier] = found.bound
            self.tell(BoundFound(tier, found.bound, self.values[:tier], None))

    def wanting(self, tier: int) -> bool:
        """There is budget left and the tier is not proven."""
        return not self.over() and self.bounds[tier] < self.values[tier]

    def push(self, fine: Cells, tier: int, effort: Effort) -> None:
        """CP-SAT on the exact model, from the best plan."""
        given = self.values[:tier]
        encoded = self.model(fine)
        arrays = numbered(encoded, self.certain)
        known = self.bounds[tier]
        found = minimise(arrays, tier, given, arrays.hint, effort, lambda x: self.offer(encoded, x), at_least=known)
        if found.x is not None:
            self.offer(encoded, found.x)
        if given == self.values[:tier]:
            self.hear(tier, found)

    def roam(self, tiers: list[int]) -> None:
        """Improve one tier in a random neighbourhood, earlier tiers kept."""
        tier = tiers[0] if self.rng.random() < 0.5 else self.rng.choice(tiers)
        part = self.picker.pick(self.best)
        cells = fine_cells(part.problem)
        encoded = encode(part.problem, cells, part.start)
        before = check(part.problem, part.start).values
        found = minimise(
            encoded.arrays, tier, before[:tier], encoded.arrays.hint, self.effort(_ROAM_S, _ROAM_S, rough=True)
        )
        self.spent += max(found.work, 1e-3)
        value = None if found.x is None else encoded.arrays.value(tier, found.x)
        self.picker.learn(solved=value is not None and found.bound == value)
        if found.x is None or value is None or value >= before[tier]:
            return
        plan = seat_plan(part.problem, cells, encoded.counts(found.x), encoded.devices(found.x))
        if plan is not None:
            self.take(part.whole(plan))

    @cached_property
    def rooms(self) -> Rooms:
        """Room of every part in every bin alone."""
        return rooms(self.problem)

    @cached_property
    def ladder(self) -> tuple[Cells, ...]:
        """Ever finer relaxations, as long as they are small."""
        steps = [coarse_cells(self.problem, detail, self.rooms) for detail in range(3)]
        small = [cells for cells in steps[1:] if cells.columns <= _RELAX_COLUMNS]
        return tuple({len(cells.members): cells for cells in (steps[0], *small)}.values())

    @cached_property
    def picker(self) -> Picker:
        """Chooses the neighbourhoods."""
        return Picker(self.problem, self.rng)

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
