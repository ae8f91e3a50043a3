"""LeftValue: what a plan takes from the worth of the bins to expected demands (a state of each bin's content)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from solver.chunks import PLENTY
from solver.items import WHOLE, BoolArray, Demand, IntArray
from solver.plan import Plan
from solver.problem import Atom, Encoding, Problem

__all__ = ["LeftValue"]

Floats = npt.NDArray[np.float64]

_EXACT = 2**53
"""Integers below this are exact as floats, so that sums may run as a product of matrices."""
_LARGEST = 2**62
_BLOCK = 128
"""Bins that are valued at once: tables of more do not stay in the cache."""


@dataclass(frozen=True, eq=False)
class LeftValue(Atom):
    """A bin is worth what expected demands could still use of it; a plan costs what it takes from that.

    V(bin) = unit[bin] x sum over demands c that the bin's kind admits of (usable[c] x U_c + slots[c] x S_c) // scale.
    S_c: how many replicas of c alone the bin still holds, by devices and resources. U_c: free thousandths on devices
    that have at least the thousandths c asks of one, if S_c > 0, else 0.
    Cost = sum over bins of V before - V after, never negative, because S and U only fall as a bin fills.

    The encoding is a lower bound. Demands of whole devices lose by the chunks that are no longer there, demands of
    shares by every replica that takes at least as much of a device; slots only where resources do not limit them now.
    Rests that become too small and resources that run out cost nothing there.
    """

    rule: str
    tier: int
    demands: tuple[Demand, ...]
    """What is expected; each asks for devices."""
    usable: IntArray
    """int64[C]."""
    slots: IntArray
    """int64[C]."""
    allowed: BoolArray
    """bool[C, kinds]: bins of which kinds a demand may use."""
    kind: IntArray
    """int64[N], 0 .. kinds - 1."""
    unit: IntArray
    """int64[N]."""
    scale: int = 1
    exact: ClassVar[bool] = False

    def items(self) -> Iterable[int]:
        """None by name: it speaks of bins."""
        return ()

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """Itself."""
        return self

    def validate(self, problem: Problem) -> None:
        """Figures of the right shapes, none negative, and no sum beyond what is counted exactly."""
        count, bins = len(self.demands), problem.bins
        shapes = self.usable.shape == self.slots.shape == (count,) and self.kind.shape == self.unit.shape
        kinds = self.allowed.shape[1] if self.allowed.ndim == 2 else 0
        if not shapes or self.kind.shape != (bins.count,) or self.allowed.shape != (count, kinds) or self.scale < 1:
            raise ValueError(f"{self.rule}: usable and slots are int64[C], kind and unit int64[bins], scale positive")
        if (self.kind < 0).any() or (self.kind >= kinds).any():
            raise ValueError(f"{self.rule}: a kind without a column of `allowed`")
        if min(self.usable.min(initial=0), self.slots.min(initial=0), self.unit.min(initial=0)) < 0:
            raise ValueError(f"{self.rule}: no figure is negative")
        if any(not d.volume or len(d.resources) != bins.resources.shape[1] for d in self.demands):
            raise ValueError(f"{self.rule}: an expected demand asks for devices and names all resources")
        most = int(bins.devices.sum(axis=1).max(initial=0))
        used = (u * most + s * (most // d.volume) for u, s, d in zip(*self._figures, self.demands, strict=True))
        inner = sum(used)
        if inner >= _EXACT or inner * int(self.unit.max(initial=0)) >= _LARGEST:
            raise ValueError(f"{self.rule}: the value of a bin is beyond what is counted exactly")

    @property
    def _figures(self) -> tuple[list[int], list[int]]:
        return self.usable.tolist(), self.slots.tolist()

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of chunks, in whole devices, that the encoding prices."""
        return tuple(sorted({d.devices for d in self.demands if d.devices} | {1 for d in self.demands if d.devices}))

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """Kind, unit, and what a lost chunk costs in the encoding."""
        yield self.kind
        yield self.unit
        yield from self._chunk_values(problem).T

    def encode(self, into: Encoding) -> None:
        """Lower bound: the chunks of whole devices that each cell can no longer offer, and what replicas take."""
        problem = into.problem
        values = self._chunk_values(problem)
        for k, size in enumerate(self.sizes):
            for cell, members in enumerate(into.members):
                value = int(values[members, k].min())
                offer = into.offer(cell, size) if value else None
                if offer is not None:
                    col, before = offer
                    into.model.constant(self.tier, value * before)
                    into.model.cost(self.tier, col, -value)
        amounts = {key: WHOLE if part.demand.devices else part.demand.milli for key, part in problem.parts()}
        taken = self._share_values(problem, {amount for amount in amounts.values() if amount})
        for key, amount in amounts.items() if taken else ():
            if amount:
                many, least = max(1, problem.part(key).demand.devices), into.least(taken[amount])
                for cell, col in into.counts(key).items():
                    if value := many * least[cell] // self.scale:
                        into.model.cost(self.tier, col, value)

    def _chunk_values(self, problem: Problem) -> IntArray:
        """int64[N, sizes]: what a lost chunk costs at least.

        A demand for n whole devices that resources do not limit now loses a slot with every chunk of n, and 1000
        usable thousandths with every chunk of one. Rounded down per chunk, which is below the rounding of V.
        """
        devices, resources = problem.bins.devices, problem.bins.resources
        whole = (devices == WHOLE).sum(axis=1)
        found = np.zeros((problem.bins.count, len(self.sizes)), np.int64)
        for c, demand in enumerate(self.demands):
            if not demand.devices:
                continue
            chunks, room = whole // demand.devices, _room(demand, resources)
            here = self.allowed[c, self.kind] & (chunks > 0)
            found[:, self.sizes.index(demand.devices)] += np.where(here & (room >= chunks), self.slots[c], 0)
            found[:, 0] += np.where(here & (room > 0), self.usable[c] * WHOLE, 0)
        return self.unit[:, None] * found // self.scale

    def _share_values(self, problem: Problem, amounts: Iterable[int]) -> dict[int, IntArray]:
        """Thousandths taken of one device -> int64[N]: what demands of shares lose at least by that, times `scale`.

        The device has had at least as much, so each demand that asks for no more could use it: it loses as many usable
        thousandths, and as many slots as these hold, whatever else is taken before or after.
        """
        asking = [c for c, demand in enumerate(self.demands) if demand.milli]
        if not asking:
            return {}
        devices, resources = problem.bins.devices, problem.bins.resources
        milli = np.array([self.demands[c].milli for c in asking], np.int64)
        room = np.stack([_room(self.demands[c], resources) for c in asking])
        slots = np.stack([(devices // m).sum(axis=1) for m in milli.tolist()])
        allowed = self.allowed[asking][:, self.kind]
        roomy, free = (allowed & (room > 0)).astype(np.int64), (allowed & (room >= slots)).astype(np.int64)
        usable, each = self.usable[asking], self.slots[asking]
        return {
            amount: self.unit
            * (np.where(milli <= amount, usable * amount, 0) @ roomy + each * (amount // milli) @ free)
            for amount in sorted(amounts)
        }

    def cost(self, problem: Problem, plan: Plan) -> int:
        """V before less V after over the bins that the plan touches, however much it takes."""
        flat = plan.flat
        if not flat.bins.size:
            return 0
        bins = np.unique(flat.bins)
        devices, resources = problem.bins.devices[bins], problem.bins.resources[bins]
        before = self.values(bins, devices, resources)
        row = np.searchsorted(bins, flat.bins)
        np.subtract.at(devices, (row[flat.seat], flat.device), flat.milli)
        demands = np.stack([problem.items[item].parts[part].demand.amounts for item, part, _ in flat.owners])
        np.subtract.at(resources, row, np.repeat(demands, [n for _, _, n in flat.owners], axis=0))
        return int((before - self.values(bins, np.clip(devices, 0, WHOLE), np.maximum(resources, 0))).sum())

    def values(self, bins: IntArray, devices: IntArray, resources: IntArray) -> IntArray:
        """V int64[K] of these bins if `devices` [K, D] and `resources` [K, R] were free there."""
        parts = [slice(first, first + _BLOCK) for first in range(0, bins.size, _BLOCK)]
        found = [self._values(bins[part], devices[part], resources[part]) for part in parts]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def _values(self, bins: IntArray, devices: IntArray, resources: IntArray) -> IntArray:
        tables = self._tables
        count = tables.milli.size
        pieces = np.zeros((bins.size, 2 * count))
        for slot in range(devices.shape[1]):
            pieces += tables.pieces[devices[:, slot]]
        # Demands are rows from here on: a row is copied much faster than a column.
        by_device = np.ascontiguousarray(pieces.T)
        whole = (devices == WHOLE).sum(axis=1)
        ways = np.concatenate([by_device[:count], whole // tables.several[:, None]])
        slots = ways[tables.way]
        for r, (amounts, rows, users) in enumerate(tables.amounts):
            if users.size:
                room = (resources[:, r] // amounts[:, None]).astype(np.float64)
                slots[users] = np.minimum(slots[users], room[rows])
        if tables.choosy.size:
            slots[tables.choosy] *= tables.admitted[:, self.kind[bins]]
        roomy = by_device[count:][tables.milli_of]
        roomy *= slots > 0
        inner = tables.slot_value @ slots + tables.usable_value @ roomy
        worth: IntArray = self.unit[bins] * inner.astype(np.int64) // self.scale
        return worth

    @cached_property
    def _tables(self) -> _Tables:
        return _Tables(self)


def _room(demand: Demand, resources: IntArray) -> IntArray:
    """Replicas that resources [N, R] leave room for, int64[N]."""
    room = np.full(resources.shape[0], PLENTY, np.int64)
    for r, amount in enumerate(demand.resources):
        if amount:
            room = np.minimum(room, resources[:, r] // amount)
    return room


class _Tables:
    """What `values` looks up: demands share few sizes and amounts, so these are counted once per bin."""

    def __init__(self, atom: LeftValue) -> None:
        demands = atom.demands
        asked = np.array([d.milli or WHOLE for d in demands], np.int64)
        self.milli: IntArray
        """Thousandths asked of one device, each figure once."""
        self.milli, found = np.unique(asked, return_inverse=True)
        self.milli_of: IntArray = found.astype(np.int64)
        left = np.arange(WHOLE + 1)[:, None]
        usable = np.where(left >= self.milli, left, 0)
        self.pieces: Floats = np.concatenate([left // self.milli, usable], axis=1).astype(np.float64)
        """[free thousandths of a device, replicas of each milli that it holds; then thousandths usable for each]."""
        self.several: IntArray
        """Numbers of whole devices above one, each once."""
        devices = np.array([d.devices for d in demands], np.int64)
        self.several = np.unique(devices[devices > 1])
        several = self.milli.size + np.searchsorted(self.several, devices)
        self.way: IntArray = np.where(devices > 1, several, self.milli_of)
        """Row of a demand among the sizes on one device, then the numbers of several devices."""
        self.amounts: list[tuple[IntArray, IntArray, IntArray]] = []
        """For each resource: amounts asked, each once; the demands that ask for it, and which amount is theirs."""
        for r in range(len(demands[0].resources) if demands else 0):
            column = np.array([d.resources[r] for d in demands], np.int64)
            users = np.flatnonzero(column)
            amounts, rows = np.unique(column[users], return_inverse=True)
            self.amounts.append((amounts, rows.astype(np.int64), users))
        self.choosy: IntArray = np.flatnonzero(~atom.allowed.all(axis=1))
        """Demands that some kinds do not admit, and [of these, kind] whether it does."""
        self.admitted: Floats = atom.allowed[self.choosy].astype(np.float64)
        self.slot_value: Floats = atom.slots.astype(np.float64)
        self.usable_value: Floats = atom.usable.astype(np.float64)
