"""What bins are worth as they are, while a plan is built.

Large free pieces (`Remainder`), use to expected demands (`LeftValue`), empty groups (`Vacant`).
"""

from __future__ import annotations

import numpy as np

from solver.atoms.left_value import LeftValue
from solver.atoms.remainder import Remainder
from solver.atoms.vacant import Vacant
from solver.items import WHOLE, BoolArray, Demand, IntArray
from solver.problem import Problem

__all__ = ["Worth"]


class Worth:
    """The bins while a plan is built; `devices` and `resources` are what is free now, kept by the ground."""

    def __init__(self, problem: Problem, devices: IntArray, resources: IntArray) -> None:
        self._remainders = [_Pieces(atom, devices.shape[1]) for atom in problem.of(Remainder) if atom.sizes]
        self._vacant = [_Groups(atom) for atom in problem.of(Vacant)]
        self.grouped = bool(self._vacant)
        """Whether anything depends on how many replicas a bin holds."""
        left = list(problem.of(LeftValue))
        self.left = _Left(left, devices, resources) if left else None
        self._lost = [0] * problem.tiers

    def lost(self) -> list[int]:
        """What has been taken so far, per tier."""
        if self.left is None:
            return self._lost
        return [known + more for known, more in zip(self._lost, self.left.lost(len(self._lost)), strict=True)]

    def price(self, bins: IntArray, whole: IntArray, demand: Demand, opens: BoolArray | None) -> IntArray:
        """What one more replica would take from each of the bins, as far as they have room.

        `whole`: free devices of each; `opens`: whether a share would break a whole one (None: no share is asked for).
        """
        total = np.zeros(bins.size, np.int64) if self.left is None else self.left.loss(bins, demand)
        for pieces in self._remainders:
            lost = pieces.lost(bins, whole, 1 if demand.milli else demand.devices)
            total += lost if opens is None else lost * opens
        for groups in self._vacant:
            labels = groups.atom.labels[bins]
            total += np.where((labels >= 0) & (groups.replicas[labels] == 0), groups.atom.price_each, 0)
        return total

    def broken(self, bin_: int, before: int, after: int) -> None:
        """The bin has so many whole free devices now."""
        for pieces in self._remainders:
            atom = pieces.atom
            for k, size in enumerate(atom.sizes):
                chunks = before // size - after // size
                if chunks:
                    self._lost[atom.tier] += chunks * int(atom.values[bin_, k])

    def held(self, bin_: int, more: int) -> list[int]:
        """The bin holds so many more replicas; returns the bins whose price has changed by that."""
        changed: list[int] = []
        for groups in self._vacant:
            group = int(groups.atom.labels[bin_])
            if group >= 0:
                cost, before = groups.cost(), int(groups.replicas[group])
                groups.replicas[group] = before + more
                if (before == 0) != (before + more == 0):
                    groups.used += 1 if before == 0 else -1
                    self._lost[groups.atom.tier] += groups.cost() - cost
                    changed += np.flatnonzero(groups.atom.labels == group).tolist()
        return changed


class _Left:
    """Value of every bin by the `LeftValue` atoms; bins that changed are valued anew when someone asks."""

    def __init__(self, atoms: list[LeftValue], devices: IntArray, resources: IntArray) -> None:
        self.atoms, self.devices, self.resources = atoms, devices, resources
        every = np.arange(devices.shape[0])
        self._now = [atom.values(every, devices, resources) for atom in atoms]
        self._taken = [0] * len(atoms)
        self._stale: set[int] = set()
        self.milli_value = max(int(atom.unit.max(initial=0)) / WHOLE for atom in atoms)
        """Most that a free thousandth is worth by itself."""

    def touch(self, bin_: int) -> None:
        """The bin has changed."""
        self._stale.add(bin_)

    def lost(self, tiers: int) -> list[int]:
        """Value taken so far, per tier."""
        self._refresh()
        found = [0] * tiers
        for atom, taken in zip(self.atoms, self._taken, strict=True):
            found[atom.tier] += taken
        return found

    def _refresh(self) -> None:
        if self._stale:
            bins = np.array(list(self._stale), np.int64)
            self._stale.clear()
            for number, (atom, now) in enumerate(zip(self.atoms, self._now, strict=True)):
                values = atom.values(bins, self.devices[bins], self.resources[bins])
                self._taken[number] += int((now[bins] - values).sum())
                now[bins] = values

    def loss(self, bins: IntArray, demand: Demand) -> IntArray:
        """What one more replica would take of the value of each bin, int64[K]; 0 where there is no room."""
        self._refresh()
        found = np.full(bins.size, -1, np.int64)
        at, _, after = self._ways(bins, demand)
        np.maximum.at(found, at, after)
        before = self._now[0][bins]
        for now in self._now[1:]:
            before = before + now[bins]
        loss: IntArray = np.where(found >= 0, before - found, 0)
        return loss

    def device(self, bin_: int, demand: Demand) -> int:
        """The device on which a share takes the least; the fullest of those, the first on ties."""
        _, device, after = self._ways(np.array([bin_], np.int64), demand)
        free = self.devices[bin_]
        best: tuple[int, int, int] = min(zip((-after).tolist(), free[device].tolist(), device.tolist(), strict=True))
        return best[2]

    def _ways(self, bins: IntArray, demand: Demand) -> tuple[IntArray, IntArray, IntArray]:
        """Ways to place one replica: index into `bins`, device (of a share), value of the bin after it.

        Devices with as much free as an earlier one of their bin are left out.
        """
        devices, left = self.devices[bins], self.resources[bins] - np.array(demand.resources, np.int64)
        room: BoolArray = np.asarray((left >= 0).all(axis=1))
        if demand.milli:
            fits = (devices >= demand.milli) & room[:, None]
            for slot in range(1, devices.shape[1]):
                fits[:, slot] &= (devices[:, :slot] != devices[:, slot : slot + 1]).all(axis=1)
            at, device = np.nonzero(fits)
            after = devices[at]
            after[np.arange(at.size), device] -= demand.milli
        else:
            idle = devices == WHOLE
            at = np.flatnonzero(room & (idle.sum(axis=1) >= demand.devices))
            device, after = np.zeros_like(at), devices[at]
            if demand.devices:
                after[idle[at] & (np.cumsum(idle[at], axis=1) <= demand.devices)] = 0
        worth = np.zeros(at.size, np.int64)
        for atom in self.atoms:
            worth += atom.values(bins[at], after, left[at])
        return at, device, worth


class _Pieces:
    """What the large pieces of bins are worth, with the tables that say which of them a replica breaks."""

    def __init__(self, atom: Remainder, devices: int) -> None:
        self.atom = atom
        self._values = np.ascontiguousarray(atom.values)
        self._devices = devices
        self._tables: dict[int, IntArray] = {}

    def lost(self, bins: IntArray, whole: IntArray, taken: int) -> IntArray:
        """Value of the pieces lost where bins with so many whole free devices give away `taken` of them."""
        table = self._tables.get(taken)
        if table is None:
            before: IntArray = np.arange(self._devices + 1, dtype=np.int64)[:, None]
            after: IntArray = np.maximum(before - taken, 0)
            sizes = np.array(self.atom.sizes, np.int64)
            table = self._tables[taken] = np.asarray(before // sizes - after // sizes, np.int64)
        found: IntArray = np.add.reduce(table.take(whole, axis=0) * self._values.take(bins, axis=0), axis=1)
        return found


class _Groups:
    """How many replicas sit in each group of a `Vacant` atom."""

    def __init__(self, atom: Vacant) -> None:
        self.atom = atom
        self.replicas = np.zeros(int(atom.labels.max(initial=0)) + 1, np.int64)
        self.used = 0

    def cost(self) -> int:
        """Price of the groups that are missing."""
        free = len(self.atom.groups) - self.used
        return self.atom.price_each * max(0, self.atom.wanted - free)
