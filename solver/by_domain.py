"""By domain: the one item that waits goes to one of a few domains, so the best plan is the best of one per domain.

Each domain is a small model (`one_domain`): without a solution it is refuted; else its optimum bounds every plan with
the item there, and says what would have to be disturbed. That is then done: what leaves leaves, what moves looks for
room. If the plan costs what the bound says, and no other domain promises less, it is optimal. No model of the whole is
made, so the time does not grow with what runs elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np

from solver.alone import pinned
from solver.atoms import Together
from solver.budgets import Budgets
from solver.cases import cases_above
from solver.check import check
from solver.cpsat import Effort, Found, minimise
from solver.gang import Gang
from solver.ground import Ground
from solver.items import IntArray
from solver.messages import BoundFound, Message, PlanFound
from solver.model import Arrays
from solver.one_domain import OneDomain, Stage, domains_of
from solver.plan import Plan, Seat
from solver.problem import Problem

__all__ = ["by_domain"]

_COLUMNS = 20_000
"""Larger models than this are not made."""
_EACH = 0.3
"""Longest single search: seconds, or deterministic work."""
_AGAIN = 3
"""How often another solution is looked for where one could not be carried out."""

_Seats = tuple[tuple[Seat, ...], ...]


def by_domain(
    problem: Problem, start: Plan, effort: Callable[[float, float], Effort], spend: Callable[[float], None]
) -> Iterator[Message]:
    """Plans better than `start`, and bounds (claims of CP-SAT): where one item waits, and what runs may be disturbed.

    `effort` gives the limits of one search from seconds and work that are enough; `spend` is told the work it took.
    Nothing is said of an item that must be near to others.
    """
    waiting = [i for i in range(len(problem.items)) if i not in problem.homes]
    if len(waiting) != 1 or not problem.homes.keys() - pinned(problem):
        return
    if not any(isinstance(atom, Together) for atom in problem.atoms_of[waiting[0]]):
        yield from _ByDomain(problem, waiting[0], start, effort, spend).run()


@dataclass
class _Open:
    """A domain in which the item may lie, a solution for it, and bounds of tiers, each under the bounds before."""

    model: OneDomain
    bounds: tuple[int, ...]
    x: IntArray


class _ByDomain:
    def __init__(
        self,
        problem: Problem,
        item: int,
        start: Plan,
        effort: Callable[[float, float], Effort],
        spend: Callable[[float], None],
    ) -> None:
        self.problem, self.item, self.effort, self.spend = problem, item, effort, spend
        self.stage = Stage(problem, item)
        self.refusal = self.stage.refusal()
        self.values = check(problem, start).values

    @cached_property
    def ground(self) -> Ground:
        """All that runs at home; what is tried on it is taken back."""
        ground = Ground(self.problem)
        for i, seats in self.problem.homes.items():
            ground.settle(i, seats)
        return ground

    def run(self) -> Iterator[Message]:
        """The first tier in all domains; then domain by domain, the most promising first, the plan and later tiers."""
        first: list[tuple[int, OneDomain, IntArray]] = []
        budgets = Budgets(self.problem, self.item)
        cases, exact = 1, True
        for domain in domains_of(self.problem, self.item):
            if budgets.closed(domain):
                continue
            model = OneDomain(self.stage, domain)
            if model.arrays.variables > _COLUMNS:
                return
            closed = cases_above(model.arrays, self.problem.tiers, 0, self._over)
            if closed:
                cases += closed
                continue
            exact = False
            bound, x = self._solve(model, 0, ())
            if bound is None or (x is None and bound <= self.values[0]):
                return
            if x is not None:
                first.append((bound, model, x))
        first.sort(key=lambda one: one[0])
        yield replace(self._told(0, [bound for bound, _, _ in first]), cases=cases if exact else 0)
        tried: list[_Open] = []
        for least, alike in groupby(first, key=lambda one: one[0]):
            if least > self.values[0]:
                break
            ways = sorted((self._later(model, least, x) for _, model, x in alike), key=lambda one: one.bounds)
            tried += ways
            for one in ways:
                if one.bounds < self.values:
                    yield from self._carried_out(one)
            if any(len(one.bounds) < self.problem.tiers for one in ways):
                return
        for tier in range(1, self.problem.tiers):
            here = [(one, self._bound(one, tier)) for one in tried]
            bounds = [bound for _, bound in here if bound is not None]
            if len(bounds) < len(here):
                return
            yield self._told(tier, bounds)
            tried = [one for one, bound in here if bound is not None and bound <= self.values[tier]]

    def _over(self) -> bool:
        """Nothing is left to spend."""
        effort = self.effort(_EACH, _EACH)
        return min(_EACH if left is None else left for left in (effort.seconds, effort.work)) <= 0

    def _told(self, tier: int, bounds: list[int]) -> BoundFound:
        """The bound of a tier: the least over all domains, and over refusing the item where the limits allow that."""
        limits = self.values[:tier]
        if all(cost <= limit for cost, limit in zip(self.refusal, limits, strict=False)):
            bounds = [*bounds, self.refusal[tier]]
        return BoundFound(tier, min([*bounds, self.values[tier]]), limits, None)

    def _bound(self, one: _Open, tier: int) -> int | None:
        """Bound of a later tier in a domain under the values of the best plan; None if it is not known."""
        if one.bounds[0] > self.values[0]:
            return self.values[tier] + 1
        if one.bounds[:tier] == self.values[:tier]:
            return one.bounds[tier]
        return self._solve(one.model, tier, self.values[:tier], one.x)[0]

    def _later(self, model: OneDomain, bound: int, x: IntArray) -> _Open:
        """The later tiers, each under the bounds of the earlier ones, as far as the time is enough."""
        bounds: tuple[int, ...] = (bound,)
        for tier in range(1, self.problem.tiers):
            value, better = self._solve(model, tier, bounds, x)
            x = x if better is None else better
            if value is None or better is None:
                break
            bounds = (*bounds, value)
        return _Open(model, bounds, x)

    def _solve(
        self, model: OneDomain, tier: int, limits: tuple[int, ...], hint: IntArray | None = None
    ) -> tuple[int | None, IntArray | None]:
        """Bound of a tier, above the best plan's value if there is no solution; a solution in which none is missing.

        In the first tier what is missing costs more than any plan; later it is closed.
        """
        arrays, tiers = model.arrays, self.problem.tiers
        missing = arrays.objective[tiers]
        if tier == 0:
            priced = arrays.objective[0] + (self.values[0] + 1) * missing
            arrays = replace(arrays, objective=(priced,))
        else:
            arrays = replace(arrays, upper=np.where(missing > 0, 0, arrays.upper))
        found = self._minimise(arrays, tier, limits, model.arrays.hint if hint is None else hint)
        x = found.x
        return found.bound, None if x is None or bool((x * missing).any()) else x

    def _minimise(self, arrays: Arrays, tier: int, limits: tuple[int, ...], hint: IntArray) -> Found:
        found = minimise(arrays, tier, limits, hint, self.effort(_EACH, _EACH))
        self.spend(max(found.work, 1e-4))
        return found

    def _carried_out(self, one: _Open) -> Iterator[PlanFound]:
        """The plan of a solution. If what should move finds no room, another solution in which it does not move."""
        model, x = one.model, one.x
        for _ in range(_AGAIN):
            plan, stuck = self._plan(model, x)
            if plan is not None:
                report = check(self.problem, plan)
                if not report.violations and report.values < self.values:
                    self.values = report.values
                    yield PlanFound(plan, report.values)
            if not stuck:
                return
            model = model.without_moves(stuck)
            bound, better = self._solve(model, 0, ())
            if bound is None or better is None or bound > self.values[0]:
                return
            x = self._later(model, bound, better).x

    def _plan(self, model: OneDomain, x: IntArray) -> tuple[Plan | None, list[int]]:
        """What a solution says, done; and what should move but finds no room. None if the item finds none itself."""
        ground, homes = self.ground, self.problem.homes
        gone = [i for i, col in model.gone.items() if x[col]]
        moved = [i for i, col in model.moved.items() if x[col]]
        for i in (*gone, *moved):
            ground.drop(i)
        parts = self.problem.items[self.item].parts
        seats: list[list[Seat]] = [[] for _ in parts]
        full = False
        for (p, b), col in model.seats.items():
            amount, demand = int(x[col]), parts[p].demand
            if amount and int(ground.free.count(np.array([b]), demand)[0]) >= amount:
                seats[p] += ground.free.take(demand, b, amount)
            elif amount:
                full = True
        held = tuple(tuple(sorted(some)) for some in seats)
        ground.settle(self.item, held, taken=True)
        stuck = [] if full else self._move(moved)
        plan = None if full else ground.plan()
        for i in (self.item, *moved):
            if i in ground.seats:
                ground.drop(i)
        for i in (*gone, *moved):
            ground.settle(i, homes[i])
        return plan, stuck

    def _move(self, moved: list[int]) -> list[int]:
        """Place what moves, the largest replicas first; seats that are still free are kept. Returns what finds none."""
        ground, items = self.ground, self.problem.items
        kept: dict[int, _Seats] = {}
        for i in moved:
            kept[i] = tuple(
                tuple(seat for seat in held if all(ground.free.devices[seat.bin, d] >= n for d, n in seat.devices))
                for held in self.problem.homes[i]
            )
            self._hold(i, kept[i], -1)
        stuck = []
        for i in sorted(moved, key=lambda i: (-max(part.demand.volume for part in items[i].parts), i)):
            self._hold(i, kept[i], 1)
            if Gang(ground, i, kept[i]).place() is None and Gang(ground, i).place() is None:
                stuck.append(i)
        return stuck

    def _hold(self, item: int, seats: _Seats, times: int) -> None:
        """Take seats off the ground for a while, or give them back."""
        for part, held in zip(self.problem.items[item].parts, seats, strict=True):
            for seat in held:
                self.ground.free.give(part.demand, seat, times)
