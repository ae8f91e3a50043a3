"""State: what several items make of one domain (who owns it, who must be there first)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.atoms.allow import Allow
from solver.items import BoolArray, IntArray, PartKey
from solver.plan import Plan
from solver.problem import Atom, Counts, Encoding, Joint, Ledger, Problem, Violation

__all__ = ["Exclusive", "Presence", "Together", "closed", "domains", "touched"]

_PLENTY = 2**40


def touched(problem: Problem, plan: Plan, item: int, partition: int) -> set[int]:
    """Domains of the partition in which the item has a replica."""
    labels = problem.partitions[partition]
    parts = range(len(problem.items[item].parts))
    return {int(labels[b]) for p in parts for b in plan.bins_of((item, p))}


def domains(labels: IntArray, counts: Counts) -> list[int]:
    """The domains in which the counts (of one item) are not 0."""
    return list({int(labels[b]) for held in counts.values() for b, n in held.items() if n})


def closed(problem: Problem, rule: str, item: int, bins: BoolArray) -> Iterable[Atom]:
    """The item may sit in the bins bool[N] only."""
    for part in range(len(problem.items[item].parts)):
        yield Allow(rule, item, part, bins)


@dataclass(frozen=True)
class Exclusive(Atom):
    """No domain of the partition holds replicas of two members; with a tier, each further member there costs."""

    rule: str
    partition: int
    members: tuple[int, ...]
    price_each: int = 0
    tier: int = -1

    def items(self) -> Iterable[int]:
        """The members."""
        return self.members

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items, if two are left."""
        members = tuple(new[i] for i in self.members if i in new)
        if len(members) < 2:
            return None
        return Exclusive(self.rule, self.partition, members, self.price_each, self.tier)

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def validate(self, problem: Problem) -> None:
        """The price is not negative."""
        if self.price_each < 0:
            raise ValueError(f"{self.rule}: a price is not negative")

    def encode(self, into: Encoding) -> None:
        """At most one touch column per domain, the rest priced if soft."""
        by_domain: dict[int, list[int]] = {}
        for item in self.members:
            for domain, col in into.touch(item, self.partition).items():
                by_domain.setdefault(domain, []).append(col)
        known = self._known(into)
        for domain, cols in by_domain.items():
            if len(cols) < 2:
                continue
            if self.tier < 0:
                into.model.row(cols, [1] * len(cols), hi=1)
                continue
            over = into.model.var(0, len(cols) - 1, max(0, known.get(domain, 0) - 1))
            into.model.row([*cols, over], [1] * len(cols) + [-1], hi=1)
            into.model.cost(self.tier, over, self.price_each)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """Domains of fixed members are closed to the others."""
        yield self
        if self.tier < 0:
            labels = problem.partitions[self.partition]
            for item in self.members:
                taken = set().union(*(touched(problem, fixed, o, self.partition) for o in self.members if o != item))
                if taken:
                    yield from closed(problem, self.rule, item, ~np.isin(labels, list(taken)))

    def _known(self, into: Encoding) -> dict[int, int]:
        labels = into.domain_of(self.partition)
        held: dict[int, int] = {}
        for item in self.members:
            parts = range(len(into.problem.items[item].parts))
            for domain in {labels[cell] for p in parts for cell in into.known((item, p))}:
                held[domain] = held.get(domain, 0) + 1
        return held

    def _owners(self, problem: Problem, plan: Plan) -> dict[int, list[int]]:
        owners: dict[int, list[int]] = {}
        placed = [item for item in self.members if plan.placed(item)]
        for item in placed if len(placed) > 1 else ():
            for domain in touched(problem, plan, item, self.partition):
                owners.setdefault(domain, []).append(item)
        return owners

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Domains with two owners."""
        if self.tier >= 0:
            return []
        shared = [tuple(who) for who in self._owners(problem, plan).values() if len(who) > 1]
        return [Violation(self.rule, who, "they share a domain that only one may use") for who in shared]

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Price of the further members, domain by domain."""
        if self.tier < 0:
            return 0
        return self.price_each * sum(len(who) - 1 for who in self._owners(problem, plan).values())

    def ledger(self, problem: Problem) -> Ledger | None:
        """Owners so far."""
        return _OwnerLedger(self, problem) if self.tier < 0 else None


class Presence:
    """How many items hold each domain, and the room that this leaves to those who must keep out of their way."""

    def __init__(self, domains: int) -> None:
        self._domains = domains
        self._held: Counter[int] = Counter()
        self.room: IntArray | None = None
        """int64[domains]: 0 where somebody is; None before anybody is anywhere, so that it takes no memory."""

    def add(self, where: Iterable[int], times: int) -> None:
        """An item comes to these domains, or (-1) leaves them."""
        if self.room is None:
            self.room = np.full(self._domains, _PLENTY, np.int64)
        for domain in where:
            self._held[domain] += times
            self.room[domain] = 0 if self._held[domain] > 0 else _PLENTY


class _OwnerLedger:
    def __init__(self, atom: Exclusive, problem: Problem) -> None:
        self._members = set(atom.members)
        self._labels = problem.partitions[atom.partition]
        self._owned = Presence(problem.domains(atom.partition))

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        room = self._owned.room
        return [] if room is None or key[0] not in self._members else [Joint(self._labels, room)]

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        if item in self._members:
            self._owned.add(domains(self._labels, counts), times)


@dataclass(frozen=True)
class Together(Atom):
    """The follower may touch only domains that the leader touches; with a tier, each other domain costs instead."""

    rule: str
    partition: int
    leader: int
    follower: int
    price_each: int = 0
    tier: int = -1

    def items(self) -> Iterable[int]:
        """Both."""
        return (self.leader, self.follower)

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered items."""
        if self.leader not in new or self.follower not in new:
            return None
        return replace(self, leader=new[self.leader], follower=new[self.follower])

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The partition's domains."""
        yield problem.partitions[self.partition]

    def validate(self, problem: Problem) -> None:
        """The price is not negative."""
        if self.price_each < 0:
            raise ValueError(f"{self.rule}: a price is not negative")

    def encode(self, into: Encoding) -> None:
        """The follower's touch <= the leader's touch, with a priced slack if soft."""
        labels = into.domain_of(self.partition)
        if -1 in labels:
            return
        leader = into.touch(self.leader, self.partition)
        parts = range(len(into.problem.items[self.leader].parts))
        there = {labels[cell] for p in parts for cell in into.known((self.leader, p))}
        mine = range(len(into.problem.items[self.follower].parts))
        here = {labels[cell] for p in mine for cell in into.known((self.follower, p))}
        for domain, col in into.touch(self.follower, self.partition).items():
            cols, coefs = [col], [1]
            if domain in leader:
                cols, coefs = [col, leader[domain]], [1, -1]
            if self.tier >= 0:
                miss = into.model.var(0, 1, int(domain in here and domain not in there))
                cols, coefs = [*cols, miss], [*coefs, -1]
                into.model.cost(self.tier, miss, self.price_each)
            into.model.row(cols, coefs, hi=0)

    def given(self, problem: Problem, fixed: Plan) -> Iterable[Atom]:
        """A fixed leader says where the follower may sit; a fixed follower does not bind a free leader here."""
        yield self
        if self.tier < 0 and fixed.placed(self.leader):
            home = touched(problem, fixed, self.leader, self.partition)
            labels = problem.partitions[self.partition]
            yield from closed(problem, self.rule, self.follower, np.isin(labels, list(home)))

    def _missing(self, problem: Problem, plan: Plan) -> int:
        if not plan.placed(self.follower):
            return 0
        mine = touched(problem, plan, self.follower, self.partition)
        return len(mine - touched(problem, plan, self.leader, self.partition))

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Domains of the follower without the leader."""
        if self.tier >= 0 or not self._missing(problem, plan):
            return []
        return [Violation(self.rule, (self.follower, self.leader), "the follower sits where its leader does not")]

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Price of those domains if soft."""
        return self.price_each * self._missing(problem, plan) if self.tier >= 0 else 0

    def ledger(self, problem: Problem) -> Ledger | None:
        """Domains of the leader so far."""
        return _LeaderLedger(self, problem) if self.tier < 0 else None


class _LeaderLedger:
    def __init__(self, atom: Together, problem: Problem) -> None:
        self._atom = atom
        self._labels = problem.partitions[atom.partition]
        self._room = np.zeros(problem.domains(atom.partition), np.int64)

    def joints(self, key: PartKey, local: Counts) -> list[Joint]:
        return [Joint(self._labels, self._room)] if key[0] == self._atom.follower else []

    def add(self, item: int, counts: Counts, times: int = 1) -> None:
        if item == self._atom.leader:
            self._room[domains(self._labels, counts)] = _PLENTY if times > 0 else 0
