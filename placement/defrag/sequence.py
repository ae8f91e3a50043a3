"""Order: from the plan that changes nothing to a target plan, one item at a time, each step feasible when it happens.

While an item moves it holds its old and its new seats. Whatever has not moved yet is in its old place, so one may stop
after any step: every state on the way keeps the hard atoms and is no worse than the start in the guarded tiers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.alone import fits, solo
from solver.atoms import Capacity, Caps, Disruptions, Floor, Stay
from solver.check import check
from solver.items import Bins
from solver.neighbourhood import part_of
from solver.plan import Plan, Seat
from solver.problem import Problem

__all__ = ["Hop", "Order", "order", "steps_through"]

Seats = tuple[tuple[Seat, ...], ...]
_MOST_TRIES = 3_000
"""States judged before the search for an order gives up."""


@dataclass(frozen=True)
class Hop:
    """One item goes to these seats; a `detour` is not yet its place in the target."""

    item: int
    seats: Seats
    detour: bool = False


@dataclass(frozen=True)
class Order:
    """Steps in order, and the items that could not be brought to their place (`stuck`).

    `searched`: every order without a detour was tried before one was called stuck or took a detour.
    """

    hops: tuple[Hop, ...]
    stuck: tuple[int, ...]
    searched: bool


def steps_through(problem: Problem, state: Plan, hop: Hop, guarded: tuple[int, ...]) -> Plan | None:
    """The state after a step, None if the step is not feasible in `state`.

    Old and new seats together must keep capacity and caps; the state after must keep every hard atom, and each of the
    first tiers at most its value in `guarded`.
    """
    before = state.seats[hop.item]
    both = tuple((*old, *(Counter(new) - Counter(old)).elements()) for old, new in zip(before, hop.seats, strict=True))
    during = Plan({**state.seats, hop.item: both})
    physical = (atom for atom in problem.atoms if isinstance(atom, Capacity | Caps))
    if any(atom.violations(problem, during) for atom in physical):
        return None
    after = Plan({**state.seats, hop.item: hop.seats})
    report = check(problem, after)
    worse = any(value > limit for value, limit in zip(report.values, guarded, strict=False))
    return None if report.violations or worse else after


def order(
    problem: Problem,
    target: Plan,
    wished: Sequence[int],
    *,
    guarded: tuple[int, ...],
    most: int | None = None,
    expired: Callable[[], bool],
) -> Order:
    """Order the moves from `problem.anchor` to `target`; both place the same items.

    `wished` names the items that move, those to be moved first in front; an item further back goes earlier only
    where nothing before it can go. `most` limits the steps, detours included. Where no order exists, a blocked item is
    parked on free seats in between, if there are any; else the longest order found is returned.
    """
    run = _Run(problem, target, guarded, expired)
    hops: list[Hop] = []
    state, left = problem.anchor, tuple(wished)
    while True:
        done, state, left = run.forward(state, left)
        hops += done
        if not left:
            break
        parked = None
        if most is None or len(hops) + 1 + len(left) <= most:
            parked = run.park(state, left)
        if parked is None:
            break
        hop, state = parked
        hops.append(hop)
    return Order(tuple(hops), left, run.searched)


class _Run:
    """One search for an order, with its budget of judged states."""

    def __init__(self, problem: Problem, target: Plan, guarded: tuple[int, ...], expired: Callable[[], bool]) -> None:
        self.problem = problem
        self.target = target
        self.guarded = guarded
        self.searched = True
        self._expired = expired
        self._tries = 0
        self._parked: set[int] = set()

    def forward(self, start: Plan, left: tuple[int, ...]) -> tuple[list[Hop], Plan, tuple[int, ...]]:
        """The longest order without a detour: depth first, each set of remaining items once."""
        seen = {frozenset(left)}
        stack: list[tuple[Plan, tuple[int, ...], list[int]]] = [(start, left, list(left))]
        path: list[Hop] = []
        best: tuple[list[Hop], Plan, tuple[int, ...]] = ([], start, left)
        while stack:
            state, rest, untried = stack[-1]
            if len(rest) < len(best[2]):
                best = (list(path), state, rest)
            if not rest:
                break
            if not untried:
                stack.pop()
                if path:
                    path.pop()
                continue
            item = untried.pop(0)
            after_rest = tuple(i for i in rest if i != item)
            if frozenset(after_rest) in seen:
                continue
            if self._tries >= _MOST_TRIES or self._expired():
                self.searched = False
                break
            self._tries += 1
            hop = Hop(item, self.target.seats[item])
            after = steps_through(self.problem, state, hop, self.guarded)
            if after is not None:
                seen.add(frozenset(after_rest))
                path.append(hop)
                stack.append((after, after_rest, list(after_rest)))
        return best

    def park(self, state: Plan, left: tuple[int, ...]) -> tuple[Hop, Plan] | None:
        """A detour of one blocked item after which another one can go to its place. Each item is parked once."""
        for clear in (True, False):
            for item in left:
                if item in self._parked or self._expired():
                    continue
                others = tuple(i for i in left if i != item)
                seats = self._free_seats(state, item, left if clear else ())
                if seats is None:
                    continue
                hop = Hop(item, seats, detour=True)
                after = steps_through(self.problem, state, hop, self.guarded)
                if after is None:
                    continue
                steps = (Hop(i, self.target.seats[i]) for i in others)
                if any(steps_through(self.problem, after, step, self.guarded) is not None for step in steps):
                    self._parked.add(item)
                    return hop, after
        return None

    def _free_seats(self, state: Plan, item: int, clear: tuple[int, ...]) -> Seats | None:
        """Seats for an item beside everything, and beside those of its own that it is to leave.

        `clear` keeps off the targets of these items.
        """
        problem = self.problem
        devices, resources = problem.bins.devices.copy(), problem.bins.resources.copy()
        for index, part in enumerate(problem.items[item].parts):
            leaving = Counter(state.seats[item][index]) - Counter(self.target.seats[item][index])
            for seat in leaving.elements():
                for device, milli in seat.devices:
                    devices[seat.bin, device] -= milli
                resources[seat.bin] -= np.array(part.demand.resources, np.int64)
        for other in clear:
            for seats in self.target.seats[other]:
                for seat in seats:
                    for device, milli in seat.devices:
                        devices[seat.bin, device] -= milli
        # What speaks of homes has no meaning for one item that is looked at by itself; the step is judged as a whole.
        atoms = tuple(atom for atom in problem.atoms if not isinstance(atom, Stay | Disruptions | Floor))
        bare = replace(problem, bins=Bins(devices, resources), atoms=atoms, homes={})
        around = state.without(item)
        part_ = part_of(bare, around, [item], np.ones(problem.bins.count, np.bool_))
        if item not in part_.items:
            return None
        found = fits(solo(part_.problem, part_.items.index(item)))
        return None if found is None else found.seats[0]
