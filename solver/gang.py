"""One item being placed on the ground, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from solver.atoms.allow import Segments, Within
from solver.atoms.charge import SpanCharge
from solver.ground import Ground
from solver.items import IntArray
from solver.offer import FAR, Offer
from solver.plan import Plan, Seat
from solver.problem import Joint

__all__ = ["Gang"]

_TRIED = 3
"""Domains of one partition that are tried to spare a span charge."""
_POLL = 64
"""Bins filled between two looks at the clock."""

_WIDE = 2**62
"""Room where a limit does not apply."""

_Scope = IntArray | None
"""Bins that may be used, None for all."""


class Gang:
    """One item being placed; every step can be taken back. `kept` are seats per part that it keeps in any case."""

    def __init__(self, ground: Ground, item: int, kept: tuple[tuple[Seat, ...], ...] = ()) -> None:
        self.ground = ground
        self.item = item
        self.gang = ground.problem.items[item]
        self.own: list[Segments | Within] = []
        self.within: dict[int, list[int]] = {}
        self.segments: dict[int, Segments] = {}
        self.spans: dict[int, list[int]] = {}
        self.gathered: dict[int, dict[int, int]] = {}
        """bundle -> partition -> price of each further domain."""
        for a in ground.problem.own_atoms[item]:
            if isinstance(a, SpanCharge):
                if a.price_once:
                    self.spans.setdefault(a.bundle, []).append(a.partition)
            elif isinstance(a, Within):
                self.own.append(a)
                self.within.setdefault(a.bundle, []).append(a.partition)
            elif isinstance(a, Segments):
                self.own.append(a)
                self.segments[a.part] = a
            elif a.tier >= 0 and (found := a.gathers()) is not None:
                bundle, partition, price = found
                self.gathered.setdefault(bundle, {})[partition] = price
                if partition not in self.spans.setdefault(bundle, []):
                    self.spans[bundle].append(partition)
        for partitions in self.spans.values():
            partitions.sort(key=lambda p: -ground.sizes[p])
        self.local: dict[int, dict[int, int]] = {}
        self.taken: list[tuple[int, Seat]] = []
        self._filled = 0
        self._kept = [0] * len(self.gang.parts)
        for p, seats in enumerate(kept):
            self._kept[p] = len(seats)
            for seat in seats:
                ground.give(self.gang.parts[p].demand, seat, -1)
                self.taken.append((p, seat))
                held = self.local.setdefault(p, {})
                held[seat.bin] = held.get(seat.bin, 0) + 1

    def place(self) -> tuple[tuple[Seat, ...], ...] | None:
        """The seats of all parts, settled on the ground; None (and nothing taken) if no place is found."""
        if not self._bundle(0, None):
            self._undo(0)
            return None
        seats = self._seats()
        if any(atom.violations(self.ground.problem, Plan({self.item: seats})) for atom in self.own):
            self._undo(0)
            return None
        self.ground.settle(self.item, seats, taken=True)
        return seats

    def _seats(self) -> tuple[tuple[Seat, ...], ...]:
        by_part: list[list[Seat]] = [[] for _ in self.gang.parts]
        for p, seat in self.taken:
            by_part[p].append(seat)
        return tuple(tuple(sorted(seats)) for seats in by_part)

    def _undo(self, mark: int) -> None:
        while len(self.taken) > mark:
            p, seat = self.taken.pop()
            self.ground.give(self.gang.parts[p].demand, seat)
            self.local[p][seat.bin] -= 1

    def _bundle(self, b: int, where: _Scope) -> bool:
        for scope in self._scopes(b, where):
            mark = len(self.taken)
            if self._fill_bundle(b, scope) and (
                len(self.taken) > mark or any(self._kept[p] for p in self.gang.parts_of(b))
            ):
                return True
            self._undo(mark)
        return False

    def _fill_bundle(self, b: int, where: _Scope) -> bool:
        parts = [p for p, part in enumerate(self.gang.parts) if part.bundle == b]
        parts.sort(key=lambda p: (-self.gang.parts[p].demand.volume, -self.gang.parts[p].count, p))
        if not all(self._part(p, where) for p in parts):
            return False
        placed = sum(self._bundle(child, where) for child in self.gang.children(b))
        return placed >= self.gang.bundles[b].need

    def _scopes(self, b: int, where: _Scope) -> Iterator[_Scope]:
        """Where to try the bundle: its required domain, else the tightest domain that spares span charges."""
        always = [p for p, part in enumerate(self.gang.parts) if part.bundle == b and part.count]
        if b in self.within:
            yield from self._nested(self.within[b], where, always, b)
            return
        alone = sum(part.count for part in self.gang.parts) <= 1
        for partition in () if alone else self.spans.get(b, ()):
            yield from self._domains(partition, where, always, b, most=_TRIED)
        yield where

    def _nested(self, partitions: list[int], where: _Scope, always: list[int], b: int) -> Iterator[_Scope]:
        """One domain of each of the partitions at once."""
        for scope in self._domains(partitions[0], where, always, b):
            if len(partitions) == 1:
                yield scope
            else:
                yield from self._nested(partitions[1:], scope, always, b)

    def _domains(
        self, partition: int, where: _Scope, always: list[int], b: int, most: int | None = None
    ) -> Iterator[_Scope]:
        labels, size = self.ground.problem.partitions[partition], self.ground.sizes[partition]
        asked = always or list(self.gang.parts_of(b))
        helds: list[IntArray] = []
        found: IntArray | None = None
        for p in asked:
            part = self.gang.parts[p]
            held = self._held(p, partition, where)
            helds.append(held)
            if always:
                # A span is not spared at the cost of replicas; where one domain is required, few are better than none.
                least = part.count if most is not None else max(part.min_count, 1)
                found = np.flatnonzero(held >= least) if found is None else found[held[found] >= least]
                if not found.size:
                    return
        if found is None:
            found = np.flatnonzero(np.logical_or.reduce([held > 0 for held in helds])) if helds else np.arange(0)
        price = np.zeros(found.size, np.float64)
        slack, missing = np.zeros(found.size, np.int64), np.zeros(found.size, np.int64)
        for p, held in zip(asked, helds, strict=True):
            count = self.gang.parts[p].count
            missing += np.maximum(count - held[found], 0)
            low = self._low(p, partition, where)[found]
            price += np.where(low < FAR, low, 0) * float(count)
            slack += (held if where is not None else self._offer(p).held(labels, size))[found]
        if most is not None and found.size > 8 * most:
            near = price <= np.partition(price, most - 1)[most - 1]
            if np.count_nonzero(near) > 8 * most:
                near &= slack <= np.partition(slack[near], most - 1)[most - 1]
            found, price, slack, missing = found[near], price[near], slack[near], missing[near]
        order = np.lexsort((found, slack, price, missing))
        for domain in found[order][:most].tolist():
            if where is None:
                members = self.ground.members(partition)[domain]
                yield members[members >= 0]
            else:
                yield where[labels[where] == domain]

    def _held(self, p: int, partition: int, where: _Scope) -> IntArray:
        """Room (at most) of every domain inside the scope."""
        offer, size = self._offer(p), self.ground.sizes[partition]
        labels = self.ground.problem.partitions[partition]
        if where is not None:
            places = offer.places(where)
            groups = labels[offer.bins[places]]
            return np.bincount(groups, offer.room[places], minlength=size).astype(np.int64)
        held = offer.held(labels, size)[:size]
        for joint in self._joints(p):
            # What a limit takes away: in groups that lie in one domain each, or in domains inside one group.
            home, group = self.ground.nesting(joint.labels, partition)
            if home is not None:
                lost = offer.held(joint.labels, joint.room.size)[:-1] - joint.room
                over = np.flatnonzero(lost > 0)
                held = held - np.bincount(home[over], lost[over], minlength=size).astype(np.int64)
            else:
                held = np.where(group >= 0, np.minimum(held, joint.room[group]), held)
        return held

    def _low(self, p: int, partition: int, where: _Scope) -> IntArray:
        """Cost of the cheapest seat of every domain inside the scope."""
        offer = self._offer(p)
        if where is None:
            return offer.low(partition)
        places = offer.places(where)
        low = np.full(self.ground.sizes[partition], FAR, np.int64)
        np.minimum.at(low, self.ground.problem.partitions[partition][offer.bins[places]], offer.cost[places])
        return low

    def _joints(self, p: int) -> list[Joint]:
        """Limits on where further replicas of a part may go."""
        found: list[Joint] = []
        for ledger in self.ground.ledgers[self.item]:
            found.extend(ledger.joints((self.item, p), self.local))
        return found

    def _offer(self, p: int) -> Offer:
        return self.ground.offer((self.item, p))

    def _part(self, p: int, where: _Scope) -> bool:
        part = self.gang.parts[p]
        if p in self.segments:
            return self._in_segments(p, where)
        prices = self.gathered.get(part.bundle, {})
        partitions = tuple(sorted(prices, key=lambda one: self.ground.sizes[one]))
        kept = self._kept[p]
        return kept + self._gather(p, where, part.count - kept, partitions, prices) >= part.min_count

    def _gather(self, p: int, where: _Scope, want: int, partitions: tuple[int, ...], prices: Mapping[int, int]) -> int:
        """Put down up to `want` replicas in few domains of each of the partitions (coarse to fine).

        Domain by domain: the one with the least price per replica, that of the domain itself included; among equal
        ones the one with the least room, so that the last replicas go where they fit tightest.
        """
        if not partitions:
            return self._put(p, where, want)
        partition, put = partitions[0], 0
        labels = self.ground.problem.partitions[partition]
        closed = np.zeros(self.ground.sizes[partition], np.bool_)
        while put < want:
            held = self._held(p, partition, where)
            found = np.flatnonzero((held > 0) & ~closed)
            if not found.size:
                break
            most = np.minimum(held[found], want - put)
            each = self._low(p, partition, where)[found] + prices[partition] / most
            domain = int(found[np.lexsort((found, held[found], each))[0]])
            if where is None:
                members = self.ground.members(partition)[domain]
                inside = members[members >= 0]
            else:
                inside = where[labels[where] == domain]
            put += self._gather(p, inside, min(want - put, int(held[domain])), partitions[1:], prices)
            closed[domain] = True
            if self.ground.expired():
                break
        return put

    def _in_segments(self, p: int, where: _Scope) -> bool:
        part, atom = self.gang.parts[p], self.segments[p]
        labels = self.ground.problem.partitions[atom.partition]
        need = part.count - self._kept[p]
        while need:
            want = min(atom.size, need)
            held = self._held(p, atom.partition, where)
            ready = np.flatnonzero(held >= want)
            mark, done = len(self.taken), False
            for domain in ready[np.argsort(held[ready], kind="stable")].tolist():
                if where is None:
                    members = self.ground.members(atom.partition)[domain]
                    inside = members[members >= 0]
                else:
                    inside = where[labels[where] == domain]
                if self._put(p, inside, want) == want:
                    done = True
                    break
                self._undo(mark)
            if not done:
                break
            need -= want
        return part.count - need >= part.min_count

    def _put(self, p: int, where: _Scope, want: int) -> int:
        """Put down up to `want` replicas, cheapest bins first; returns how many were."""
        demand = self.gang.parts[p].demand
        joints = self._joints(p)
        put = 0
        for bins, rooms in self._best_first(self._offer(p), where, want, joints):
            for bin_, room in zip(bins.tolist(), rooms.tolist(), strict=True):
                amount: int = min(want - put, room, *(_left(joint, bin_) for joint in joints))
                if amount <= 0:
                    continue
                self.taken += [(p, seat) for seat in self.ground.take(demand, bin_, amount)]
                held = self.local.setdefault(p, {})
                held[bin_] = held.get(bin_, 0) + amount
                put += amount
                for joint in joints:
                    if joint.labels[bin_] >= 0:
                        joint.room[joint.labels[bin_]] -= amount
                self._filled += 1
                if put == want or (self._filled % _POLL == 0 and self.ground.expired()):
                    return put
        return put

    def _best_first(
        self, offer: Offer, where: _Scope, want: int, joints: list[Joint]
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Bins with room and how many replicas they take, best first: cheapest, then most at once, then fullest."""
        places = np.flatnonzero(offer.room) if where is None else offer.places(where)
        if not places.size:
            return
        bins, rooms, cost = offer.bins[places], offer.room[places], offer.cost[places]
        for joint in joints:
            labels = joint.labels[bins]
            rooms = np.where(labels >= 0, np.minimum(rooms, joint.room[labels]), rooms)
        if joints:
            open_ = rooms > 0
            bins, rooms, cost = bins[open_], rooms[open_], cost[open_]
            if not bins.size:
                return
        leftover = self.ground.milli[bins]
        spread = np.minimum(rooms, want)
        few = 2 * want + 16
        if bins.size > 4 * few:
            # Nearly always the first few are enough; sorting all is for when they are not.
            level = np.partition(cost, few)[few]
            close = np.flatnonzero(cost <= level)
            if close.size > 2 * few:
                ties = close[cost[close] == level]
                rank = ((want - spread[ties]) * (int(leftover.max()) + 1) + leftover[ties]).astype(np.float64)
                ties = ties[np.argpartition(rank, few)[: few + 1]]
                close = np.concatenate([close[cost[close] < level], ties])
            order = close[np.lexsort((bins[close], leftover[close], -spread[close], cost[close]))]
            yield bins[order], rooms[order]
            kept = np.ones(bins.size, np.bool_)
            kept[order] = False
            bins, rooms, cost, leftover, spread = bins[kept], rooms[kept], cost[kept], leftover[kept], spread[kept]
        order = np.lexsort((bins, leftover, -spread, cost))
        yield bins[order], rooms[order]


def _left(joint: Joint, bin_: int) -> int:
    label = int(joint.labels[bin_])
    return _WIDE if label < 0 else int(joint.room[label])
