"""Caps: one resource limited in many disjoint groups of bins at once (a share per group, kept as arrays)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.chunks import load, supply_per_bin
from solver.items import Demand, IntArray, PartKey
from solver.plan import Plan
from solver.problem import Atom, Counts, Encoding, Joint, Ledger, Problem, Violation

__all__ = ["Caps"]

_PLENTY = 2**40


@dataclass(frozen=True, eq=False)
class Caps(Atom):
    """In every group g: base[g] + sum of use[(item, part)][g] per replica in its bins <= limit[g].

    `labels` int64[N] is the group of each bin, -1 for none; `names`, `base`, `limit` and each use are of length G.
    Uses are not negative. A base above its limit may stay (hold), but takes nothing more.
    """

    rule: str
    names: tuple[str, ...]
    labels: IntArray
    use: Mapping[PartKey, IntArray]
    base: IntArray
    limit: IntArray
    tier: int = -1

    def items(self) -> Iterable[int]:
        """The users."""
        return sorted({i for i, _ in self.use})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        use = {(new[i], p): u for (i, p), u in self.use.items() if i in new}
        return replace(self, use=use) if use else None

    def validate(self, problem: Problem) -> None:
        """Uses are not negative, and all groups are described."""
        size = len(self.names)
        sizes = {self.base.size, self.limit.size, *(use.size for use in self.use.values())}
        if sizes - {size} or self.labels.size != problem.bins.count or int(self.labels.max(initial=-1)) >= size:
            raise ValueError(f"{self.rule}: names, base, limit, uses and labels must speak of the same groups")
        if min((problem.lowest(use) for use in self.use.values()), default=0) < 0 or self.tier >= 0:
            raise ValueError(f"{self.rule}: uses are not negative, and caps have no price")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The groups."""
        yield self.labels

    def left(self) -> IntArray:
        """What is left in each group, int64[G]."""
        left: IntArray = np.maximum(self.limit - self.base, 0)
        return left

    def loads(self, plan: Plan) -> IntArray:
        """What a plan adds in each group, int64[G]."""
        total = np.zeros(self.base.size, np.int64)
        for item, parts in plan.seats.items():
            for p, seats in enumerate(parts):
                use = self.use.get((item, p))
                for seat in seats if use is not None else ():
                    group = int(self.labels[seat.bin])
                    if use is not None and group >= 0:
                        total[group] += use[group]
        return total

    def encode(self, into: Encoding) -> None:
        """A row per group that could be exceeded, with rounding cuts; sums where cells mix groups."""
        groups = [self._group(members) for members in into.members]
        least: list[dict[int, int]] = [{} for _ in groups]
        """By cell, where it mixes groups: the least that a use takes there, by the use's identity."""
        rows: dict[int, list[tuple[int, int, int]]] = {}
        mixed: list[tuple[int, int, int]] = []
        for key, use in self.use.items():
            for cell, col in into.counts(key).items():
                group = groups[cell]
                if isinstance(group, int):
                    if group >= 0 and use[group]:
                        rows.setdefault(group, []).append((col, int(use[group]), into.most(key, cell)))
                else:
                    if id(use) not in least[cell]:
                        least[cell][id(use)] = int(use[group].min())
                    if least[cell][id(use)]:
                        mixed.append((col, least[cell][id(use)], into.most(key, cell)))
        left = self.left().tolist()
        for group, terms in rows.items():
            into.model.begin(self, about=self.names[group])
            into.model.capped(terms, left[group])
        self._chunks(into)
        if mixed:
            into.model.begin(self)
            spanned = np.unique(np.concatenate([g for g in groups if not isinstance(g, int)]))
            into.model.capped(mixed, sum(left[g] for g in spanned.tolist()))

    def _chunks(self, into: Encoding) -> None:
        """Where a cell mixes groups: chunk rows that count no more in each group than its limit lets it hold.

        If every replica with load(k, s) chunks of size s takes at least load(k, s) x u in a group, then the group's
        replicas hold at most left / u such chunks, whatever is free; so the supply of the cell's chunk row may be cut
        down to that, group by group. A sum of limits alone would let a large replica use a little of each.
        """
        left = self.left()
        inside_of: list[list[tuple[PartKey, Demand]]] = [[] for _ in into.members]
        for key, part in into.problem.parts():
            for cell in into.counts(key):
                inside_of[cell].append((key, part.demand))
        for cell, members in enumerate(into.members):
            labels = self.labels[members]
            if not labels.size or int(labels.max()) < 0 or int(labels.min()) == int(labels.max()):
                continue
            here = inside_of[cell]
            demands = list(dict.fromkeys(demand for _, demand in here))
            number = {demand: place for place, demand in enumerate(demands)}
            asked = [number[demand] for _, demand in here]
            cols = [into.counts(key)[cell] for key, _ in here]
            uses = [self.use.get(key) for key, _ in here]
            # Very many parts, few different pairs of what they take and what they use.
            pairs = {(place, id(use)): use for place, use in zip(asked, uses, strict=True)}
            devices = into.problem.bins.devices[members]
            for size in sorted({d.volume for d in demands if d.volume}):
                loads = [load(demand, size) for demand in demands]
                takers = {(id(use), loads[place]): use for (place, _), use in pairs.items() if loads[place]}
                known = [(use, n) for (_, n), use in takers.items() if use is not None]
                if len(known) < len(takers):
                    continue
                most = np.zeros(left.size, np.int64)
                for use, n in known:
                    most = np.maximum(most, np.where(use > 0, n * left // np.maximum(use, 1), _PLENTY))
                free = supply_per_bin(devices, size)
                inside = labels >= 0
                held = np.bincount(labels[inside], free[inside], minlength=left.size).astype(np.int64)
                amount = int(np.minimum(held, most).sum()) + int(free[~inside].sum())
                if amount < int(free.sum()):
                    each = [loads[place] for place in asked]
                    into.model.begin(self, members, size)
                    columns = [col for col, n in zip(cols, each, strict=True) if n]
                    into.model.row(columns, [n for n in each if n], hi=amount)

    def _group(self, members: IntArray) -> int | IntArray:
        """The one group of a cell (-1 also if some of its bins are in none), or all its groups."""
        found = np.unique(self.labels[members])
        if found.size == 1 or int(found[0]) < 0:
            return int(found[0]) if found.size == 1 else -1
        return found

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """The fixed items' use becomes base."""
        yield replace(self, base=self.base + self.loads(fixed))

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Groups above their limit that the base does not explain."""
        added = self.loads(plan)
        over = np.flatnonzero((added > 0) & (self.base + added > np.maximum(self.limit, self.base)))
        found = []
        for group in over.tolist():
            who = {
                item
                for item, parts in plan.seats.items()
                if any(self.labels[seat.bin] == group for seats in parts for seat in seats)
            }
            load, limit = int(self.base[group] + added[group]), int(self.limit[group])
            found.append(
                Violation(self.rule, tuple(sorted(who)), f"{self.names[group]}: load {load} above the limit {limit}")
            )
        return found

    def ledger(self, problem: Problem) -> Ledger | None:
        """Remaining load per group."""
        return _CapsLedger(self)


class _CapsLedger:
    def __init__(self, atom: Caps) -> None:
        self._atom = atom
        self._left = atom.left()
        self._room: dict[int, tuple[IntArray, int]] = {}
        """Room for each use, and how many of the changes it knows."""
        self._changed: list[int] = []

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        use = self._atom.use.get(key)
        if use is None:
            return []
        room = self._rooms(use)
        spent = self._spent(key[0], local) if local else None
        if spent:
            groups = np.fromiter(spent, np.int64, len(spent))
            left = self._left[groups] - np.fromiter(spent.values(), np.int64, len(spent))
            room = room.copy()
            room[groups] = _replicas(left, use[groups])
        return [Joint(self._atom.labels, room)]

    def _rooms(self, use: IntArray) -> IntArray:
        room, seen = self._room.get(id(use), (None, 0))
        changed = len(self._changed)
        if room is None or changed - seen > 8 + self._left.size // 8:
            room = _replicas(self._left, use)
        elif seen < changed:
            groups = np.array(self._changed[seen:], np.int64)
            room[groups] = _replicas(self._left[groups], use[groups])
        self._room[id(use)] = room, changed
        return room

    def _spent(self, item: int, counts: Counts) -> dict[int, int]:
        """What counts of an item use of every group that they touch."""
        labels, spent = self._atom.labels, dict[int, int]()
        for p, held in counts.items():
            use = self._atom.use.get((item, p))
            for b, n in held.items() if use is not None else ():
                group = int(labels[b])
                if group >= 0 and n and use is not None:
                    spent[group] = spent.get(group, 0) + n * int(use[group])
        return spent

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        for group, amount in self._spent(item, counts).items():
            self._left[group] -= times * amount
            self._changed.append(group)


def _replicas(left: IntArray, use: IntArray) -> IntArray:
    """How many replicas of that use each group's rest holds."""
    found: IntArray = np.where(use > 0, np.maximum(left, 0) // np.maximum(use, 1), _PLENTY)
    return found
