"""Ruin and recreate: take some neighbours off the ground, put them and some refused items back in another order.

A step costs a few greedy placements, so thousands of them fit where one exact search of the whole would only begin.
A step that makes the plan worse is taken back. (Schrimpf et al. 2000; the ruins are neighbourhoods of one domain.)
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import numpy as np

from solver.atoms.charge import RefuseCharge
from solver.atoms.state import Together
from solver.atoms.stay import Stay
from solver.dash import Dash
from solver.gang import Gang
from solver.greedy import briskly
from solver.ground import Ground
from solver.grow import grow, may_grow
from solver.guards import Guards
from solver.parts import Parts
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.sheet import nearness_matters

__all__ = ["Ruin"]

_MOST_RUINED = 14
"""Most items that a step takes off the ground (their followers come on top)."""
_MOST_WANTED = 10
"""Most refused items that a step tries to place."""
_LARGE = 1024
"""Items with more replicas are left alone: they are no small step."""
_MISSES = 20
"""So often a ruin in an own part of the bins is looked for."""
_HOME = 0.7
"""How often what runs is first offered the seats that it has."""
_HURRIED = 0.5
"""Where many items wait and domains matter: how often what does not run is put where it fits, prices not weighed."""
_NOISE = 0.3
"""Spread of the random factor on what the items are sorted by."""

_Seats = tuple[tuple[Seat, ...], ...]


class Ruin:
    """A plan on its ground, and steps that improve it. The same seed gives the same steps.

    What runs now (`Problem.homes`) goes back to its seats where it can, or elsewhere, or leaves, as far as its `Stay`
    atoms allow; a step that breaks a limit on disturbance (`guards`) is taken back.
    """

    def __init__(self, problem: Problem, plan: Plan, rng: Random, parts: Parts | None = None) -> None:
        self.problem = problem
        self.rng = rng
        self.parts = parts or Parts(problem)
        self.ground = Ground(problem)
        self.values = self.ground.values()
        """Value of every tier of the present plan."""
        self._on: dict[int, set[int]] = {}
        for item, seats in plan.seats.items():
            self.ground.settle(item, seats)
            self._mark(item, seats)
        self.values = self.ground.values()
        self._guards = Guards(problem, plan.seats)
        self.placed = 0
        """Placements tried so far: a measure of the work done."""
        counts = [sum(part.count for part in item.parts) for item in problem.items]
        self._small = [count <= _LARGE for count in counts]
        self._may_leave = set(problem.homes) - {
            a.item for a in problem.atoms if isinstance(a, Stay) and not a.may_leave
        }
        self._growing = may_grow(problem)
        self._hurried = _HURRIED if nearness_matters(problem) and briskly(problem) is not None else 0.0
        self._dash: Dash | None = None
        """Made for one step: it does not hear of bins that become free."""
        self._volume = [sum(p.demand.volume * p.count for p in item.parts) for item in problem.items]
        self._worth = [0.0] * len(problem.items)
        for atom in problem.atoms:
            if isinstance(atom, RefuseCharge):
                scale = 1e6 ** (problem.tiers - 1 - atom.tier)
                for (i, p), cost in atom.each.items():
                    self._worth[i] += scale * cost * problem.items[i].parts[p].count
        density = [worth / max(1, volume) for worth, volume in zip(self._worth, self._volume, strict=True)]
        sizes = [max((p.demand.volume for p in item.parts), default=0) or 1 for item in problem.items]
        sized = [d * s**0.25 for d, s in zip(density, sizes, strict=True)]
        self._measures = (density, sized, self._worth, [float(v) for v in self._volume], [float(s) for s in sizes])
        self._followers: dict[int, list[int]] = {}
        for atom in problem.atoms:
            if isinstance(atom, Together):
                self._followers.setdefault(atom.leader, []).append(atom.follower)
                self._small[atom.leader] &= atom.follower not in problem.homes
        self._refused = [i for i in range(len(problem.items)) if i not in self.ground.seats]
        self._partitions = [p for p, n in enumerate(self.ground.sizes) if n > 1]

    def plan(self) -> Plan:
        """The present plan."""
        return self.ground.plan()

    def step(self) -> bool:
        """One ruin and what is made of it; True if the plan is better than before."""
        removed, self._dash = self._ruin(), None
        wanted = self._sorted([*removed, *self._wanted()])
        before: dict[int, _Seats] = {}
        for item in removed:
            seats = self.ground.drop(item)
            before[item] = seats
            self._unmark(item, seats)
        put: list[int] = []
        for item in wanted:
            known = self.ground.values()
            self.placed += sum(part.count for part in self.problem.items[item].parts)
            if not self._place(item):
                continue
            if self.ground.values() > known and (item not in self.problem.homes or item in self._may_leave):
                self.ground.drop(item)
            else:
                put.append(item)
        values = self.ground.values()
        lost = any(i in self.problem.homes and i not in self._may_leave for i in set(before) - set(put))
        changes = [(i, before.get(i), self.ground.seats.get(i)) for i in {*before, *put}]
        kept = not lost and values <= self.values and self._guarded(changes)
        if not kept:
            for item in reversed(put):
                self.ground.drop(item)
            for item, seats in before.items():
                self.ground.settle(item, seats)
                self._mark(item, seats)
            return False
        for item in put:
            self._mark(item, self.ground.seats[item])
        better = values < self.values
        self.values = values
        gone, come = set(removed) - set(put), set(put) - set(removed)
        if gone or come:
            self._refused = sorted((set(self._refused) | gone) - come)
        return better

    def join(self, other: Plan, base: Plan) -> bool:
        """Take over what another plan changed since `base`; True if the result is at least as good as both.

        Items that both changed go where the other plan has them, or where there is room. If False the ground may hold
        anything and is of no further use.
        """
        theirs = [
            i
            for i in sorted({*other.seats, *base.seats})
            if other.seats.get(i) != base.seats.get(i) and other.seats.get(i) != self.ground.seats.get(i)
        ]
        self._dash = None
        before: dict[int, _Seats] = {}
        for item in theirs:
            if item in self.ground.seats:
                before[item] = self.ground.drop(item)
                self._unmark(item, before[item])
        for item in self._sorted([i for i in theirs if i in other.seats]):
            if self.ground.fits(item, other.seats[item]):
                self.ground.settle(item, other.seats[item])
            elif not self._place(item):
                continue
            self._mark(item, self.ground.seats[item])
        values = self.ground.values()
        lost = any(i in self.problem.homes and i not in self._may_leave | self.ground.seats.keys() for i in theirs)
        if (
            lost
            or values > self.values
            or not self._guarded([(i, before.get(i), self.ground.seats.get(i)) for i in theirs])
        ):
            return False
        self.values = values
        self._refused = [i for i in range(len(self.problem.items)) if i not in self.ground.seats]
        return True

    def _guarded(self, changes: list[tuple[int, _Seats | None, _Seats | None]]) -> bool:
        """Whether the limits on disturbance hold after the changes; if not, they are not counted."""
        for item, was, now in changes:
            self._guards.change(item, was, now)
        if not self._guards.broken():
            return True
        for item, was, now in changes:
            self._guards.change(item, now, was)
        return False

    def _place(self, item: int) -> bool:
        """Find a place for one item: for what runs mostly the one that it has."""
        home = self.problem.homes.get(item)
        if home is not None and self.rng.random() < _HOME and self.ground.fits(item, home):
            self.ground.settle(item, home)
            if item in self._growing:
                grow(self.ground, (item,))
            return True
        if home is None and self._hurried and self.rng.random() < self._hurried:
            self._dash = self._dash or Dash(self.ground)
            return self._dash.place(item)
        return Gang(self.ground, item).place() is not None

    def _mark(self, item: int, seats: _Seats) -> None:
        for held in seats:
            for seat in held:
                self._on.setdefault(seat.bin, set()).add(item)

    def _unmark(self, item: int, seats: _Seats) -> None:
        for held in seats:
            for seat in held:
                self._on[seat.bin].discard(item)

    def _ruin(self) -> list[int]:
        """Items in a few neighbouring domains, with the followers of leaders among them."""
        most = self.rng.randint(1, _MOST_RUINED)
        found: dict[int, None] = {}
        for _ in range(4):
            partition = self.rng.choice(self._partitions) if self._partitions else None
            bins = [self._seed_here()]
            if partition is not None:
                domain = int(self.problem.partitions[partition][bins[0]])
                members = self.ground.members(partition)[domain]
                bins = members[members >= 0].tolist()
            here = sorted({i for b in bins for i in self._on.get(b, ()) if self._small[i]})
            self.rng.shuffle(here)
            found.update(dict.fromkeys(here[: most - len(found)]))
            if len(found) >= most:
                break
        stack = list(found)
        while stack:
            for follower in self._followers.get(stack.pop(), ()):
                if follower in self.ground.seats and follower not in found:
                    found[follower] = None
                    stack.append(follower)
        return list(found)

    def _seed_here(self) -> int:
        """A seed in the part that is ours; after a few misses any."""
        seed = self._seed()
        for _ in range(_MISSES):
            if self.parts.ours(seed):
                break
            seed = self._seed()
        return seed

    def _seed(self) -> int:
        """A bin where something sits, or where a refused item could sit if there were room."""
        if self._refused and self.rng.random() < 0.5:
            item = self.rng.choice(self._refused)
            part = self.rng.randrange(len(self.problem.items[item].parts))
            mask = self.ground.mask((item, part))
            if mask is None:
                return self.rng.randrange(self.problem.bins.count)
            if mask.any():
                return int(self.rng.choice(np.flatnonzero(mask)))
        if self.ground.seats:
            seats = self.ground.seats[self.rng.choice(list(self.ground.seats))]
            held = [seat.bin for part in seats for seat in part]
            if held:
                return self.rng.choice(held)
        return self.rng.randrange(self.problem.bins.count)

    def _wanted(self) -> list[int]:
        """Some refused items, the valuable ones more often."""
        small = [i for i in self._refused if self._small[i]]
        if not small:
            return []
        weights = [1 + self._worth[i] / max(1, self._volume[i]) for i in small]
        top = max(weights)
        drawn = self.rng.choices(small, [w / top + 0.05 for w in weights], k=self.rng.randint(1, _MOST_WANTED))
        return list(dict.fromkeys(drawn))

    def _sorted(self, items: Iterable[int]) -> list[int]:
        """The items in a noisy order of one of the measures; leaders before followers."""
        measure = self._measures[self.rng.randrange(len(self._measures))]
        rank = {i: -measure[i] * self.rng.uniform(1 - _NOISE, 1 + _NOISE) for i in items}
        order: dict[int, None] = {}
        leaders = {f: [] for f in rank}  # type: dict[int, list[int]]
        for leader, followers in self._followers.items():
            if leader in rank:
                for follower in followers:
                    if follower in leaders:
                        leaders[follower].append(leader)
        for item in sorted(rank, key=lambda i: (rank[i], i)):
            stack = [item]
            while stack:
                waiting = [i for i in leaders[stack[-1]] if i not in order and i not in stack]
                if waiting:
                    stack.append(waiting[0])
                else:
                    order[stack.pop()] = None
        return list(order)
