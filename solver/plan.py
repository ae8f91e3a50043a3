"""A plan: for each placed item the bin and devices of every replica. Plain data, comparable, picklable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from solver.items import IntArray, PartKey

__all__ = ["Flat", "Plan", "Seat"]


@dataclass(frozen=True, order=True)
class Seat:
    """Where one replica sits: its bin and the (device, thousandths) pairs it holds there."""

    bin: int
    devices: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Flat:
    """All seats of a plan as arrays, item by item and part by part.

    `owners`: (item, part, seats) in order; `bins` int64[S] of every seat; of every pair of device and thousandths, in
    order of the seats: `seat`, `device` and `milli` int64[P].
    """

    owners: tuple[tuple[int, int, int], ...]
    bins: IntArray
    seat: IntArray
    device: IntArray
    milli: IntArray


@dataclass(frozen=True)
class Plan:
    """Seats of every placed item: item -> one tuple of seats per part. Items that are absent are refused."""

    seats: Mapping[int, tuple[tuple[Seat, ...], ...]] = field(default_factory=dict)
    _bins: dict[PartKey, dict[int, int]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def placed(self, item: int) -> bool:
        """True if the item is placed."""
        return item in self.seats

    def count(self, key: PartKey) -> int:
        """Replicas of a part that are placed."""
        seats = self.seats.get(key[0])
        return 0 if seats is None else len(seats[key[1]])

    def bins_of(self, key: PartKey) -> dict[int, int]:
        """Bin -> replicas of a part in it; counted once, and not to be changed."""
        known = self._bins.get(key)
        if known is None:
            seats = self.seats.get(key[0])
            # A plain dict of numbers: the garbage collector need not look at it.
            known = self._bins[key] = {}
            for seat in () if seats is None else seats[key[1]]:
                known[seat.bin] = known.get(seat.bin, 0) + 1
        return known

    @cached_property
    def flat(self) -> Flat:
        """The seats as arrays, made once."""
        owners, bins, held = [], [], []
        for item, parts in self.seats.items():
            for part, seats in enumerate(parts):
                owners.append((item, part, len(seats)))
                bins += [seat.bin for seat in seats]
                held += [seat.devices for seat in seats]
        pairs = np.array([pair for devices in held for pair in devices], np.int64).reshape(-1, 2)
        seat = np.repeat(np.arange(len(held)), [len(devices) for devices in held])
        return Flat(tuple(owners), np.array(bins, np.int64), seat, pairs[:, 0], pairs[:, 1])

    def __getstate__(self) -> dict[str, Any]:
        """The seats alone travel."""
        return {"seats": self.seats, "_bins": {}}

    def without(self, item: int) -> Plan:
        """This plan with one item refused."""
        return Plan({i: seats for i, seats in self.seats.items() if i != item})
