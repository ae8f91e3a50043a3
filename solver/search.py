"""The search proper: bounds and better plans for one problem, told as messages while it runs.

Runs in a worker process that may be killed at any moment, so whatever it finds is told at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum, auto
from functools import cached_property
from itertools import chain, islice
from random import Random

from solver.by_domain import by_domain
from solver.cells import Cells, coarse_cells, fine_cells
from solver.check import check
from solver.collector import no_collection
from solver.cpsat import minimise
from solver.encode import Encoded, encode
from solver.exact import LP_SHARE, Exact
from solver.give_way import give_way
from solver.greedy import ways as greedy_ways
from solver.guided import WAYS, dive
from solver.items import IntArray
from solver.lp import Floats, Relaxed, leading_rows, lp_bound
from solver.messages import Message, WaysGone
from solver.neighbourhood import Picker
from solver.pack import seat_plan
from solver.parts import Parts
from solver.plan import Plan
from solver.problem import Problem
from solver.progress import LEAST_S, Limits, Progress
from solver.ruin import Ruin

__all__ = ["Limits", "Role", "search"]

_IDLE = 12
"""Neighbourhoods without a gain after which roaming stops."""
_HELPED_LP = 0.8
"""Share of what is left that the first LP of the exact model may take where another search finds plans."""
_HELPED_WAYS, _HELPER_WAYS = WAYS[::2], WAYS[1::2]
"""Ways of diving of a search with a helper, and of the helper, where there is no exact model."""
_FIRST_WAYS, _OTHER_WAYS = (1, 2, 0), (0, 1, 2)
"""Where there is one, the ways in which the first of them begins, and those of the helper."""
_TURN = 2
"""So many plans of one way, then of the next."""
_WAYS = 0.1
"""Share of what is left in which a helper begins greedy ways that its caller has not gone."""
_SHORT = 12
"""A search goes the last greedy ways of its caller, if that is short of time, before its own plans if not so many times
the time is left that its first bound has taken."""
_GIVE_WAY = 0.5
"""Share of what is left in which a helper lets running work give way."""
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
_SPLIT = 75_000
"""Of a coarse model with more coefficients in its rows the first LP takes only some."""
_BOUND_S = 0.3
"""The first bound may take so long, or a quarter of what is left."""
_ROAM_S = 0.25
"""Longest search of one neighbourhood."""


class Role(Enum):
    """What a search is for: all, alone or with another one beside it that looks for plans; or that other one."""

    ALONE = auto()
    HELPED = auto()
    HELPER = auto()


def search(
    problem: Problem,
    start: Plan,
    limits: Limits,
    tell: Callable[[Message], None],
    news: Callable[[], Iterable[Message | None]] | None = None,
    *,
    role: Role = Role.ALONE,
    awaits: bool = False,
    resumes: bool = False,
    ways: int = 0,
    part: tuple[int, int] = (0, 1),
) -> None:
    """Improve `start` tier by tier and bound every tier, until done or out of budget.

    `news` are plans that other searches of the same problem have found since it was asked last, or None: end. If the
    search `awaits` a plan, the first of the news is one, and takes the place of `start`. One that `resumes` looks for
    better plans around `start` only. Who helps goes the greedy ways after the first `ways`, if it is the first of them,
    and ruins mainly its `part` of the bins.
    """
    if role is Role.HELPER:
        limits = replace(limits, seed=limits.seed + _OTHER)
        _Search(Progress(problem, start, limits, tell, news), resumes, part).help(ways)
    else:
        progress = Progress(problem, start, limits, tell, news, awaits=awaits)
        _Search(progress, resumes).run(helped=role is Role.HELPED)


class _Search:
    def __init__(self, progress: Progress, resumes: bool, part: tuple[int, int] = (0, 1)) -> None:
        self.at = progress
        self.resumes = resumes
        self.problem = progress.problem
        self.rng = Random(progress.limits.seed)
        self.parts = Parts(progress.problem, *part)
        self.hurried = False
        """The caller's greedy ways come first, if it has no time for them."""
        self.ruined: Ruin | None = None
        self.ruined_plan = progress.best
        """The plan that stands on the ground of `ruined`."""
        self.common = progress.best
        """A plan from which this search and the others have started."""

    def run(self, *, helped: bool) -> None:
        """Coarse bounds first (they are there in no time), then the exact model, as far as it can be handled.

        Where it can, a search that is `helped` leaves most quick plans to others. One waiting item is decided domain
        by domain before all that.
        """
        for message in by_domain(self.problem, self.at.best, self.at.effort, self.at.spend):
            self.at.believe(message)
        if not self.at.open_tiers():
            self.at.begin()
            return
        began = self.at.left()
        coarse, found = self.relaxed(began)
        self.hurried = self.at.left() < _SHORT * (began - self.at.left())
        self.at.listen()
        self.last_ways()
        cells = self.fine
        exact = None if cells is None else Exact(self.at, self.wander, cells)
        ways = WAYS if not helped else _HELPED_WAYS if exact is None else _FIRST_WAYS
        plans = self.guided(coarse, found, ways)
        if exact is not None:
            if helped:
                self.follow(plans, _TURN)
            if exact.hasty():
                exact = None
            elif not exact.short():
                self.at.listen()
                exact.bound(0, _HELPED_LP if helped else LP_SHARE)
        if not helped or exact is None:
            self.follow(plans)
        self.at.begin()
        self.at.bound_all("coarse", coarse, 1)
        limited = self.at.limits.seconds is not None or self.at.limits.work is not None
        if exact is not None:
            if not helped:
                self.ruin(_FIRST if limited else 0.0)
            exact.run()
        if limited:
            self.improve()

    def help(self, ways: int) -> None:
        """Better plans only: first the greedy ways that the caller has not gone.

        Where something runs, then some in which it gives way in orders unlike the caller's.
        """
        begin, stop = self.at.left() * (1 - _WAYS), self.at.left() * (1 - _GIVE_WAY)

        def late() -> bool:
            return self.at.stopped or self.at.left() <= stop

        own = greedy_ways(self.problem, late, ways, beat=self.beat)
        for _ in self.taken(own) if self.parts.number == 0 else ():
            if late() or self.at.left() <= begin:
                break
        for plan in give_way(self.problem, self.at.best, late, rng=self.rng):
            self.at.take(plan)
        self.follow(self.guided(*self.relaxed(), _HELPER_WAYS if self.fine is None else _OTHER_WAYS))
        self.improve()

    def beat(self) -> float:
        """What the first tier of a plan must come to, or below."""
        return min(self.at.values[0], self.at.reached)

    def taken(self, plans: Iterator[tuple[Plan, tuple[int, ...], bool]]) -> Iterator[None]:
        """Take greedy plans, one after the other."""
        for plan, values, _ in plans:
            if values < self.at.values:
                self.at.take(plan)
            self.at.listen()
            yield

    def last_ways(self) -> None:
        """The greedy ways for which the caller finds no time: from the last one on, until both meet."""
        if not (self.hurried and self.at.awaits and self.at.short):
            return
        self.hurried = False
        own = greedy_ways(self.problem, self.at.over, beat=self.beat, others=lambda: self.at.ways, back=True)
        for number, _ in enumerate(self.taken(own), 1):
            if self.at.over():
                return
            self.at.tell(WaysGone(number, self.at.values))

    @cached_property
    def fine(self) -> Cells | None:
        """The cells of the exact model, if it is small enough to be handled in the time that is left."""
        pairs = self.problem.bins.count * len(self.problem.items)
        if pairs > self.at.limits.exact_pairs * min(1.0, self.at.left()):
            return None
        cells = fine_cells(self.problem, self.at.rooms)
        return cells if cells.columns <= self.at.limits.exact_columns else None

    def improve(self) -> None:
        """Better plans of all that is not proven, until out of budget."""
        while not self.at.over() and self.at.open_tiers():
            self.ruin(1.0)
            for _ in range(_EXACT_PARTS):
                self.at.listen()
                if not self.at.over() and self.at.open_tiers():
                    self.roam(self.at.open_tiers())

    def relaxed(self, begun: float | None = None) -> tuple[Encoded, Relaxed | None]:
        """The coarse model, and its bound of the first tier.

        Where bounds are wanted, `begun` seconds were left at the begin of it all. Then, where the model is large, the
        LP of its leading rows comes first; and if more time was used by then than is left, there is no other.
        """
        with no_collection():
            encoded = encode(self.problem, coarse_cells(self.problem), self.at.best)

        # Where little time is left, a bound is worth all of it.
        def first(rows: IntArray | None = None) -> Relaxed | None:
            left = self.at.left()
            return (
                None
                if self.at.over()
                else self.at.lp("coarse", encoded, 0, max(left * 0.25, min(left, _BOUND_S)), rows)
            )

        if begun is not None and math.isfinite(begun) and encoded.arrays.columns.size > _SPLIT:
            first(leading_rows(encoded.arrays))
            if self.at.left() < begun - self.at.left():
                return encoded, None
        return encoded, first()

    def guided(self, encoded: Encoded, found: Relaxed | None, ways: Sequence[int]) -> Iterator[Plan]:
        """Greedy plans led by a solution of the relaxation of the first tier, for a share of what is left.

        Where the problem is small the ways take turns: their first plans are the best.
        """
        if found is None or self.resumes or self.at.bounds[0] == self.at.values[0]:
            return
        stop = self.at.left() * (1 - _GUIDE)
        end = math.inf if self.at.limits.work is None else self.at.spent + self.at.work_left() * _GUIDE
        replicas = sum(part.count for _, part in self.problem.parts())

        def stopped() -> bool:
            return self.at.spent >= end or self.at.left() <= max(stop, LEAST_S)

        def relax(model: Encoded) -> Floats | None:
            left = self.at.left() - stop
            again = lp_bound(model.arrays, 0, (), "coarse", left if math.isfinite(left) else None)
            return None if again is None else again.x

        dives = [dive(self.problem, encoded, found.x, relax, stopped, way) for way in ways]
        for plan in chain(*dives) if self.fine is None else _in_turn(dives, _TURN):
            self.at.spent += replicas * _PLACED_WORK
            yield plan
            if stopped():
                return

    def follow(self, plans: Iterator[Plan], least: int | None = None) -> None:
        """Take such plans; with `least` only so many, and more until the plan to start from is there."""
        for number, plan in enumerate(plans, 1):
            self.at.take(plan)
            self.at.listen()
            self.last_ways()
            enough = least is not None and number >= least and not self.at.awaits
            if enough or self.at.bounds[0] == self.at.values[0]:
                return

    def ruin(self, share: float) -> None:
        """Ruin and recreate for a share of what is left, or until it stalls."""
        if self.ruined is None or self.ruined_plan is not self.at.best:
            self.ruined, self.ruined_plan = Ruin(self.problem, self.at.best, self.rng, self.parts), self.at.best
        self.parts.draw()
        ruin, idle, told = self.ruined, 0, time.monotonic()
        stop = self.at.left() * (1 - share) if self.at.limits.seconds is not None else -math.inf
        end = math.inf if self.at.limits.work is None else self.at.spent + (self.at.limits.work - self.at.spent) * share
        stall = min(_STALL, _STALL_PER_ITEM * len(self.problem.items))
        while idle < stall and self.at.spent < end and self.at.left() > max(stop, LEAST_S) and self.at.open_tiers():
            tried = ruin.placed
            better = ruin.step()
            self.at.spent += (ruin.placed - tried + 1) * _PLACED_WORK
            idle = 0 if better else idle + 1
            if self.at.limits.work is None and time.monotonic() - told > _TELL_S:
                if ruin.values < self.at.values:
                    self.recreated(ruin)
                self.at.listen()
                if self.at.best is not self.ruined_plan:
                    ruin = self.join(ruin)
                told = time.monotonic()
                if self.at.stopped:
                    return
        if ruin.values < self.at.values:
            self.recreated(ruin)

    def join(self, ruin: Ruin) -> Ruin:
        """Go on from the plan of another search, with what was found here since both started from the same plan."""
        theirs = self.at.best
        if ruin.join(theirs, self.common) and ruin.values <= self.at.values:
            plan = ruin.plan()
            report = check(self.problem, plan)
            if not report.violations and report.values == ruin.values:
                self.at.take(plan)
                self.at.best = plan
        self.common = theirs
        if self.at.best is theirs:
            self.ruined = Ruin(self.problem, theirs, self.rng, self.parts)
        self.ruined_plan = self.at.best
        return self.ruined or ruin

    def recreated(self, ruin: Ruin) -> None:
        """Take the plan on the ground."""
        plan = ruin.plan()
        self.at.take(plan)
        if self.at.best is plan:
            self.ruined_plan = plan

    def wander(self, tier: int, seconds: float, work: float) -> None:
        """Neighbourhoods for so long, or until they find nothing more."""
        idle, stop, end = 0, self.at.left() - seconds, self.at.spent + work
        while self.at.wanting(tier) and idle < _IDLE and self.at.left() > stop and self.at.spent < end:
            known = self.at.values
            self.roam([tier])
            idle = idle + 1 if self.at.values == known else 0

    def roam(self, tiers: list[int]) -> None:
        """Improve one tier in a random neighbourhood, earlier tiers kept."""
        tier = tiers[0] if self.rng.random() < 0.5 else self.rng.choice(tiers)
        part = self.picker.pick(self.at.best)
        cells = fine_cells(part.problem)
        encoded = encode(part.problem, cells, part.start)
        before = check(part.problem, part.start).values
        found = minimise(
            encoded.arrays, tier, before[:tier], encoded.arrays.hint, self.at.effort(_ROAM_S, _ROAM_S, rough=True)
        )
        self.at.spent += max(found.work, 1e-3)
        value = None if found.x is None else encoded.arrays.value(tier, found.x)
        self.picker.learn(solved=value is not None and found.bound == value)
        if found.x is None or value is None or value >= before[tier]:
            return
        plan = seat_plan(part.problem, cells, encoded.counts(found.x), encoded.devices(found.x))
        if plan is not None:
            self.at.take(part.whole(plan))

    @cached_property
    def picker(self) -> Picker:
        """Chooses the neighbourhoods."""
        return Picker(self.problem, self.rng)


def _in_turn(sources: Iterable[Iterator[Plan]], turn: int) -> Iterator[Plan]:
    """So many plans of each source, again and again until none has more."""
    left = list(sources)
    while left:
        for source in list(left):
            plans = 0
            for plan in islice(source, turn):
                plans += 1
                yield plan
            if plans < turn:
                left.remove(source)
