"""Spread: how many replicas of one item a domain may hold, as a limit or at a price per replica above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from solver.items import IntArray, PartKey
from solver.plan import Plan
from solver.problem import Counts, Encoding, ItemAtom, Joint, Ledger, Problem, Violation

__all__ = ["Spread"]


@dataclass(frozen=True)
class Spread(ItemAtom):
    """At most `limit` replicas of the parts in any domain; with `price` each replica above costs that much instead."""

    rule: str
    item: int
    parts: tuple[int, ...]
    partition: int
    limit: int
    price_each: int = 0
    tier: int = -1

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def validate(self, problem: Problem) -> None:
        """Limit and price are not negative."""
        if self.limit < 0 or self.price_each < 0:
            raise ValueError(f"{self.rule}: limit and price are not negative")

    def _held(self, problem: Problem, plan: Plan) -> dict[int, int]:
        labels = problem.partitions[self.partition]
        held: dict[int, int] = {}
        for p in self.parts:
            for b, n in plan.bins_of((self.item, p)).items():
                held[int(labels[b])] = held.get(int(labels[b]), 0) + n
        return held

    def encode(self, into: Encoding) -> None:
        """A row per domain that could exceed the limit."""
        labels = into.domain_of(self.partition)
        cols: dict[int, list[int]] = {}
        amount: dict[int, int] = {}
        for p in self.parts:
            known = into.known((self.item, p))
            for cell, col in into.counts((self.item, p)).items():
                if labels[cell] >= 0:
                    cols.setdefault(labels[cell], []).append(col)
                    amount[labels[cell]] = amount.get(labels[cell], 0) + known.get(cell, 0)
        most = sum(into.problem.items[self.item].parts[p].count for p in self.parts)
        for domain, columns in cols.items():
            if most <= self.limit:
                continue
            if self.tier < 0:
                into.model.row(columns, [1] * len(columns), hi=self.limit)
                continue
            over = into.model.var(0, most, max(0, amount[domain] - self.limit))
            into.model.row([*columns, over], [1] * len(columns) + [-1], hi=self.limit)
            into.model.cost(self.tier, over, self.price_each)

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Domains above a hard limit."""
        if self.tier >= 0:
            return []
        most = max(self._held(problem, plan).values(), default=0)
        if most <= self.limit:
            return []
        return [Violation(self.rule, (self.item,), f"{most} replicas in one domain, at most {self.limit} allowed")]

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Price of the replicas above the limit."""
        if self.tier < 0:
            return 0
        return self.price_each * sum(max(0, n - self.limit) for n in self._held(problem, plan).values())

    def ledger(self, problem: Problem) -> Ledger | None:
        """Remaining room per domain."""
        return _SpreadLedger(self, problem) if self.tier < 0 else None


class _SpreadLedger:
    def __init__(self, atom: Spread, problem: Problem) -> None:
        self._atom = atom
        self._labels = problem.partitions[atom.partition]
        self._room = np.full(problem.domains(atom.partition), atom.limit, np.int64)

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        if key[0] != self._atom.item or key[1] not in self._atom.parts:
            return []
        held = [(b, n) for p in self._atom.parts for b, n in local.get(p, {}).items() if n]
        if not held:
            return [Joint(self._labels, self._room)]
        room = self._room.copy()
        for b, n in held:
            room[self._labels[b]] -= n
        return [Joint(self._labels, np.maximum(room, 0))]

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        return
