"""What is left while a plan is built: capacity, prices, the running state of every limit, and the plan's value.

All that vector work is worth is kept per demand (`Stock`) and per demand, masks and prices (`Offer`), and brought up
to date when it is asked for.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import add

import numpy as np

from solver.free import Free
from solver.items import BoolArray, Demand, IntArray, PartKey, Ranked
from solver.offer import Offer, Stock
from solver.plan import Plan, Seat
from solver.problem import Ledger, Problem
from solver.sheet import sheet_of
from solver.tally import Tally

__all__ = ["Ground"]

_OFFERS = 1024
"""Most offers that are kept; others are made anew when they are asked for."""


@dataclass(slots=True)
class _Want:
    """What a part asks of its bins; parts of the same `number` ask the same."""

    demand: Demand
    mask: BoolArray | None
    prices: list[IntArray | Ranked]
    number: int


class Ground:
    """Residual capacity, limits and value of one plan in the making."""

    def __init__(self, problem: Problem, expired: Callable[[], bool] | None = None) -> None:
        self.problem = problem
        self.expired = expired or (lambda: False)
        self.free = Free(problem)
        """Capacity; offers know it, and not the ground, so that nothing here is left to the garbage collector."""
        self.sizes = tuple(problem.domains(p) for p in range(len(problem.partitions)))
        self.seats: dict[int, tuple[tuple[Seat, ...], ...]] = {}
        self.ledgers: list[list[Ledger]] = [[] for _ in problem.items]
        for atom in problem.limiting():
            users = tuple(atom.items())
            ledger = atom.ledger(problem) if users else None
            if ledger is not None:
                for item in users:
                    self.ledgers[item].append(ledger)
        self._stocks: dict[Demand, Stock] = {}
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        # What follows from the problem alone is shared by all plans that are made of it.
        self._wants: dict[PartKey, _Want] = problem.recall("wants", dict)
        self._numbers: dict[tuple[Demand, tuple[int, ...], tuple[int, ...]], int] = problem.recall("numbers", dict)
        self._masks: dict[tuple[int, ...], BoolArray | None] = problem.recall("masks", dict)
        self._members: dict[int, IntArray] = problem.recall("members", dict)
        self._nesting: dict[tuple[int, int], tuple[IntArray, IntArray | None, IntArray]] = problem.recall(
            "nesting", dict
        )

    @cached_property
    def tally(self) -> Tally:
        """What the plan costs, chunks lost left out."""
        return Tally(self.problem)

    def values(self) -> tuple[int, ...]:
        """Value of every tier now."""
        return tuple(map(add, self.tally.values, self.free.worth.lost()))

    def members(self, partition: int) -> IntArray:
        """Bins of every domain, int64[domains, largest domain], filled up with -1."""
        if partition not in self._members:
            labels, size = self.problem.partitions[partition], self.sizes[partition]
            order = np.argsort(labels, kind="stable")
            counts = np.bincount(labels, minlength=size)
            starts = np.cumsum(counts) - counts
            table = np.full((size, int(counts.max(initial=0))), -1, np.int64)
            table[labels[order], np.arange(labels.size) - starts[labels[order]]] = order
            self._members[partition] = table
        return self._members[partition]

    def nesting(self, labels: IntArray, partition: int) -> tuple[IntArray | None, IntArray]:
        """How the groups of a limit lie in a partition.

        The domain of every group (None if some group lies in several), and the group of every domain (-1 if several
        or none).
        """
        name = (id(labels), partition)
        if name not in self._nesting:
            domains, size = self.problem.partitions[partition], self.sizes[partition]
            groups = int(labels.max(initial=-1)) + 1
            inside = labels >= 0
            first = np.full(groups, -1, np.int64)
            first[labels[inside]] = domains[inside]
            nested = bool((first[labels[inside]] == domains[inside]).all())
            group = np.full(size, -1, np.int64)
            group[domains] = labels
            mixed = group[domains] != labels
            group[domains[mixed]] = -1
            self._nesting[name] = (labels, first if nested else None, group)
        return self._nesting[name][1:]

    def offer(self, key: PartKey) -> Offer:
        """Where a part could go now."""
        want = self._wants.get(key) or self._want(key)
        offer = self._offers.get(want.number)
        if offer is None:
            stock = self._stocks.get(want.demand)
            if stock is None:
                stock = self._stocks[want.demand] = Stock(self.free, want.demand)
            offer = self._offers[want.number] = Offer(stock, want.mask, want.prices)
            if len(self._offers) > _OFFERS:
                self._offers.popitem(last=False)
        else:
            self._offers.move_to_end(want.number)
            offer.sync()
        return offer

    def mask(self, key: PartKey) -> BoolArray | None:
        """Bins where a part may sit, None for all."""
        return (self._wants.get(key) or self._want(key)).mask

    def _want(self, key: PartKey) -> _Want:
        item, part = key
        sheet = sheet_of(self.problem, item)
        masks = [mask for p, mask in sheet.masks if p == part]
        prices = [each for p, _, each in sheet.units if p == part]
        closed = tuple(sorted({id(mask) for mask in masks}))
        if closed not in self._masks:
            self._masks[closed] = np.logical_and.reduce(masks) if masks else None
        demand = self.problem.items[item].parts[part].demand
        name = demand, closed, tuple(sorted(id(each) for each in prices))
        number = self._numbers.setdefault(name, len(self._numbers))
        want = self._wants[key] = _Want(demand, self._masks[closed], prices, number)
        return want

    def settle(self, item: int, seats: tuple[tuple[Seat, ...], ...], *, taken: bool = False) -> None:
        """The item is placed; `taken`: its capacity has been taken already."""
        if not taken:
            for part, held in zip(self.problem.items[item].parts, seats, strict=True):
                for seat in held:
                    self.free.give(part.demand, seat, -1)
        counts = _counts(seats)
        self.seats[item] = seats
        for ledger in self.ledgers[item]:
            ledger.add(item, counts)
        self.tally.put(item, seats, counts)

    def fits(self, item: int, seats: tuple[tuple[Seat, ...], ...]) -> bool:
        """Whether the item, not placed now, could take exactly these seats: capacity and limits of several items."""
        counts = _counts(seats)
        asked: dict[tuple[int, int], int] = {}
        amounts: dict[int, IntArray] = {}
        for part, held in zip(self.problem.items[item].parts, seats, strict=True):
            for seat in held:
                for device, milli in seat.devices:
                    asked[seat.bin, device] = asked.get((seat.bin, device), 0) + milli
                if part.demand.resources:
                    amounts[seat.bin] = amounts.get(seat.bin, 0) + part.demand.amounts
        if any(self.free.devices[place] < milli for place, milli in asked.items()):
            return False
        if any(bool((self.free.resources[b] < amount).any()) for b, amount in amounts.items()):
            return False
        local: dict[int, dict[int, int]] = {}
        for p, held_in in counts.items():
            for ledger in self.ledgers[item] if held_in else ():
                for joint in ledger.joints((item, p), local):
                    asked_of: Counter[int] = Counter()
                    for b, n in held_in.items():
                        asked_of[int(joint.labels[b])] += n
                    if any(g >= 0 and n > joint.room[g] for g, n in asked_of.items()):
                        return False
            local[p] = held_in
        return True

    def drop(self, item: int) -> tuple[tuple[Seat, ...], ...]:
        """The item is refused again; returns the seats it had."""
        seats = self.seats.pop(item)
        for part, held in zip(self.problem.items[item].parts, seats, strict=True):
            for seat in held:
                self.free.give(part.demand, seat)
        counts = _counts(seats)
        for ledger in self.ledgers[item]:
            ledger.add(item, counts, -1)
        self.tally.drop(item, counts)
        return seats

    def plan(self) -> Plan:
        """The plan so far."""
        return Plan(dict(sorted(self.seats.items())))


def _counts(seats: tuple[tuple[Seat, ...], ...]) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = {}
    for p, held in enumerate(seats):
        counts = found.setdefault(p, {})
        for seat in held:
            counts[seat.bin] = counts.get(seat.bin, 0) + 1
    return found
