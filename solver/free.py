"""What is free while a plan is built: devices and resources of every bin, and what the bins are worth as they are."""

from __future__ import annotations

import numpy as np

from solver.chunks import PLENTY
from solver.items import WHOLE, BoolArray, Demand, IntArray
from solver.plan import Seat
from solver.problem import Problem
from solver.worth import Worth

__all__ = ["Free"]


class Free:
    """Residual capacity of every bin; it knows no plan."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.devices = problem.bins.devices.copy()
        self.resources = problem.bins.resources.copy()
        self.whole: IntArray = (self.devices == WHOLE).sum(axis=1)
        """Whole free devices of every bin."""
        self.milli: IntArray = self.devices.sum(axis=1)
        """Free thousandths of every bin."""
        self.changed: list[int] = []
        """Bins in the order in which they changed."""
        self.worth = Worth(problem, self.devices, self.resources)

    def since(self, mark: int) -> IntArray:
        """Bins that changed after so many changes."""
        if len(self.changed) - mark > self.problem.bins.count:
            return np.arange(self.problem.bins.count)
        return np.array(list(set(self.changed[mark:])), np.int64)

    def count(self, bins: IntArray, demand: Demand) -> IntArray:
        """Replicas of a demand that fit each of the bins now."""
        return _count(demand, self.whole[bins], self.devices, self.resources, bins)

    def ever(self, demand: Demand) -> IntArray:
        """Bins that hold a replica of a demand when nothing is placed, int64[M]."""
        return self.problem.recall(("ever", demand), lambda: self._ever(demand))

    def _ever(self, demand: Demand) -> IntArray:
        free = self.problem.bins
        bins: IntArray = np.arange(free.count)
        whole = self.problem.recall("whole", lambda: np.asarray((free.devices == WHOLE).sum(axis=1)))
        if demand.devices:
            bins = np.flatnonzero(whole >= demand.devices)
        return bins[_count(demand, whole[bins], free.devices, free.resources, bins) > 0]

    def scarcity(self, bins: IntArray, demand: Demand) -> IntArray:
        """What the bins are worth as they are, and one replica would take of that."""
        opens: BoolArray | None = None
        if demand.milli:
            rows = self.devices.take(bins, axis=0)
            opens = np.logical_not(np.any((rows >= demand.milli) & (rows < WHOLE), axis=1))
        return self.worth.price(bins, self.whole[bins], demand, opens)

    def take(self, demand: Demand, bin_: int, amount: int) -> list[Seat]:
        """Seats for so many replicas in one bin, which has room for them: shares by best fit, devices in order.

        Where `LeftValue` says what is left, a share goes to the device on which it takes the least.
        """
        left = self.worth.left
        if demand.milli and left is not None:
            kept: list[Seat] = []
            for _ in range(amount):
                kept.append(Seat(bin_, ((left.device(bin_, demand), demand.milli),)))
                self.give(demand, kept[-1], -1)
            return kept
        row: list[int] = self.devices[bin_].tolist()
        seats = []
        if demand.milli:
            for _ in range(amount):
                device = min((f, d) for d, f in enumerate(row) if f >= demand.milli)[1]
                row[device] -= demand.milli
                seats.append(Seat(bin_, ((device, demand.milli),)))
        elif demand.devices:
            idle = [d for d, f in enumerate(row) if f == WHOLE]
            each = demand.devices
            used = idle[: amount * each]
            for d in used:
                row[d] = 0
            pairs = [(d, WHOLE) for d in used]
            seats = [Seat(bin_, tuple(pairs[first : first + each])) for first in range(0, len(pairs), each)]
        else:
            seats = [Seat(bin_)] * amount
        self._change(demand, bin_, row, -amount)
        return seats

    def give(self, demand: Demand, seat: Seat, times: int = 1) -> None:
        """One replica leaves its seat (times = -1: takes it)."""
        row: list[int] = self.devices[seat.bin].tolist()
        for device, milli in seat.devices:
            row[device] += times * milli
        self._change(demand, seat.bin, row, times)

    def _change(self, demand: Demand, bin_: int, row: list[int], given: int) -> None:
        if demand.volume:
            before, after = int(self.whole[bin_]), row.count(WHOLE)
            self.devices[bin_] = row
            self.milli[bin_] += given * demand.volume
            if before != after:
                self.whole[bin_] = after
                self.worth.broken(bin_, before, after)
        if demand.resources:
            free = self.resources[bin_]
            free += given * demand.amounts
        if self.worth.grouped:
            self.changed += self.worth.held(bin_, -given)
        if self.worth.left is not None:
            self.worth.left.touch(bin_)
        self.changed.append(bin_)


def _count(demand: Demand, whole: IntArray, devices: IntArray, resources: IntArray, bins: IntArray) -> IntArray:
    """Replicas that fit each of the bins; `whole` is that of these bins, the others are of all."""
    room: IntArray
    if demand.devices:
        room = whole // demand.devices
    elif demand.milli:
        room = np.asarray((devices.take(bins, axis=0) // demand.milli).sum(axis=1))
    else:
        room = np.full(bins.size, PLENTY, np.int64)
    # One resource at a time: numpy divides much faster by one number than by several.
    free = resources.take(bins, axis=0) if demand.resources else resources
    for column, amount in enumerate(demand.resources):
        if amount:
            room = np.minimum(room, free[:, column] // amount)
    return np.maximum(room, 0)
