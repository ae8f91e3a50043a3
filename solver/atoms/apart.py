"""Apart: two sides of items, each item of the one kept out of the domains of each item of the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from solver.atoms.state import Presence, closed, domains, touched
from solver.items import IntArray, PartKey
from solver.plan import Plan
from solver.problem import Atom, Counts, Encoding, Joint, Ledger, Problem, Violation

__all__ = ["Apart"]


@dataclass(frozen=True)
class Apart(Atom):
    """No domain of the partition holds an item of `ones` and one of `others`; with a tier, each such pair there costs.

    Items of one side may share domains. No item is on both sides. As many pairs as there are would say the same, one
    by one: every carrier of a wish to be apart times everything that it means.
    """

    rule: str
    partition: int
    ones: tuple[int, ...]
    others: tuple[int, ...]
    price_each: int = 0
    tier: int = -1

    def items(self) -> Iterable[int]:
        """Both sides."""
        return (*self.ones, *self.others)

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items, if some are left on both sides."""
        ones = tuple(new[i] for i in self.ones if i in new)
        others = tuple(new[i] for i in self.others if i in new)
        return Apart(self.rule, self.partition, ones, others, self.price_each, self.tier) if ones and others else None

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def validate(self, problem: Problem) -> None:
        """The price is not negative, and nothing is to keep apart from itself."""
        if self.price_each < 0:
            raise ValueError(f"{self.rule}: a price is not negative")
        if len({*self.ones, *self.others}) < len(self.ones) + len(self.others):
            raise ValueError(f"{self.rule}: an item is named twice")

    def encode(self, into: Encoding) -> None:
        """Hard: a 0/1 column per domain that says whose it is. Priced: a 0/1 column per pair and domain."""
        known = {item: self._known(into, item) for item in self.items()}
        for domain in sorted({d for item in self.ones for d in into.touch(item, self.partition)}):
            mine = self._touching(into, self.ones, domain)
            theirs = self._touching(into, self.others, domain)
            if not mine or not theirs:
                continue
            if self.tier < 0:
                owned = into.model.var(0, 1, int(any(domain in known[item] for item, _ in mine)))
                for _, col in mine:
                    into.model.row([col, owned], [1, -1], hi=0)
                for _, col in theirs:
                    into.model.row([col, owned], [1, 1], hi=1)
                continue
            for one, first in mine:
                for other, second in theirs:
                    both = into.model.var(0, 1, int(domain in known[one] and domain in known[other]))
                    into.model.row([first, second, both], [1, 1, -1], hi=1)
                    into.model.cost(self.tier, both, self.price_each)

    def _touching(self, into: Encoding, side: tuple[int, ...], domain: int) -> list[tuple[int, int]]:
        """(item, touch column) of those of a side that could be in the domain."""
        found = ((item, into.touch(item, self.partition).get(domain)) for item in side)
        return [(item, col) for item, col in found if col is not None]

    def _known(self, into: Encoding, item: int) -> set[int]:
        labels = into.domain_of(self.partition)
        return {labels[cell] for p in range(len(into.problem.items[item].parts)) for cell in into.known((item, p))}

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """Domains of fixed items of one side are closed to the other."""
        yield self
        if self.tier < 0:
            labels = problem.partitions[self.partition]
            for side, against in ((self.ones, self.others), (self.others, self.ones)):
                taken = set().union(*(touched(problem, fixed, item, self.partition) for item in against))
                bins = ~np.isin(labels, list(taken))
                for item in side if taken else ():
                    yield from closed(problem, self.rule, item, bins)

    def _shared(self, problem: Problem, plan: Plan) -> Iterator[tuple[list[int], list[int]]]:
        """Who is there of both sides, for every domain that both touch."""
        here: list[dict[int, list[int]]] = []
        for side in (self.ones, self.others):
            found: dict[int, list[int]] = {}
            for item in side:
                if plan.placed(item):
                    for domain in touched(problem, plan, item, self.partition):
                        found.setdefault(domain, []).append(item)
            here.append(found)
        for domain in sorted(here[0].keys() & here[1].keys()):
            yield here[0][domain], here[1][domain]

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Domains that both sides touch."""
        if self.tier >= 0:
            return []
        told = "they share a domain, and have to keep apart"
        return [Violation(self.rule, (*ones, *others), told) for ones, others in self._shared(problem, plan)]

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Price of the pairs, domain by domain."""
        if self.tier < 0:
            return 0
        return self.price_each * sum(len(ones) * len(others) for ones, others in self._shared(problem, plan))

    def ledger(self, problem: Problem) -> Ledger | None:
        """Who is where so far."""
        return _SidesLedger(self, problem) if self.tier < 0 else None


class _SidesLedger:
    def __init__(self, atom: Apart, problem: Problem) -> None:
        self._labels = problem.partitions[atom.partition]
        self._side = dict.fromkeys(atom.ones, 0) | dict.fromkeys(atom.others, 1)
        self._held = [Presence(problem.domains(atom.partition)) for _ in range(2)]
        """Where each side is: the other keeps out of there."""

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        side = self._side.get(key[0])
        room = None if side is None else self._held[1 - side].room
        return [] if room is None else [Joint(self._labels, room)]

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        side = self._side.get(item)
        if side is not None:
            self._held[side].add(domains(self._labels, counts), times)
