"""One item being placed on the ground, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from solver.choice import best_first
from solver.ground import Ground
from solver.items import IntArray
from solver.offer import FAR, Grouping, Offer
from solver.plan import Plan, Seat
from solver.problem import Joint
from solver.sheet import sheet_of

__all__ = ["Gang"]

_TRIED = 3
"""Domains of one partition that are tried to spare a span charge."""
_POLL = 64
"""Bins filled between two looks at the clock."""


@dataclass(slots=True)
class _Scope:
    """Bins that may be used: all of a domain, or the `listed` ones of it."""

    labels: IntArray
    domain: int
    listed: IntArray | None = None

    def inside(self, labels: IntArray, domain: int) -> _Scope:
        """Those of the bins that lie in another domain too."""
        bins = np.flatnonzero(self.labels == self.domain) if self.listed is None else self.listed
        return _Scope(labels, domain, bins[labels[bins] == domain])

    def places(self, offer: Offer) -> IntArray:
        """Positions with room."""
        return offer.places_in(self.labels, self.domain) if self.listed is None else offer.places(self.listed)


_Where = _Scope | None
"""None: all bins."""


class Gang:
    """One item being placed; every step can be taken back. `kept` are seats per part that it keeps in any case."""

    def __init__(self, ground: Ground, item: int, kept: tuple[tuple[Seat, ...], ...] = ()) -> None:
        self.ground = ground
        self.item = item
        self.gang = ground.problem.items[item]
        self.sheet = sheet_of(ground.problem, item)
        self.local: dict[int, dict[int, int]] = {}
        self.taken: list[tuple[int, Seat]] = []
        self._steps = 0
        """Changes to what is taken."""
        self._known: dict[int, tuple[int, list[Joint]]] = {}
        self._filled = 0
        self._kept = [0] * len(self.gang.parts)
        for p, seats in enumerate(kept):
            self._kept[p] = len(seats)
            for seat in seats:
                ground.free.give(self.gang.parts[p].demand, seat, -1)
                self.taken.append((p, seat))
                held = self.local.setdefault(p, {})
                held[seat.bin] = held.get(seat.bin, 0) + 1

    def place(self) -> tuple[tuple[Seat, ...], ...] | None:
        """The seats of all parts, settled on the ground; None (and nothing taken) if no place is found."""
        if not self._bundle(0, None):
            self._undo(0)
            return None
        seats = self._seats()
        if self.sheet.shapes:
            plan = Plan({self.item: seats})
            if any(atom.violations(self.ground.problem, plan) for atom in self.sheet.shapes):
                self._undo(0)
                return None
        self.ground.settle(self.item, seats, taken=True)
        return seats

    def _seats(self) -> tuple[tuple[Seat, ...], ...]:
        by_part: list[list[Seat]] = [[] for _ in self.gang.parts]
        for p, seat in self.taken:
            by_part[p].append(seat)
        return tuple(tuple(sorted(seats, key=_order)) for seats in by_part)

    def _undo(self, mark: int) -> None:
        self._steps += 1
        while len(self.taken) > mark:
            p, seat = self.taken.pop()
            self.ground.free.give(self.gang.parts[p].demand, seat)
            held = self.local[p]
            held[seat.bin] -= 1
            if not held[seat.bin]:
                del held[seat.bin]

    def _bundle(self, b: int, where: _Where) -> bool:
        for scope in self._scopes(b, where):
            mark = len(self.taken)
            if self._fill_bundle(b, scope) and (
                len(self.taken) > mark or any(self._kept[p] for p in self.gang.parts_of(b))
            ):
                return True
            self._undo(mark)
        return False

    def _fill_bundle(self, b: int, where: _Where) -> bool:
        if len(self.gang.parts) == 1 == len(self.gang.bundles) and not self.gang.bundles[0].need:
            return self._part(0, where)
        parts = [p for p, part in enumerate(self.gang.parts) if part.bundle == b]
        parts.sort(key=lambda p: (-self.gang.parts[p].demand.volume, -self.gang.parts[p].count, p))
        if not all(self._part(p, where) for p in parts):
            return False
        placed = sum(self._bundle(child, where) for child in self.gang.children(b))
        return placed >= self.gang.bundles[b].need

    def _scopes(self, b: int, where: _Where) -> Iterator[_Where]:
        """Where to try the bundle: its required domain, else the tightest domain that spares span charges.

        With seats that it keeps: around them.
        """
        sheet = self.sheet
        if any(self._kept) and any(self._kept[p] for p in self.gang.parts_of(b)):
            yield from self._around_kept(b, where)
            return
        if b in sheet.within:
            yield from self._nested(sheet.within[b], where, self._always(b), b)
            return
        spans = sheet.spans.get(b)
        if spans and sum(part.count for part in self.gang.parts) > 1:
            always = self._always(b)
            for partition in spans:
                yield from self._domains(partition, where, always, b, most=_TRIED)
        yield where

    def _around_kept(self, b: int, where: _Where) -> Iterator[_Where]:
        """The domain of the kept seats: for a required one only that, else before all bins, where it has room."""
        bins = [seat.bin for p, seat in self.taken if p in self.gang.parts_of(b)]
        required = self.sheet.within.get(b)
        for partition in required or self.sheet.spans.get(b) or ():
            labels = self.ground.problem.partitions[partition]
            here = {int(labels[bin_]) for bin_ in bins}
            inside = self._inside(where, partition, here.pop()) if len(here) == 1 else None
            if inside is None:
                continue
            if required:
                where = inside
            elif all(self._roomy(p, inside) for p in self._always(b)):
                yield inside
        yield where

    def _roomy(self, p: int, where: _Scope) -> bool:
        """Whether the scope has room for all that is missing of a part, limits left aside."""
        missing = self.gang.parts[p].count - self._kept[p]
        return missing <= 0 or int((offer := self._offer(p)).room[where.places(offer)].sum()) >= missing

    def _always(self, b: int) -> list[int]:
        return [p for p, part in enumerate(self.gang.parts) if part.bundle == b and part.count]

    def _nested(self, partitions: list[int], where: _Where, always: list[int], b: int) -> Iterator[_Where]:
        """One domain of each of the partitions at once."""
        for scope in self._domains(partitions[0], where, always, b):
            if len(partitions) == 1:
                yield scope
            else:
                yield from self._nested(partitions[1:], scope, always, b)

    def _domains(
        self, partition: int, where: _Where, always: list[int], b: int, most: int | None = None
    ) -> Iterator[_Where]:
        """Domains that hold the bundle, the best first, at most so many: least missing, cheapest, tightest."""
        ranked: Iterable[int]
        if where is None and len(always) == 1:
            ranked = self._ranked_alone(always[0], partition, most)
        else:
            ranked = self._ranked(partition, where, always, b, most)
        for domain in ranked:
            yield self._inside(where, partition, domain)

    def _inside(self, where: _Where, partition: int, domain: int) -> _Scope:
        labels = self.ground.problem.partitions[partition]
        return _Scope(labels, domain) if where is None else where.inside(labels, domain)

    def _ranked_alone(self, p: int, partition: int, most: int | None) -> Iterator[int]:
        """As `_ranked` for one part on all bins: nothing is computed for domains that cannot hold it."""
        part, labels = self.gang.parts[p], self.ground.problem.partitions[partition]
        offer = self._offer(p)
        held = offer.held(labels)
        # A span is not spared at the cost of replicas; where one domain is required, few are better than none.
        least = part.count if most is not None else max(part.min_count, 1)
        found = (held >= least).nonzero()[0]
        if not found.size:
            return
        names = offer.stock.grouping(labels).names
        room = self._limited(p, partition, names[found], held[found], offer)
        ready = room >= least
        if not ready.all():
            found, room = found[ready], room[ready]
            if not found.size:
                return
        low, slack = offer.low(labels)[found], held[found]
        first = -1
        if most is not None:
            # Nearly always the first one will do.
            cheap = (low == np.minimum.reduce(low)).nonzero()[0]
            first = int(cheap[slack[cheap].argmin()])
            yield int(names[found[first]])
        order = np.lexsort((found, slack, low, np.maximum(part.count - room, 0)))[:most]
        for row in order.tolist():
            if row != first:
                yield int(names[found[row]])

    def _ranked(self, partition: int, where: _Where, always: list[int], b: int, most: int | None) -> Iterable[int]:
        size = self.ground.sizes[partition]
        asked = always or list(self.gang.parts_of(b))
        found: IntArray | None = None
        missing, slack, price = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.float64)
        some = np.zeros(size, np.bool_)
        for p in asked:
            part = self.gang.parts[p]
            offer, names, free = self._reach(p, partition, where)
            low = self._low(offer, partition, where)
            held = np.zeros(size, np.int64)
            held[names] = self._limited(p, partition, names, free, offer) if where is None else free
            slack[names] += free
            price[names] += np.where(low < FAR, low, 0) * float(part.count)
            missing += np.maximum(part.count - held, 0)
            some |= held > 0
            if always:
                least = part.count if most is not None else max(part.min_count, 1)
                found = np.flatnonzero(held >= least) if found is None else found[held[found] >= least]
                if not found.size:
                    return ()
        if found is None:
            found = np.flatnonzero(some)
        order: list[int] = found[np.lexsort((found, slack[found], price[found], missing[found]))][:most].tolist()
        return order

    def _reach(self, p: int, partition: int, where: _Where) -> tuple[Offer, IntArray, IntArray]:
        """Domains with bins for a part inside the scope, and their room."""
        offer, labels = self._offer(p), self.ground.problem.partitions[partition]
        if where is None:
            return offer, offer.stock.grouping(labels).names, offer.held(labels)
        places = where.places(offer)
        group = Grouping(labels[offer.bins[places]])
        return offer, group.names, group.sums(offer.room[places])

    def _low(self, offer: Offer, partition: int, where: _Where) -> IntArray:
        """Cost of the cheapest seat in each of the domains of `_reach`."""
        labels = self.ground.problem.partitions[partition]
        if where is None:
            return offer.low(labels)
        places = where.places(offer)
        return Grouping(labels[offer.bins[places]]).least(offer.cost[places])

    def _limited(self, p: int, partition: int, domains: IntArray, held: IntArray, offer: Offer | None) -> IntArray:
        """Room of some domains, less what limits take away: in all of a group that a domain lies in.

        With the `offer`: held is all that it has there, and groups inside one domain each count too.
        """
        for joint in self._joints(p):
            if joint.everywhere:
                held = np.minimum(held, joint.room[0])
                continue
            home, group = self.ground.nesting(joint.labels, partition)
            if home is None or offer is None:
                over = group[domains]
                held = np.where(over >= 0, np.minimum(held, joint.room[over]), held)
                continue
            groups, there = offer.stock.grouping(joint.labels).names, offer.held(joint.labels)
            lost = np.where(groups >= 0, there - joint.room[groups], 0)
            short = np.flatnonzero(lost > 0)
            if short.size:
                missed = np.bincount(home[groups[short]], lost[short], minlength=self.ground.sizes[partition])
                held = held - missed[domains].astype(np.int64)
        return held

    def _joints(self, p: int) -> list[Joint]:
        """Limits on where further replicas of a part may go."""
        steps, found = self._known.get(p, (-1, []))
        if steps != self._steps:
            key, local = (self.item, p), self.local
            found = [joint for ledger in self.ground.ledgers[self.item] for joint in ledger.joints(key, local)]
            self._known[p] = self._steps, found
        return found

    def _offer(self, p: int) -> Offer:
        return self.ground.offer((self.item, p))

    def _part(self, p: int, where: _Where) -> bool:
        part = self.gang.parts[p]
        if p in self.sheet.segments:
            return self._in_segments(p, where)
        kept, prices = self._kept[p], self.sheet.gathered.get(part.bundle)
        if prices is None:
            return kept + self._put(p, where, part.count - kept) >= part.min_count
        partitions = tuple(sorted(prices, key=lambda one: self.ground.sizes[one]))
        return kept + self._gather(p, where, part.count - kept, partitions, prices) >= part.min_count

    def _gather(self, p: int, where: _Where, want: int, partitions: tuple[int, ...], prices: Mapping[int, int]) -> int:
        """Put down up to `want` replicas in few domains of each of the partitions (coarse to fine).

        Domain by domain: the one with the least price per replica, that of the domain itself included; among equal
        ones the one with the least room, so that the last replicas go where they fit tightest.
        """
        if not partitions:
            return self._put(p, where, want)
        partition, put = partitions[0], 0
        closed: set[int] = set()
        while put < want:
            offer, names, free = self._reach(p, partition, where)
            low = self._low(offer, partition, where)
            held = self._limited(p, partition, names, free, offer) if where is None else free
            found = np.flatnonzero((held > 0) & ~np.isin(names, list(closed)))
            if not found.size:
                break
            most = np.minimum(held[found], want - put)
            each = low[found] + prices[partition] / most
            row = int(found[np.lexsort((found, held[found], each))[0]])
            domain = int(names[row])
            inside = self._inside(where, partition, domain)
            put += self._gather(p, inside, min(want - put, int(held[row])), partitions[1:], prices)
            closed.add(domain)
            if self.ground.expired():
                break
        return put

    def _in_segments(self, p: int, where: _Where) -> bool:
        part, atom = self.gang.parts[p], self.sheet.segments[p]
        need = part.count - self._kept[p]
        offer, names, known = self._reach(p, atom.partition, where)
        free = known.copy()
        most = int((free // atom.size).sum()) * atom.size + need % atom.size
        if self._kept[p] + most < part.min_count:
            return False
        while need:
            want = min(atom.size, need)
            wide = np.flatnonzero(free >= want)
            room = self._limited(p, atom.partition, names[wide], free[wide], offer if where is None else None)
            ready = np.flatnonzero(room >= want)
            held = room if where is None else free[wide]
            mark, done = len(self.taken), False
            for row in wide[ready[np.argsort(held[ready], kind="stable")]].tolist():
                inside = self._inside(where, atom.partition, int(names[row]))
                if self._put(p, inside, want) == want:
                    # What is put down here changes no other domain.
                    now = self._offer(p)
                    free[row] = now.room[inside.places(now)].sum()
                    done = True
                    break
                self._undo(mark)
            if not done:
                break
            need -= want
        return part.count - need >= part.min_count

    def _put(self, p: int, where: _Where, want: int) -> int:
        """Put down up to `want` replicas, cheapest bins first; returns how many were."""
        demand, joints = self.gang.parts[p].demand, []
        for joint in self._joints(p):
            if joint.everywhere:
                want = min(want, int(joint.room[0]))
            else:
                joints.append(joint)
        if want <= 0:
            return 0
        put, offer = 0, self._offer(p)
        used: list[dict[int, int]] = [{} for _ in joints]
        for bin_, room in best_first(offer, None if where is None else where.places(offer), want, joints):
            amount, limits = min(want - put, room), []
            for joint, spent in zip(joints, used, strict=True):
                label = int(joint.labels[bin_])
                if label >= 0:
                    amount = min(amount, int(joint.room[label]) - spent.get(label, 0))
                    limits.append((spent, label))
            if amount <= 0:
                continue
            self.taken += [(p, seat) for seat in self.ground.free.take(demand, bin_, amount)]
            self._steps += 1
            held = self.local.setdefault(p, {})
            held[bin_] = held.get(bin_, 0) + amount
            put += amount
            for spent, label in limits:
                spent[label] = spent.get(label, 0) + amount
            self._filled += 1
            if put == want or (self._filled % _POLL == 0 and self.ground.expired()):
                break
        return put


def _order(seat: Seat) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The order of seats, as a key: far faster than to compare them one with another."""
    return seat.bin, seat.devices
