"""The value of a plan while it is built: what every atom costs now, kept up to date item by item.

A plan that is delivered is measured by `solver.check`; this is only for finding it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solver.atoms.apart import Apart
from solver.atoms.charge import RefuseCharge
from solver.atoms.left_value import LeftValue
from solver.atoms.remainder import Remainder
from solver.atoms.share import Share
from solver.atoms.state import Exclusive
from solver.atoms.vacant import Vacant
from solver.items import IntArray, Ranked
from solver.plan import Plan, Seat
from solver.problem import Atom, Counts, Problem
from solver.sheet import sheet_of

__all__ = ["Tally"]

_Seats = tuple[tuple[Seat, ...], ...]
_COUNTED = RefuseCharge | Share | Exclusive | Apart | Remainder | LeftValue | Vacant
"""Kinds that are kept here by themselves, or by the ground."""
_FEW = 16
"""Bins whose costs are added one by one; more are added as arrays."""


@dataclass(slots=True)
class _Own:
    """The priced atoms that speak of one item only, by form."""

    refuse: list[tuple[int, int, int, int]]
    """(part, replicas, tier, cost of a missing one)."""
    units: list[tuple[int, int, IntArray | Ranked]]
    """(part, tier, cost per replica and bin)."""
    spans: list[tuple[int, IntArray, tuple[int, ...], int]]
    """(tier, domain of every bin, parts, cost if they lie in several)."""
    others: list[Atom]
    idle: tuple[int, ...]
    """Cost per tier if the item is refused."""


class Tally:
    """Cost of every tier for the items placed so far.

    What bins are worth (`Remainder`, `LeftValue`, `Vacant`) the ground counts.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._own: list[_Own | None] = [None] * len(problem.items)
        self._refuse: dict[int, list[tuple[int, int, int, int]]] = {}
        self._shares: list[Share] = []
        self._loads: list[int] = []
        self._shares_of: dict[int, list[int]] = {}
        self._joint: list[Atom] = []
        self._joint_of: dict[int, list[int]] = {}
        self._everywhere: list[int] = []
        """Joint atoms that name no item: they speak of all."""
        self._crowds_of: dict[int, list[tuple[Exclusive, Counter[int]]]] = {}
        self._sides_of: dict[int, list[tuple[Apart, Counter[int], Counter[int]]]] = {}
        """item -> the atoms, how many of its own side touch each domain, and how many of the other."""
        for charge in problem.of(RefuseCharge):
            for (i, p), cost in charge.each.items():
                count = problem.items[i].parts[p].count
                self._refuse.setdefault(i, []).append((p, count, charge.tier, cost))
        for share in problem.of(Share):
            if share.tier >= 0:
                for i in share.items():
                    self._shares_of.setdefault(i, []).append(len(self._shares))
                self._shares.append(share)
                self._loads.append(share.base)
        for crowd in problem.of(Exclusive):
            owners: Counter[int] = Counter()
            for i in crowd.members if crowd.tier >= 0 else ():
                self._crowds_of.setdefault(i, []).append((crowd, owners))
        for apart in problem.of(Apart):
            ones, others = Counter[int](), Counter[int]()
            for i in apart.ones if apart.tier >= 0 else ():
                self._sides_of.setdefault(i, []).append((apart, ones, others))
            for i in apart.others if apart.tier >= 0 else ():
                self._sides_of.setdefault(i, []).append((apart, others, ones))
        for atom in problem.among:
            if atom.tier >= 0 and not isinstance(atom, _COUNTED):
                named = tuple(atom.items())
                if not named:
                    self._everywhere.append(len(self._joint))
                for i in named:
                    self._joint_of.setdefault(i, []).append(len(self._joint))
                self._joint.append(atom)
        self._seats: dict[int, _Seats] = {}
        self._costs: dict[int, tuple[int, ...]] = {}
        self._joint_costs = [atom.cost(problem, Plan()) for atom in self._joint]
        self.values = [0] * problem.tiers
        """Cost of every tier now."""
        for atom, cost in zip(self._joint, self._joint_costs, strict=True):
            self.values[atom.tier] += cost
        for share, load in zip(self._shares, self._loads, strict=True):
            self.values[share.tier] += sum(hinge.cost(load) for hinge in share.hinges)
        for i in range(len(problem.items)):
            self._shift(self._idle(i), 1)

    def _shift(self, costs: tuple[int, ...], sign: int) -> None:
        for tier, cost in enumerate(costs):
            self.values[tier] += sign * cost

    def _idle(self, item: int) -> tuple[int, ...]:
        """Cost per tier of refusing an item."""
        return self._of(item).idle

    def own_cost(self, item: int) -> tuple[int, ...]:
        """Cost per tier of the atoms that speak of one item only: as it sits, or refused."""
        return self._costs.get(item) or self._idle(item)

    def _of(self, item: int) -> _Own:
        known = self._own[item]
        if known is not None:
            return known
        problem, sheet = self._problem, sheet_of(self._problem, item)
        spans = []
        for atom in sheet.charged:
            parts = (0,) if len(problem.items[item].parts) == 1 else problem.items[item].parts_of(atom.bundle)
            spans.append((atom.tier, problem.partitions[atom.partition], parts, atom.price_once))
        refuse = self._refuse.get(item, [])
        idle = [0] * problem.tiers
        for _, count, tier, cost in refuse:
            idle[tier] += count * cost
        for other in sheet.others:
            idle[other.tier] += other.cost(problem, Plan())
        own = self._own[item] = _Own(refuse, sheet.units, spans, sheet.others, tuple(idle))
        return own

    def _cost(self, item: int, seats: _Seats, counts: Counts) -> tuple[int, ...]:
        own = self._of(item)
        costs = [0] * self._problem.tiers
        for p, count, tier, cost in own.refuse:
            costs[tier] += (count - len(seats[p])) * cost
        arrays: dict[int, tuple[IntArray, IntArray]] = {}
        for p, tier, each in own.units:
            held = counts.get(p)
            if held and len(held) <= _FEW:
                costs[tier] += sum([each.item(b) * n for b, n in held.items()])
            elif held:
                if p not in arrays:
                    here = np.fromiter(held, np.int64, len(held)), np.fromiter(held.values(), np.int64, len(held))
                    arrays[p] = here
                bins, numbers = arrays[p]
                costs[tier] += int(each[bins] @ numbers)
        for tier, labels, parts, cost in own.spans:
            if _spans(labels, [b for p in parts for b in counts.get(p, ())]):
                costs[tier] += cost
        for atom in own.others:
            costs[atom.tier] += atom.cost(self._problem, Plan({item: seats}))
        return tuple(costs)

    def put(self, item: int, seats: _Seats, counts: Counts) -> None:
        """The item sits there now."""
        cost = self._cost(item, seats, counts)
        self._shift(self._idle(item), -1)
        self._shift(cost, 1)
        self._seats[item], self._costs[item] = seats, cost
        self._move(item, counts, 1)

    def drop(self, item: int, counts: Counts) -> None:
        """The item is refused again."""
        self._shift(self._costs.pop(item), -1)
        self._shift(self._idle(item), 1)
        del self._seats[item]
        self._move(item, counts, -1)

    def _move(self, item: int, counts: Counts, sign: int) -> None:
        for number in self._shares_of.get(item, ()):
            share, load = self._shares[number], self._loads[number]
            after = load
            for p, held in counts.items():
                use = share.use.get((item, p), 0)
                if use:
                    after += sign * use * sum(n for b, n in held.items() if share.bins is None or share.bins[b])
            self._loads[number] = after
            self.values[share.tier] += sum(hinge.cost(after) - hinge.cost(load) for hinge in share.hinges)
        for crowd, owners in self._crowds_of.get(item, ()):
            labels = self._problem.partitions[crowd.partition]
            for domain in {int(labels[b]) for held in counts.values() for b, n in held.items() if n}:
                owners[domain] += sign
                if owners[domain] > (sign > 0):
                    self.values[crowd.tier] += sign * crowd.price_each
        for apart, own, against in self._sides_of.get(item, ()):
            labels = self._problem.partitions[apart.partition]
            for domain in {int(labels[b]) for held in counts.values() for b, n in held.items() if n}:
                own[domain] += sign
                self.values[apart.tier] += sign * apart.price_each * against[domain]
        for number in [*self._joint_of.get(item, ()), *self._everywhere]:
            atom = self._joint[number]
            cost = atom.cost(self._problem, self._among(atom))
            self.values[atom.tier] += cost - self._joint_costs[number]
            self._joint_costs[number] = cost

    def _among(self, atom: Atom) -> Plan:
        """The plan of the items that an atom names, of all if it names none."""
        named = tuple(atom.items()) or tuple(self._seats)
        seats: Mapping[int, _Seats] = {i: self._seats[i] for i in named if i in self._seats}
        return Plan(seats)


def _spans(labels: IntArray, bins: list[int]) -> bool:
    """Whether the bins lie in more than one domain."""
    if len(bins) < 2:
        return False
    first = labels[bins[0]]
    return any(labels[b] != first for b in bins)
