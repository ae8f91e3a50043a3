"""Share: a resource that several items use, with a hard limit or a convex price on its load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.items import BoolArray, IntArray, PartKey
from solver.plan import Plan
from solver.problem import Atom, Counts, Encoding, Joint, Ledger, Problem, Violation

__all__ = ["Hinge", "Share"]


@dataclass(frozen=True)
class Hinge:
    """`rate` x max(0, load - at), or with `below` `rate` x max(0, at - load). A sum of hinges is convex."""

    at: int
    rate: int
    below: bool = False

    def cost(self, load: int) -> int:
        """Cost at a load."""
        return self.rate * max(0, self.at - load if self.below else load - self.at)


@dataclass(frozen=True, eq=False)
class Share(Atom):
    """Load = base + sum of use[(item, part)] per replica in `bins` (bool[N], None = all bins).

    `limit` is hard; `hinges` are priced in `tier`. Uses are not negative, so refusing never breaks the limit.
    `base` above `limit` is allowed (hold: the running state may stay, never worsen).
    """

    rule: str
    name: str
    use: Mapping[PartKey, int]
    bins: BoolArray | None = None
    base: int = 0
    limit: int | None = None
    hinges: tuple[Hinge, ...] = ()
    tier: int = -1

    def items(self) -> Iterable[int]:
        """The users."""
        return sorted({i for i, _ in self.use})

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items; kept without users as long as it has a price."""
        use = {(new[i], p): u for (i, p), u in self.use.items() if i in new}
        return replace(self, use=use) if use or self.hinges else None

    def unpriced(self) -> Atom | None:
        """The limit alone."""
        return None if self.limit is None else replace(self, hinges=(), tier=-1)

    def validate(self, problem: Problem) -> None:
        """Uses and rates are not negative; a price has a tier."""
        if min(self.use.values(), default=0) < 0 or min((h.rate for h in self.hinges), default=0) < 0:
            raise ValueError(f"{self.rule} {self.name}: uses and rates are not negative")
        if bool(self.hinges) != (self.tier >= 0):
            raise ValueError(f"{self.rule} {self.name}: hinges need a tier, a tier needs hinges")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The bins that count."""
        if self.bins is not None:
            yield self.bins.astype(np.int64)

    def load(self, plan: Plan) -> int:
        """Load of a plan."""
        total = self.base
        for key, use in self.use.items():
            if self.bins is None:
                total += use * plan.count(key)
            else:
                total += use * sum(n for b, n in plan.bins_of(key).items() if self.bins[b])
        return total

    def _terms(self, into: Encoding, *, generous: bool) -> tuple[list[int], list[int], int]:
        cols, coefs, known_load = [], [], self.base
        for key, use in self.use.items():
            known = into.known(key) if use else {}
            for cell, col in into.counts(key).items() if use else ():
                if self.bins is not None:
                    inside = self.bins[into.members[cell]]
                    if not (inside.any() if generous else inside.all()):
                        continue
                cols.append(col)
                coefs.append(use)
                known_load += use * known.get(cell, 0)
        return cols, coefs, known_load

    def encode(self, into: Encoding) -> None:
        """A row for the limit, and one excess column per hinge."""
        most = self.base + sum(use * into.problem.part(key).count for key, use in self.use.items())
        if self.limit is not None and most > self.limit:
            terms = [
                (col, use, into.most(key, cell))
                for key, use in self.use.items()
                for cell, col in (into.counts(key).items() if use else ())
                if self.bins is None or bool(self.bins[into.members[cell]].all())
            ]
            into.model.capped(terms, max(0, self.limit - self.base))
        for hinge in self.hinges:
            cols, coefs, load = self._terms(into, generous=hinge.below)
            reach = hinge.at - self.base if hinge.below else most - hinge.at
            if reach <= 0 or not hinge.rate:
                continue
            excess = into.model.var(0, reach, hinge.cost(load) // hinge.rate)
            sign = -1 if hinge.below else 1
            into.model.row([*cols, excess], [sign * c for c in coefs] + [-1], hi=sign * (hinge.at - self.base))
            into.model.cost(self.tier, excess, hinge.rate)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """The fixed items' use becomes base."""
        yield replace(self, base=self.load(fixed))

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """A load above the limit that the base does not explain."""
        load = self.load(plan)
        if self.limit is None or load <= max(self.limit, self.base):
            return []
        users = tuple(sorted({i for i, _ in self.use if plan.placed(i)}))
        return [Violation(self.rule, users, f"{self.name}: load {load} above the limit {self.limit}")]

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Sum of the hinges at the load."""
        load = self.load(plan) if self.hinges else 0
        return sum(hinge.cost(load) for hinge in self.hinges)

    def ledger(self, problem: Problem) -> Ledger | None:
        """Remaining load under the limit."""
        return _ShareLedger(self, problem) if self.limit is not None else None


class _ShareLedger:
    def __init__(self, atom: Share, problem: Problem) -> None:
        self._atom = atom
        self._load = atom.base
        self._everywhere = atom.bins is None
        inside = np.ones(problem.bins.count, np.bool_) if atom.bins is None else atom.bins
        self._labels = np.where(inside, 0, -1)

    def _use(self, item: int, counts: Counts) -> int:
        total = 0
        for p, held in counts.items():
            use = self._atom.use.get((item, p), 0)
            total += use * sum(n for b, n in held.items() if self._everywhere or self._labels[b] == 0) if use else 0
        return total

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        use = self._atom.use.get(key, 0)
        if not use or self._atom.limit is None:
            return []
        left = max(0, self._atom.limit - self._load - self._use(key[0], local))
        return [Joint(self._labels, np.array([left // use], np.int64), self._everywhere)]

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        self._load += times * self._use(item, counts)
