"""Capacity of a cell as rows: resources, chunk rows, and single devices where sizes form no chain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from solver.atoms.left_value import LeftValue
from solver.atoms.remainder import Remainder
from solver.cells import Cells
from solver.chunks import chunk_sizes, is_chain, load, supply_per_bin
from solver.items import WHOLE, Demand, IntArray, PartKey
from solver.model import LinearModel
from solver.plan import Plan
from solver.problem import Problem

__all__ = ["Filling", "write_capacity"]


class Filling(Protocol):
    """What this module needs of the encoder."""

    problem: Problem
    cells: Cells
    plan: Plan
    model: LinearModel
    columns: dict[PartKey, dict[int, int]]
    by_cell: list[list[PartKey]]
    offers: dict[tuple[int, int], tuple[int, int]]
    on_device: dict[tuple[PartKey, int], dict[int, int]]

    def known(self, key: PartKey) -> dict[int, int]:
        """Cell -> replicas in the known plan."""

    def chunks_after(self, cell: int, devices: int) -> int:
        """Chunks of so many whole devices that the known plan leaves in a cell."""


def write_capacity(into: Filling) -> None:
    """Capacity rows of every cell; fills `into.offers` where a `Remainder` or `LeftValue` asks for the chunks left."""
    problem = into.problem
    offered = [*(a.sizes for a in problem.of(Remainder)), *(a.sizes for a in problem.of(LeftValue))]
    sizes = sorted({size for each in offered for size in each})
    chunks = _Chunks(problem)
    for cell, keys in enumerate(into.by_cell):
        if keys:
            _Cell(into, cell, keys, chunks).write(sizes)


class _Chunks:
    """Chunks that replicas take and that bins have free, counted for all cells at once: they ask for much the same."""

    def __init__(self, problem: Problem) -> None:
        self._devices = problem.bins.devices
        demands: dict[Demand, int] = {}
        self.numbers = {key: demands.setdefault(part.demand, len(demands)) for key, part in problem.parts()}
        """The place of each part's demand in what `loads` returns."""
        self._demands = list(demands)
        self._loads: dict[int, list[int]] = {}
        self._free: dict[int, IntArray] = {}

    def loads(self, size: int) -> list[int]:
        """Chunks of one size that a replica of each demand takes at least."""
        if size not in self._loads:
            self._loads[size] = [load(demand, size) for demand in self._demands]
        return self._loads[size]

    def supply(self, members: IntArray, size: int) -> int:
        """Free chunks of one size in a set of bins."""
        if size not in self._free:
            self._free[size] = supply_per_bin(self._devices, size)
        return int(self._free[size][members].sum())


class _Cell:
    def __init__(self, into: Filling, cell: int, keys: Sequence[PartKey], chunks: _Chunks) -> None:
        self.into = into
        self.chunks = chunks
        self.cell = cell
        self.members = into.cells.members[cell]
        self.keys = keys
        self.demands: list[Demand] = [into.problem.part(key).demand for key in keys]
        self.numbers = [chunks.numbers[key] for key in keys]
        self.cols = [into.columns[key][cell] for key in keys]
        self.known = [into.known(key).get(cell, 0) for key in keys]
        self.pinned = self._pinned()

    def _pinned(self) -> set[int]:
        """Devices on which shares that run now have their seat; they may not be taken for another of their kind."""
        homes, bin_ = self.into.problem.homes, int(self.members[0])
        running = [key for key, demand in zip(self.keys, self.demands, strict=True) if demand.milli and key[0] in homes]
        if self.members.size > 1:
            return set()
        return {seat.devices[0][0] for i, p in running for seat in homes[i][p] if seat.bin == bin_}

    def write(self, offered: list[int]) -> None:
        self.into.model.begin("capacity", self.members, "resources")
        self._resources()
        fractions = [d.milli for d in self.demands if d.milli]
        aligned = self.members.size > 1
        offered = [n for n in offered if self.chunks.supply(self.members, n * WHOLE)]
        by_device = not aligned and (bool(self.pinned) or not is_chain(fractions))
        for n in offered:
            before = self.chunks.supply(self.members, n * WHOLE)
            col = self.into.model.var(0, before, self.into.chunks_after(self.cell, n))
            self.into.offers[self.cell, n] = (col, before)
        if by_device:
            # Rows over chunks would add next to nothing to the LP (one of three batches of the suite `openb`: 0.02 % of
            # the bound), and make it twice as slow.
            self.into.model.begin("capacity", self.members, "devices")
            self._devices(offered)
            return
        extra = [n * WHOLE for n in offered]
        sizes = chunk_sizes(self.demands, extra, aligned=aligned)
        if not is_chain([d.volume for d in self.demands if d.volume] if aligned else fractions):
            sizes = [1, *sizes]
        for size in sizes:
            self.into.model.begin("capacity", self.members, size)
            self._chunk_row(size, offered)

    def _resources(self) -> None:
        free = self.into.problem.bins.resources[self.members].sum(axis=0).tolist()
        uppers = [int(self.into.cells.upper[key][self.cell]) for key in self.keys]
        for column, amount in enumerate(free):
            users = [(c, d.resources[column], u) for c, d, u in zip(self.cols, self.demands, uppers, strict=True)]
            users = [(c, a, u) for c, a, u in users if a]
            if sum(a * u for _, a, u in users) > amount:
                self.into.model.row([c for c, _, _ in users], [a for _, a, _ in users], hi=amount)

    def _chunk_row(self, size: int, offered: list[int]) -> None:
        amount = self.chunks.supply(self.members, size)
        each = self.chunks.loads(size)
        taken = [each[number] for number in self.numbers]
        cols = [c for c, a in zip(self.cols, taken, strict=True) if a]
        if not cols:
            return
        amounts = [a for a in taken if a]
        takers = [(n, load(Demand(devices=n), size)) for n in offered]
        takers = [(n, a) for n, a in takers if a]
        if not takers:
            self.into.model.row(cols, amounts, hi=amount)
            return
        total = self.into.model.var(0, amount, sum(a * n for a, n in zip(taken, self.known, strict=True)))
        self.into.model.row([*cols, total], [*amounts, -1], lo=0, hi=0)
        for n, a in takers:
            col, _ = self.into.offers[self.cell, n]
            self.into.model.row([total, col], [1, a], hi=amount)

    def _devices(self, offered: list[int]) -> None:
        """One column per size of fraction and device; full devices are opened by fractions or taken whole."""
        model = self.into.model
        bin_ = int(self.members[0])
        free: IntArray = self.into.problem.bins.devices[bin_]
        held = self._held(bin_)
        full: list[int] = np.flatnonzero(free == WHOLE).tolist()
        if not self.pinned:
            full.sort(key=lambda d: (not any(held.get((d, key)) for key in self.keys), d))
        partial = np.flatnonzero((free > 0) & (free < WHOLE)).tolist()
        opened = [model.var(0, 1, int(any(held.get((d, key)) for key in self.keys))) for d in full]
        for first, second in pairwise(opened) if not self.pinned else ():
            model.row([first, second], [1, -1], lo=0)
        on_device: dict[int, list[tuple[int, int]]] = {d: [] for d in [*partial, *full]}
        for milli, alike in self._alike():
            most = sum(int(self.into.cells.upper[self.keys[index]][self.cell]) for index in alike)
            cols = []
            for device in [*partial, *full]:
                fits = min(most, int(free[device]) // milli)
                if fits:
                    col = model.var(0, fits, sum(held.get((device, self.keys[index]), 0) for index in alike))
                    cols.append(col)
                    if self.pinned:
                        self.into.on_device.setdefault((self.keys[alike[0]], self.cell), {})[device] = col
                    on_device[device].append((col, milli))
            if cols:
                model.row([*cols, *(self.cols[i] for i in alike)], [1] * len(cols) + [-1] * len(alike), lo=0, hi=0)
        gates = dict(zip(full, opened, strict=True))
        for device, pairs in on_device.items():
            cols, shares = [c for c, _ in pairs], [m for _, m in pairs]
            if device in gates:
                model.row([*cols, gates[device]], [*shares, -WHOLE], hi=0)
            elif pairs:
                model.row(cols, shares, hi=int(free[device]))
        whole = [(c, d.devices) for c, d in zip(self.cols, self.demands, strict=True) if d.devices]
        base = ([c for c, _ in whole] + opened, [n for _, n in whole] + [1] * len(opened))
        for extra in [None, *offered]:
            add = [] if extra is None else [self.into.offers[self.cell, extra][0]]
            if base[0]:
                model.row([*base[0], *add], [*base[1], *([extra] if extra else [])], hi=len(full))

    def _alike(self) -> list[tuple[int, list[int]]]:
        """Fractions of one size, which a device need not tell apart unless some of them have their device already."""
        found: dict[tuple[int, int], list[int]] = {}
        for index, demand in enumerate(self.demands):
            if demand.milli:
                found.setdefault((demand.milli, index if self.pinned else -1), []).append(index)
        return [(milli, alike) for (milli, _), alike in found.items()]

    def _held(self, bin_: int) -> dict[tuple[int, PartKey], int]:
        held: dict[tuple[int, PartKey], int] = {}
        for key in self.keys:
            seats = self.into.plan.seats.get(key[0])
            for seat in seats[key[1]] if seats and self.into.known(key).get(self.cell) else ():
                if seat.bin == bin_ and self.into.problem.part(key).demand.milli:
                    name = (seat.devices[0][0], key)
                    held[name] = held.get(name, 0) + 1
        return held
