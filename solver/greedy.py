"""Greedy: a feasible plan at once, item by item, whole gangs only. The floor under every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from solver.atoms.allow import Segments, Within
from solver.atoms.charge import RefuseCharge, SpanCharge
from solver.atoms.remainder import Remainder
from solver.atoms.state import Together
from solver.atoms.vacant import Vacant
from solver.cells import rooms
from solver.check import values
from solver.chunks import room_alone
from solver.items import WHOLE, BoolArray, Demand, IntArray, PartKey
from solver.plan import Plan, Seat
from solver.problem import Joint, Ledger, Problem

__all__ = ["greedy", "orders"]

Expired = Callable[[], bool]
_FAR = np.iinfo(np.int64).max // 4


def orders(problem: Problem) -> list[list[int]]:
    """Item orders worth trying: by cost of refusal per volume, by cost of refusal, by volume; leaders first."""
    worth = np.zeros(len(problem.items), np.float64)
    for atom in problem.atoms:
        if isinstance(atom, RefuseCharge):
            scale = 1e6 ** (problem.tiers - 1 - atom.tier)
            for (i, p), cost in atom.each.items():
                worth[i] += scale * cost * problem.items[i].parts[p].count
    volume = np.array([sum(p.demand.volume * p.count for p in item.parts) for item in problem.items], np.float64)
    density = worth / np.maximum(volume, 1)
    keys = [item.key for item in problem.items]
    every = range(len(keys))
    found = [
        sorted(every, key=lambda i: (-density[i], -volume[i], keys[i])),
        sorted(every, key=lambda i: (-worth[i], -volume[i], keys[i])),
        sorted(every, key=lambda i: (-volume[i], -density[i], keys[i])),
    ]
    return [_leaders_first(problem, order) for order in found]


def _leaders_first(problem: Problem, order: Sequence[int]) -> list[int]:
    leads: dict[int, list[int]] = {}
    for atom in problem.atoms:
        if isinstance(atom, Together):
            leads.setdefault(atom.follower, []).append(atom.leader)
    if not leads:
        return list(order)
    done: dict[int, None] = {}
    for item in order:
        stack = [item]
        while stack:
            waiting = [leader for leader in leads.get(stack[-1], ()) if leader not in done and leader not in stack]
            if waiting:
                stack.append(waiting[0])
            else:
                done[stack.pop()] = None
    return list(done)


def greedy(problem: Problem, expired: Expired | None = None, tries: int = 3) -> tuple[Plan, bool]:
    """The best of a few greedy plans, and whether all items were tried in at least one of them."""
    stop: Expired = expired or (lambda: False)
    best, best_values, complete = problem.anchor, values(problem, problem.anchor), False
    alone = rooms(problem)
    seen: list[list[int]] = []
    for order in orders(problem)[:tries]:
        if order in seen:
            continue
        if seen and stop():
            break
        seen.append(order)
        run = _Run(problem, alone)
        run.settle(order)
        finished = run.fill(order, stop)
        plan = Plan(run.seats)
        found = values(problem, plan)
        if found < best_values:
            best, best_values = plan, found
        complete = complete or finished
    return best, complete


class _Run:
    """One greedy pass with its residual capacity."""

    def __init__(self, problem: Problem, alone: dict[PartKey, IntArray]) -> None:
        self.problem = problem
        self.alone = alone
        self.devices = problem.bins.devices.copy()
        self.resources = problem.bins.resources.copy()
        self.seats: dict[int, tuple[tuple[Seat, ...], ...]] = {}
        self._room: dict[Demand, IntArray] = {}
        self._seen: dict[Demand, int] = {}
        self._changed: list[int] = []
        self.ledgers: list[list[Ledger]] = [[] for _ in problem.items]
        for atom in problem.atoms:
            users = list(atom.items())
            ledger = atom.ledger(problem) if users else None
            if ledger is not None:
                for item in users:
                    self.ledgers[item].append(ledger)
        self._scarce = [atom for atom in problem.atoms if isinstance(atom, Remainder)]
        self._vacant = [atom for atom in problem.atoms if isinstance(atom, Vacant)]
        self._prices: dict[tuple[int, ...], IntArray] = {}

    def fill(self, order: Sequence[int], expired: Expired) -> bool:
        """Place the items in this order; False if time ran out first."""
        for item in order:
            if item in self.seats:
                continue
            if expired():
                return False
            found = _Gang(self, item).place()
            if found is not None:
                self.seats[item] = found
        return True

    def settle(self, order: Sequence[int]) -> None:
        """What runs now keeps its seats."""
        for item in (i for i in order if i in self.problem.homes):
            self.seats[item] = self.problem.homes[item]
            counts: dict[int, IntArray] = {}
            for p, seats in enumerate(self.seats[item]):
                counts[p] = np.zeros(self.problem.bins.count, np.int64)
                for seat in seats:
                    counts[p][seat.bin] += 1
                    for device, milli in seat.devices:
                        self.devices[seat.bin, device] -= milli
                    self.resources[seat.bin] -= np.array(self.problem.part((item, p)).demand.resources, np.int64)
            for ledger in self.ledgers[item]:
                ledger.add(item, counts)

    def room(self, demand: Demand) -> IntArray:
        """Replicas of a demand that fit each bin now; only bins that changed since the last call are counted anew."""
        if demand not in self._room:
            self._room[demand] = room_alone(self.devices, self.resources, demand)
        elif self._seen[demand] < len(self._changed):
            bins = np.unique(self._changed[self._seen[demand] :])
            self._room[demand][bins] = room_alone(self.devices[bins], self.resources[bins], demand)
        self._seen[demand] = len(self._changed)
        return self._room[demand]

    def refresh(self, bin_: int) -> None:
        """A bin has changed."""
        self._changed.append(bin_)

    def prices(self, key: PartKey) -> IntArray:
        """Static cost per replica and bin over all charges of a part."""
        charges = [c for atom in self.problem.own_atoms[key[0]] if (c := atom.price(key)) is not None]
        name = tuple(id(c) for c in charges)
        if name not in self._prices:
            self._prices[name] = sum(charges, np.zeros(self.problem.bins.count, np.int64))
        return self._prices[name]

    def scarcity(self, bins: IntArray, demand: Demand) -> IntArray:
        """Value of the large free chunks that one replica would take from each of the bins."""
        total = np.zeros(bins.size, np.int64)
        if not demand.volume:
            return total
        rows = self.devices[bins]
        free = (rows == WHOLE).sum(axis=1)
        if demand.milli:
            partial = ((rows >= demand.milli) & (rows < WHOLE)).any(axis=1)
            after = np.where(partial, free, free - 1)
        else:
            after = free - demand.devices
        for atom in self._scarce:
            for k, size in enumerate(atom.sizes):
                total += (free // size - after // size) * atom.values[bins, k]
        return total

    def opening(self, bins: IntArray) -> IntArray:
        """Price of the first replica in a group of bins that is better left free, for each of the bins."""
        total = np.zeros(bins.size, np.int64)
        if self._vacant:
            before, resources = self.problem.bins, self.resources
            taken = (self.devices != before.devices).any(axis=1) | (resources != before.resources).any(axis=1)
            for atom in self._vacant:
                shut = ~np.isin(atom.labels[bins], atom.labels[taken]) & (atom.labels[bins] >= 0)
                total += np.where(shut, atom.price_each, 0)
        return total


class _Gang:
    """One item being placed; every step can be taken back."""

    def __init__(self, run: _Run, item: int) -> None:
        self.run = run
        self.item = item
        self.gang = run.problem.items[item]
        atoms = run.problem.own_atoms[item]
        self.own = [a for a in atoms if isinstance(a, Segments | Within)]
        self.within: dict[int, list[int]] = {}
        for a in atoms:
            if isinstance(a, Within):
                self.within.setdefault(a.bundle, []).append(a.partition)
        self.segments = {a.part: a for a in atoms if isinstance(a, Segments)}
        self.spans: dict[int, list[int]] = {}
        for a in atoms:
            if isinstance(a, SpanCharge) and a.price_once:
                self.spans.setdefault(a.bundle, []).append(a.partition)
        for partitions in self.spans.values():
            partitions.sort(key=lambda p: -run.problem.domains(p))
        self.local: dict[int, IntArray] = {}
        self.taken: list[tuple[int, Seat]] = []

    def place(self) -> tuple[tuple[Seat, ...], ...] | None:
        everywhere = np.ones(self.run.problem.bins.count, np.bool_)
        if not self._bundle(0, everywhere):
            self._undo(0)
            return None
        seats = self._seats()
        if any(atom.violations(self.run.problem, Plan({self.item: seats})) for atom in self.own):
            self._undo(0)
            return None
        for ledger in self.run.ledgers[self.item]:
            ledger.add(self.item, self.local)
        return seats

    def _seats(self) -> tuple[tuple[Seat, ...], ...]:
        by_part: list[list[Seat]] = [[] for _ in self.gang.parts]
        for p, seat in self.taken:
            by_part[p].append(seat)
        return tuple(tuple(sorted(seats)) for seats in by_part)

    def _undo(self, mark: int) -> None:
        while len(self.taken) > mark:
            p, seat = self.taken.pop()
            demand = self.gang.parts[p].demand
            for device, milli in seat.devices:
                self.run.devices[seat.bin, device] += milli
            self.run.resources[seat.bin] += np.array(demand.resources, np.int64)
            self.local[p][seat.bin] -= 1
            self.run.refresh(seat.bin)

    def _bundle(self, b: int, where: BoolArray) -> bool:
        for scope in self._scopes(b, where):
            mark = len(self.taken)
            if self._fill_bundle(b, scope) and len(self.taken) > mark:
                return True
            self._undo(mark)
        return False

    def _fill_bundle(self, b: int, where: BoolArray) -> bool:
        parts = [p for p, part in enumerate(self.gang.parts) if part.bundle == b]
        parts.sort(key=lambda p: (-self.gang.parts[p].demand.volume, -self.gang.parts[p].count, p))
        if not all(self._part(p, where) for p in parts):
            return False
        placed = sum(self._bundle(child, where) for child in self.gang.children(b))
        return placed >= self.gang.bundles[b].need

    def _scopes(self, b: int, where: BoolArray) -> Iterator[BoolArray]:
        """Where to try the bundle: its required domain, else the tightest domain that spares span charges."""
        always = [p for p, part in enumerate(self.gang.parts) if part.bundle == b and part.count]
        if b in self.within:
            yield from self._nested(self.within[b], where, always, b)
            return
        for partition in self.spans.get(b, ()):
            yield from self._domains(partition, where, always, b, most=3)
        yield where

    def _nested(self, partitions: list[int], where: BoolArray, always: list[int], b: int) -> Iterator[BoolArray]:
        """One domain of each of the partitions at once."""
        for scope in self._domains(partitions[0], where, always, b):
            if len(partitions) == 1:
                yield scope
            else:
                yield from self._nested(partitions[1:], scope, always, b)

    def _domains(
        self, partition: int, where: BoolArray, always: list[int], b: int, most: int | None = None
    ) -> Iterator[BoolArray]:
        labels = self.run.problem.partitions[partition]
        size = self.run.problem.domains(partition)
        fits = np.ones(size, np.bool_)
        price = np.zeros(size, np.float64)
        slack = np.zeros(size, np.float64)
        for p in always or self.gang.parts_of(b):
            part = self.gang.parts[p]
            room = np.where(where, self._room(p), 0)
            held = np.bincount(labels, np.minimum(room, part.count), minlength=size)
            if p in always:
                fits &= held >= max(part.min_count, 1)
            cheapest = np.full(size, _FAR, np.int64)
            open_ = room > 0
            np.minimum.at(cheapest, labels[open_], self.run.prices((self.item, p))[open_])
            price += np.where(cheapest < _FAR, cheapest, 0).astype(np.float64) * part.count
            slack += held
        found = np.flatnonzero(fits & (slack > 0))
        ranked = found[np.lexsort((found, slack[found], price[found]))]
        for domain in ranked[:most].tolist():
            yield where & (labels == domain)

    def _room(self, p: int) -> IntArray:
        return np.minimum(self.run.room(self.gang.parts[p].demand), self.run.alone[self.item, p])

    def _part(self, p: int, where: BoolArray) -> bool:
        part = self.gang.parts[p]
        if p in self.segments:
            return self._in_segments(p, where)
        placed = self._put(p, where, part.count)
        return placed >= part.min_count

    def _in_segments(self, p: int, where: BoolArray) -> bool:
        part, atom = self.gang.parts[p], self.segments[p]
        labels = self.run.problem.partitions[atom.partition]
        need = part.count
        while need:
            want = min(atom.size, need)
            room = np.where(where, self._room(p), 0)
            held = np.bincount(labels, np.minimum(room, want), minlength=self.run.problem.domains(atom.partition))
            ready = np.flatnonzero(held >= want)
            mark, done = len(self.taken), False
            for domain in ready[np.argsort(held[ready], kind="stable")].tolist():
                if self._put(p, where & (labels == domain), want) == want:
                    done = True
                    break
                self._undo(mark)
            if not done:
                break
            need -= want
        return part.count - need >= part.min_count

    def _put(self, p: int, where: BoolArray, want: int) -> int:
        """Put down up to `want` replicas, cheapest bins first; returns how many were."""
        key = (self.item, p)
        demand = self.gang.parts[p].demand
        room = np.where(where, self._room(p), 0)
        joints: list[Joint] = []
        for ledger in self.run.ledgers[self.item]:
            joints.extend(ledger.joints(key, self.local))
        for joint in joints:
            room = np.where(joint.labels >= 0, np.minimum(room, joint.room[joint.labels]), room)
        bins = np.flatnonzero(room > 0)
        if not bins.size:
            return 0
        cost = self.run.prices(key)[bins] + self.run.scarcity(bins, demand) + self.run.opening(bins)
        leftover = self.run.devices[bins].sum(axis=1)
        spread_out = np.minimum(room[bins], want)
        put = 0
        for index in np.lexsort((bins, leftover, -spread_out, cost)).tolist():
            bin_ = int(bins[index])
            amount = min(want - put, int(room[bin_]))
            for joint in joints:
                label = int(joint.labels[bin_])
                if label >= 0:
                    amount = min(amount, int(joint.room[label]))
            if amount > 0:
                self._take(p, bin_, demand, amount)
                put += amount
                for joint in joints:
                    label = int(joint.labels[bin_])
                    if label >= 0:
                        joint.room[label] -= amount
                if put == want:
                    break
        return put

    def _take(self, p: int, bin_: int, demand: Demand, amount: int) -> None:
        row = self.run.devices[bin_]
        held = self.local.setdefault(p, np.zeros(self.run.problem.bins.count, np.int64))
        for _ in range(amount):
            devices: tuple[tuple[int, int], ...] = ()
            if demand.milli:
                fits = np.flatnonzero(row >= demand.milli)
                device = int(fits[np.argmin(row[fits])])
                devices = ((device, demand.milli),)
            elif demand.devices:
                idle = np.flatnonzero(row == WHOLE)[: demand.devices]
                devices = tuple((int(d), WHOLE) for d in idle)
            for device, milli in devices:
                row[device] -= milli
            self.run.resources[bin_] -= np.array(demand.resources, np.int64)
            self.taken.append((p, Seat(bin_, devices)))
        held[bin_] += amount
        self.run.refresh(bin_)
