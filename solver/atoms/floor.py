"""Floor: some items together keep at least so much. A share with a lower limit; what runs now meets it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from solver.items import BoolArray, IntArray, PartKey
from solver.plan import Plan
from solver.problem import Atom, Encoding, Problem, Violation

__all__ = ["Floor"]


@dataclass(frozen=True, eq=False)
class Floor(Atom):
    """base + sum of use[(item, part)] per placed replica in `bins` (bool[N], None = all) is at least `least`.

    The anchor has to meet it, so only items that run now can be held by it. Alone (`solver.alone`) an item knows
    nothing of it.
    """

    rule: str
    name: str
    use: Mapping[PartKey, int]
    least: int
    base: int = 0
    bins: BoolArray | None = None
    tier: int = field(default=-1, init=False)

    def items(self) -> Iterable[int]:
        """The users."""
        return sorted({i for i, _ in self.use})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        use = {(new[i], p): u for (i, p), u in self.use.items() if i in new}
        return replace(self, use=use) if use else None

    def unpriced(self) -> Atom | None:
        """Nothing: it speaks of what must not leave, never of what may come."""
        return None

    def validate(self, problem: Problem) -> None:
        """Uses are not negative."""
        if min(self.use.values(), default=0) < 0:
            raise ValueError(f"{self.rule} {self.name}: uses are not negative")

    def load(self, plan: Plan) -> int:
        """Load of a plan."""
        if self.bins is None:
            return self.base + sum(use * plan.count(key) for key, use in self.use.items())
        held = ((use, b, n) for key, use in self.use.items() for b, n in plan.bins_of(key).items())
        return self.base + sum(use * n for use, b, n in held if self.bins[b])

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The bins that count."""
        if self.bins is not None:
            yield self.bins.astype(np.int64)

    def encode(self, into: Encoding) -> None:
        """One row."""
        terms = [
            (col, use)
            for key, use in self.use.items()
            for cell, col in (into.counts(key).items() if use else ())
            if self.bins is None or bool(self.bins[into.members[cell]].any())
        ]
        if self.least > self.base:
            into.model.row([c for c, _ in terms], [u for _, u in terms], lo=self.least - self.base)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """The fixed items' use becomes base."""
        yield replace(self, base=self.load(fixed))

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """A load below the least."""
        load = self.load(plan)
        if load >= self.least:
            return []
        gone = tuple(i for i in self.items() if i in problem.homes)
        return [Violation(self.rule, gone, f"{self.name}: {load} is left, {self.least} must stay")]
