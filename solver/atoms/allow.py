"""Allow: where the pieces of one item may sit, alone or relative to each other. No cost, exact for every engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from solver.items import BoolArray, IntArray, PartKey
from solver.plan import Plan
from solver.problem import Encoding, ItemAtom, Problem, Violation

__all__ = ["Allow", "Segments", "Within"]


@dataclass(frozen=True, eq=False)
class Allow(ItemAtom):
    """A part may sit only in the bins of `bins` bool[N]."""

    rule: str
    item: int
    part: int
    bins: BoolArray
    tier: int = field(default=-1, init=False)

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The mask."""
        yield self.bins.astype(np.int64)

    def mask(self, key: PartKey) -> BoolArray | None:
        """The mask, for its own part."""
        return self.bins if key == (self.item, self.part) else None

    def encode(self, into: Encoding) -> None:
        """Nothing: forbidden cells have no column."""

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Seats outside the mask."""
        if not plan.placed(self.item):
            return []
        bad = sorted(b for b in plan.bins_of((self.item, self.part)) if not self.bins[b])
        if not bad:
            return []
        part = problem.items[self.item].parts[self.part].name
        return [Violation(self.rule, (self.item,), f"part {part} sits in bins it may not use: {bad[:5]}")]


@dataclass(frozen=True)
class Within(ItemAtom):
    """All replicas of a bundle's subtree sit in one domain of a partition."""

    rule: str
    item: int
    bundle: int
    partition: int
    tier: int = field(default=-1, init=False)

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def encode(self, into: Encoding) -> None:
        """One home for the bundle."""
        into.home(self.item, self.bundle, self.partition, may_span=False)

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """A subtree in more than one domain."""
        labels = problem.partitions[self.partition]
        parts = problem.items[self.item].parts_of(self.bundle)
        found = {int(labels[b]) for p in parts for b in plan.bins_of((self.item, p))}
        if len(found) <= 1:
            return []
        name = problem.items[self.item].bundles[self.bundle].name
        return [Violation(self.rule, (self.item,), f"bundle {name} lies in {len(found)} domains, one is required")]


@dataclass(frozen=True)
class Segments(ItemAtom):
    """A part's replicas come in segments of `size`, each inside one domain; at most one smaller segment holds the rest.

    So in all domains but at most one the number of replicas is a multiple of `size`.
    """

    rule: str
    item: int
    part: int
    partition: int
    size: int
    tier: int = field(default=-1, init=False)

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def validate(self, problem: Problem) -> None:
        """A segment has at least one replica."""
        if self.size < 1:
            raise ValueError(f"{self.rule}: a segment has at least one replica")

    def encode(self, into: Encoding) -> None:
        """Per domain: replicas = size x segments + rest, at most one domain has a rest."""
        labels = into.domain_of(self.partition)
        if -1 in labels:
            return
        key = (self.item, self.part)
        known = into.known(key)
        by_domain: dict[int, list[int]] = {}
        for cell in into.counts(key):
            by_domain.setdefault(labels[cell], []).append(cell)
        flags = []
        count = into.problem.part(key).count
        for cells in by_domain.values():
            cols = [into.counts(key)[cell] for cell in cells]
            most = min(count, sum(into.most(key, cell) for cell in cells))
            whole, rest = divmod(sum(known.get(cell, 0) for cell in cells), self.size)
            segments = into.model.var(0, most // self.size, whole)
            extra = into.model.var(0, min(most, self.size - 1), rest)
            flag = into.model.var(0, 1, int(rest > 0))
            into.model.row([*cols, segments, extra], [1] * len(cols) + [-self.size, -1], lo=0, hi=0)
            into.model.at_most([extra], flag, self.size - 1)
            flags.append(flag)
        if flags:
            into.model.row(flags, [1] * len(flags), hi=1)

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """More than one domain whose count is no multiple of the segment."""
        labels = problem.partitions[self.partition]
        held: dict[int, int] = {}
        for b, n in plan.bins_of((self.item, self.part)).items():
            held[int(labels[b])] = held.get(int(labels[b]), 0) + n
        rests = [n for n in held.values() if n % self.size]
        if len(rests) <= 1:
            return []
        sizes = "+".join(str(n) for n in sorted(held.values(), reverse=True))
        return [Violation(self.rule, (self.item,), f"segments of {self.size} are required, found {sizes}")]
