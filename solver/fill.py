"""Capacity of a cell as rows: resources, chunk rows, and single devices where sizes form no chain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from solver.atoms.left_value import LeftValue
from solver.atoms.remainder import Remainder
from solver.cells import Cells
from solver.chunks import chunk_sizes, is_chain, load, supply
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
    for cell, keys in enumerate(into.by_cell):
        if keys:
            _Cell(into, cell, keys).write(sizes)


class _Cell:
    def __init__(self, into: Filling, cell: int, keys: Sequence[PartKey]) -> None:
        self.into = into
        self.cell = cell
        self.members = into.cells.members[cell]
        self.keys = keys
        self.demands: list[Demand] = [into.problem.part(key).demand for key in keys]
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
        offered = [n for n in offered if supply(self.into.problem.bins, self.members, n * WHOLE)]
        by_device = not aligned and (bool(self.pinned) or not is_chain(fractions))
        for n in offered:
            before = supply(self.into.problem.bins, self.members, n * WHOLE)
            col = self.into.model.var(0, before, self.into.chunks_after(self.cell, n))
            self.into.offers[self.cell, n] = (col, before)
        extra = [n * WHOLE for n in offered]
        sizes = chunk_sizes(self.demands, extra, aligned=aligned)
        if not is_chain([d.volume for d in self.demands if d.volume] if aligned else fractions):
            sizes = [1, *sizes]
        for size in sizes:
            self.into.model.begin("capacity", self.members, size)
            self._chunk_row(size, offered)
        if by_device:
            self.into.model.begin("capacity", self.members, "devices")
            self._devices(offered)

    def _resources(self) -> None:
        free = self.into.problem.bins.resources[self.members].sum(axis=0).tolist()
        uppers = [int(self.into.cells.upper[key][self.cell]) for key in self.keys]
        for column, amount in enumerate(free):
            users = [(c, d.resources[column], u) for c, d, u in zip(self.cols, self.demands, uppers, strict=True)]
            users = [(c, a, u) for c, a, u in users if a]
            if sum(a * u for _, a, u in users) > amount:
                self.into.model.row([c for c, _, _ in users], [a for _, a, _ in users], hi=amount)

    def _chunk_row(self, size: int, offered: list[int]) -> None:
        amount = supply(self.into.problem.bins, self.members, size)
        loads = [(c, load(d, size), n) for c, d, n in zip(self.cols, self.demands, self.known, strict=True)]
        loads = [(c, a, n) for c, a, n in loads if a]
        if not loads:
            return
        cols, amounts = [c for c, _, _ in loads], [a for _, a, _ in loads]
        takers = [(n, load(Demand(devices=n), size)) for n in offered]
        takers = [(n, a) for n, a in takers if a]
        if not takers:
            self.into.model.row(cols, amounts, hi=amount)
            return
        total = self.into.model.var(0, amount, sum(a * n for _, a, n in loads))
        self.into.model.row([*cols, total], [*amounts, -1], lo=0, hi=0)
        for n, a in takers:
            col, _ = self.into.offers[self.cell, n]
            self.into.model.row([total, col], [1, a], hi=amount)

    def _devices(self, offered: list[int]) -> None:
        """One column per fraction and device; full devices are opened by fractions or taken whole."""
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
        seats: dict[int, list[int]] = {}
        on_device: dict[int, list[tuple[int, int]]] = {d: [] for d in [*partial, *full]}
        for index, (key, demand) in enumerate(zip(self.keys, self.demands, strict=True)):
            if not demand.milli:
                continue
            most = int(self.into.cells.upper[key][self.cell])
            for device in [*partial, *full]:
                fits = min(most, int(free[device]) // demand.milli)
                if fits:
                    col = model.var(0, fits, held.get((device, key), 0))
                    seats.setdefault(index, []).append(col)
                    if self.pinned:
                        self.into.on_device.setdefault((key, self.cell), {})[device] = col
                    on_device[device].append((col, demand.milli))
        for index, cols in seats.items():
            model.row([*cols, self.cols[index]], [1] * len(cols) + [-1], lo=0, hi=0)
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

    def _held(self, bin_: int) -> dict[tuple[int, PartKey], int]:
        held: dict[tuple[int, PartKey], int] = {}
        for key in self.keys:
            seats = self.into.plan.seats.get(key[0])
            for seat in seats[key[1]] if seats and self.into.known(key).get(self.cell) else ():
                if seat.bin == bin_ and self.into.problem.part(key).demand.milli:
                    name = (seat.devices[0][0], key)
                    held[name] = held.get(name, 0) + 1
        return held
