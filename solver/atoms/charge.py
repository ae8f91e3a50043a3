"""Charge: a cost of one item's own placement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from solver.items import ByteArray, IntArray, PartKey, Ranked
from solver.plan import Plan
from solver.problem import Atom, Encoding, ItemAtom, Problem

__all__ = ["RefuseCharge", "SpanCharge", "UnitCharge"]


@dataclass(frozen=True)
class RefuseCharge(Atom):
    """A cost for every replica that is not placed: (item, part) -> cost of one missing replica."""

    rule: str
    tier: int
    each: Mapping[PartKey, int]

    def items(self) -> Iterable[int]:
        """The items with a cost."""
        return sorted({i for i, _ in self.each})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        each = {(new[i], p): c for (i, p), c in self.each.items() if i in new}
        return replace(self, each=each) if each else None

    def validate(self, problem: Problem) -> None:
        """Costs are not negative."""
        if min(self.each.values(), default=0) < 0:
            raise ValueError(f"{self.rule}: refusing never pays")

    def encode(self, into: Encoding) -> None:
        """A constant for all replicas, less what is placed."""
        for key, cost in self.each.items():
            into.model.constant(self.tier, cost * into.problem.part(key).count)
            for col in into.counts(key).values():
                into.model.cost(self.tier, col, -cost)

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Cost of the missing replicas."""
        return sum(c * (problem.part(k).count - plan.count(k)) for k, c in self.each.items())


@dataclass(frozen=True, eq=False)
class UnitCharge(ItemAtom):
    """A cost per replica and bin: int64[N], or a byte per bin where there are few different costs."""

    rule: str
    tier: int
    item: int
    part: int
    each: IntArray | Ranked

    def validate(self, problem: Problem) -> None:
        """Costs are not negative."""
        if problem.lowest(self.each) < 0:
            raise ValueError(f"{self.rule}: a charge is not negative")

    def signature(self, problem: Problem) -> Iterable[IntArray | ByteArray]:
        """The costs, or which bins have the same."""
        yield self.each.ranks if isinstance(self.each, Ranked) else self.each

    def encode(self, into: Encoding) -> None:
        """Cheapest member of each cell."""
        least = into.least(self.each)
        for cell, col in into.counts((self.item, self.part)).items():
            into.model.cost(self.tier, col, least[cell])

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Sum over the seats."""
        held = plan.bins_of((self.item, self.part)) if plan.placed(self.item) else None
        if not held:
            return 0
        price = self.each.item
        return sum([price(b) * n for b, n in held.items()])


@dataclass(frozen=True)
class SpanCharge(ItemAtom):
    """A cost if the bundle's replicas lie in more than one domain of a partition.

    A cost that grows with the level spanned is a sum of such charges, one per partition (coarser ones on top).
    """

    rule: str
    tier: int
    item: int
    bundle: int
    partition: int
    price_once: int
    always: bool = False
    """Known: no domain can hold the bundle, so it spans whenever it is placed (see `solver.reduce`)."""

    def validate(self, problem: Problem) -> None:
        """Costs are not negative."""
        if self.price_once < 0:
            raise ValueError(f"{self.rule}: a charge is not negative")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        if not self.always:
            yield problem.partitions[self.partition]

    def encode(self, into: Encoding) -> None:
        """Cost of the span column."""
        if self.always:
            into.model.cost(self.tier, into.on(self.item, self.bundle), self.price_once)
            return
        span = into.home(self.item, self.bundle, self.partition, may_span=True)
        if span is not None:
            into.model.cost(self.tier, span, self.price_once)

    def cost(self, problem: Problem, plan: Plan) -> int:
        """The cost, if several domains are touched."""
        if not plan.placed(self.item):
            return 0
        label = problem.partitions[self.partition].item
        parts = problem.items[self.item].parts_of(self.bundle)
        found = {label(b) for p in parts for b in plan.bins_of((self.item, p))}
        return self.price_once if len(found) > 1 else 0
