"""Give way: what waits takes the room of what runs and is worth less, one item after another; a start for the search.

For each waiting item, the most valuable per volume first: what runs and may be disturbed leaves, the least valuable per
volume first, in batches that double, until the item finds a place. Where it must lie in one domain, domain by domain.
Then everything that left goes back to its seats where they are free, the most valuable first, or elsewhere where it
may move. A trial that does not improve the plan, or breaks a limit on disturbance, is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from random import Random

import numpy as np

from solver.alone import forced, pinned
from solver.atoms.allow import Within
from solver.atoms.apart import Apart
from solver.atoms.caps import Caps
from solver.atoms.charge import RefuseCharge
from solver.atoms.pool import Pool
from solver.atoms.share import Share
from solver.atoms.state import Together
from solver.atoms.stay import Stay
from solver.budgets import Budgets
from solver.check import check
from solver.gang import Gang
from solver.greedy import fill, leaders_first, orders
from solver.ground import Ground
from solver.grow import grow, may_grow
from solver.guards import Guards
from solver.items import BoolArray
from solver.plan import Plan, Seat
from solver.problem import Problem

__all__ = ["give_way", "yielding", "yields"]

_DOMAINS = 32
"""Most domains that are tried for one item."""
_AGAIN = 16
"""Victims for which another place of the item is looked for, so that they can stay."""

_PLACES = 2.0
"""Places by which an item is off its place in a noisy order (standard deviation)."""
_NOISE = 0.3
"""A noisy victim counts for between so much of its worth and all of it."""

_Seats = tuple[tuple[Seat, ...], ...]


def give_way(
    problem: Problem,
    plan: Plan,
    expired: Callable[[], bool] | None = None,
    trials: float = math.inf,
    rng: Random | None = None,
) -> Iterator[Plan]:
    """Plans in which some of what waits has the room of some of what runs; none where nothing may be disturbed.

    First from the given plan, then from the one that changes nothing, where the more valuable, or the larger, is served
    before others take what is free. They are for a judge: none need be better than the given one. `trials` is how often
    room for an item may be made in all, which ends it where no clock may. With `rng` the starts come the other way
    round, in orders with noise, and so do the victims: for someone who searches beside the caller.
    """
    if not problem.homes.keys() - pinned(problem):
        return
    stop = expired or (lambda: False)
    by_density, by_size, by_worth = orders(problem)
    tried: list[tuple[Plan, list[int]]] = []
    starts = [(plan, by_density), (problem.anchor, by_worth), (problem.anchor, by_size)]
    for start, order in starts if rng is None else reversed(starts):
        ordered = order if rng is None else leaders_first(problem, _noisy(order, rng))
        waiting = [item for item in ordered if item not in problem.homes]
        if (start, waiting) not in tried and not stop() and trials > 0:
            tried.append((start, waiting))
            yielding = _Yielding(problem, start, stop, trials, rng)
            yield yielding.run(waiting)
            trials = yielding.trials


def yields(problem: Problem, item: int) -> bool:
    """Whether a valid plan is found in which what runs makes room for the item, at any price; False says nothing."""
    return yielding(*forced(problem, item)) is not None


def yielding(free: Problem, item: int) -> Plan | None:
    """A valid plan of a problem as `forced` makes it, in which what runs makes room; None says nothing."""
    plans = (plan for plan in give_way(free, free.anchor) if plan.placed(item))
    return next((plan for plan in plans if not check(free, plan).violations), None)


def _noisy(order: list[int], rng: Random) -> list[int]:
    """The order with every item a few places away from where it was."""
    rank = {item: at + rng.gauss(0, _PLACES) for at, item in enumerate(order)}
    return sorted(order, key=rank.__getitem__)


class _Yielding:
    def __init__(
        self, problem: Problem, plan: Plan, expired: Callable[[], bool], trials: float, rng: Random | None
    ) -> None:
        self.problem, self.expired, self.rng = problem, expired, rng
        self.trials = trials
        """How many more there may be."""
        self.ground = Ground(problem, expired)
        for item, seats in plan.seats.items():
            self.ground.settle(item, seats)
        self.guards = Guards(problem, plan.seats)
        self.may_leave, self.may_move = set(problem.homes), set(problem.homes)
        for atom in problem.atoms:
            if isinstance(atom, Stay) and not (atom.may_leave and not atom.pinned):
                self.may_leave.discard(atom.item)
                if atom.pinned:
                    self.may_move.discard(atom.item)
            elif isinstance(atom, Together):
                # Who leads somebody stays: the follower would hang in the air.
                self.may_leave.discard(atom.leader)
                self.may_move.discard(atom.leader)
        worth = [0.0] * len(problem.items)
        for atom in problem.atoms:
            if isinstance(atom, RefuseCharge):
                scale = 1e6 ** (problem.tiers - 1 - atom.tier)
                for (i, p), cost in atom.each.items():
                    worth[i] += scale * cost * problem.items[i].parts[p].count
        volume = [max(1, sum(part.demand.volume * part.count for part in item.parts)) for item in problem.items]
        self.worth, self.volume = worth, volume
        self.density = [value / size for value, size in zip(worth, volume, strict=True)]
        self.bins = {i: sorted({seat.bin for held in seats for seat in held}) for i, seats in problem.homes.items()}

    def run(self, order: Iterable[int]) -> Plan:
        """Serve what waits in order: with what is free, else with what runs."""
        for item in order:
            if self.expired():
                break
            if item not in self.ground.seats:
                fill(self.ground, (item,))
                if item not in self.ground.seats:
                    self._serve(item)
        grow(self.ground, sorted(may_grow(self.problem), key=lambda i: (-self.density[i], i)))
        return self.ground.plan()

    def _serve(self, item: int) -> None:
        best: tuple[tuple[int, ...], list[tuple[int, _Seats | None, _Seats | None]]] | None = None
        before = self.ground.values()
        for scope in self._scopes(item):
            if self.expired() or self.trials <= 0:
                break
            for first, ordered in self._victims(item, scope):
                self.trials -= 1
                changes = self._trial(item, first, ordered)
                if changes is None:
                    continue
                values = self.ground.values()
                self._apply([(i, now, was) for i, was, now in reversed(changes)])
                if values < (before if best is None else best[0]):
                    best = (values, changes)
        if best is not None:
            self._apply(best[1])

    def _scopes(self, item: int) -> Iterable[BoolArray]:
        """Bins in which something may have to leave: those of one domain where one is required."""
        ground, gang = self.ground, self.problem.items[item]
        usable = np.zeros(self.problem.bins.count, np.bool_)
        for p in range(len(gang.parts)):
            mask = ground.mask((item, p))
            usable |= True if mask is None else mask
        inside = [a.partition for a in self.problem.own_atoms[item] if isinstance(a, Within) and a.bundle == 0]
        if not inside:
            return [usable]
        finest = max(inside, key=self.problem.domains)
        labels = self.problem.partitions[finest]
        # First where most of the room is free or held by what is worth least.
        price = np.zeros(self.problem.domains(finest))
        for victim in self.may_leave & ground.seats.keys():
            for b in self.bins[victim]:
                price[labels[b]] += self.worth[victim] / len(self.bins[victim])
        free = np.bincount(labels, np.where(usable, ground.free.milli, 0), minlength=price.size)
        order = np.lexsort((np.arange(price.size), price, -free))
        cheap = np.lexsort((np.arange(price.size), price))
        mixed = dict.fromkeys(int(d) for pair in zip(order, cheap, strict=True) for d in pair)
        domains = [d for d in mixed if bool((usable & (labels == d)).any())]
        if not any(isinstance(atom, Pool | Caps | Apart) for atom in self.problem.atoms_of[item]):
            # Else what leaves one domain might make room for the item in another.
            budgets = Budgets(self.problem, item)
            domains = [d for d in domains[:_DOMAINS] if not budgets.closed(labels == d)]
        return [usable & (labels == d) for d in domains[:_DOMAINS]]

    def _victims(self, item: int, scope: BoolArray) -> list[tuple[int, list[int]]]:
        """What runs there and may go, at home now, worth less than the item unless it may move; in a few orders.

        Before each the number of those that go first together: without them the item breaks a limit.
        """
        homes = self.problem.homes
        found = [
            i
            for i in sorted((self.may_leave | self.may_move) & self.ground.seats.keys())
            if self.ground.seats[i] == homes[i] and bool(scope[self.bins[i]].any())
            if i in self.may_move or self.worth[i] < self.worth[item]
        ]
        rng = self.rng
        density = {i: self.density[i] * (1.0 if rng is None else rng.uniform(_NOISE, 1.0)) for i in found}
        cheap = sorted(found, key=lambda i: (density[i], -self.volume[i], i))
        large = sorted(found, key=lambda i: (-self.volume[i], density[i], i))
        first = self._over_limits(item)
        firm = [i for i in cheap if i in self.may_leave]
        kinds = dict.fromkeys(tuple(dict.fromkeys((*first, *order))) for order in (firm, cheap, large))
        return [(len(first), list(order)) for order in kinds]

    def _over_limits(self, item: int) -> list[int]:
        """The cheapest users of limits (quotas) that the item would break whose leaving alone makes enough room."""
        first: dict[int, None] = {}
        for atom in self.problem.atoms_of[item]:
            if not isinstance(atom, Share) or atom.limit is None:
                continue
            load = {
                i: sum(atom.use.get((i, p), 0) * len(held) for p, held in enumerate(seats))
                for i, seats in self.ground.seats.items()
            }
            need = sum(
                atom.use.get((item, p), 0) * part.min_count for p, part in enumerate(self.problem.items[item].parts)
            )
            excess = atom.base + sum(load.values()) + need - atom.limit
            users = [i for i in self.may_leave if load.get(i, 0) > 0 and self.worth[i] < self.worth[item]]
            if excess > 0:
                first.update(dict.fromkeys(self._cheapest(users, load, excess)))
        return list(first)

    def _cheapest(self, users: list[int], load: dict[int, int], excess: int) -> list[int]:
        """Users whose load together covers the excess: the cheapest single one, or the cheapest per load, if less."""
        alone = [i for i in users if load[i] >= excess]
        single = [min(alone, key=lambda i: (self.worth[i], i))] if alone else []
        several: list[int] = []
        covered = 0
        for i in sorted(users, key=lambda i: (self.worth[i] / load[i], i)):
            if covered < excess:
                several.append(i)
                covered += load[i]
        if covered < excess:
            return single
        for i in sorted(several, key=lambda i: (-self.worth[i], i)):
            if covered - load[i] >= excess:
                several.remove(i)
                covered -= load[i]
        cheaper = not single or sum(self.worth[i] for i in several) < self.worth[single[0]]
        return several if cheaper else single

    def _trial(
        self, item: int, first: int, victims: list[int]
    ) -> list[tuple[int, _Seats | None, _Seats | None]] | None:
        """Changes (item, seats before, seats after) that place the item, made on the ground; None if there are none."""
        gone: list[int] = []
        batch, at = max(1, first), 0
        seats = None
        while at < len(victims) and seats is None and not self.expired():
            for victim in victims[at : at + batch]:
                self.guards.change(victim, self.ground.seats[victim], None)
                if self.guards.broken():
                    self.guards.change(victim, None, self.ground.seats[victim])
                    continue
                self.ground.drop(victim)
                gone.append(victim)
            at += batch
            batch = max(1, 2 * (at - first))
            seats = Gang(self.ground, item).place()
        changes: list[tuple[int, _Seats | None, _Seats | None]] = []
        stay, tries = [], _AGAIN
        for victim in sorted(gone, key=lambda i: (i in self.may_leave, -self.worth[i], i)):
            home = self.problem.homes[victim]
            back = self.ground.fits(victim, home)
            if back:
                self.ground.settle(victim, home)
            elif seats is not None and tries:
                tries -= 1
                back, seats = self._around(item, seats, victim)
            if back:
                self.guards.change(victim, None, home)
            else:
                stay.append(victim)
        if seats is not None:
            self.guards.change(item, None, seats)
            changes.append((item, None, seats))
        failed = False
        for victim in stay:
            known = self.ground.values()
            place = Gang(self.ground, victim).place() if victim in self.may_move and seats is not None else None
            if place is not None and self.ground.values() > known and victim in self.may_leave:
                self.ground.drop(victim)
                place = None
            self.guards.change(victim, None, place)
            changes.append((victim, self.problem.homes[victim], place))
            failed |= place is None and victim not in self.may_leave
        if seats is None or failed or self.guards.broken():
            self._apply([(i, now, was) for i, was, now in reversed(changes)])
            return None
        return changes

    def _around(self, item: int, seats: _Seats, victim: int) -> tuple[bool, _Seats]:
        """Whether the item finds other seats with the victim back at home; and the seats it has then."""
        self.ground.drop(item)
        home = self.problem.homes[victim]
        if self.ground.fits(victim, home):
            self.ground.settle(victim, home)
            found = Gang(self.ground, item).place()
            if found is not None:
                return True, found
            self.ground.drop(victim)
        self.ground.settle(item, seats)
        return False, seats

    def _apply(self, changes: list[tuple[int, _Seats | None, _Seats | None]]) -> None:
        """Make changes: all leave first, then all come."""
        for item, was, now in changes:
            if was is not None:
                self.ground.drop(item)
            self.guards.change(item, was, now)
        for item, _, now in changes:
            if now is not None:
                self.ground.settle(item, now)
