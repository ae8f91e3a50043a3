"""Writes a problem over cells into one linear integer model, with the known plan as a complete hint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver.atoms.allow import Within
from solver.cells import Cells
from solver.chunks import supply_per_bin
from solver.collector import no_collection
from solver.fill import write_capacity
from solver.items import WHOLE, BoolArray, ByteArray, IntArray, PartKey, Ranked
from solver.model import Arrays, LinearModel
from solver.plan import Plan
from solver.problem import Kept, Problem

__all__ = ["Encoded", "encode"]


@dataclass(frozen=True)
class Encoded:
    """The model, and where to read replicas per cell in its solutions."""

    arrays: Arrays
    cells: Cells
    columns: Mapping[PartKey, Mapping[int, int]]
    """Part -> cell -> column."""
    on_device: Mapping[tuple[PartKey, int], Mapping[int, int]]
    """(part, cell) -> device -> column, where shares that run now sit in the cell."""
    offers: Mapping[tuple[int, int], tuple[int, int]]
    """(cell, whole devices) -> column of the chunks still on offer, and their number before the plan."""

    def counts(self, x: IntArray) -> dict[PartKey, dict[int, int]]:
        """Part -> cell -> replicas in a solution, zeros left out."""
        found = {}
        for key, by_cell in self.columns.items():
            held = {cell: int(x[col]) for cell, col in by_cell.items() if x[col]}
            if held:
                found[key] = held
        return found

    def devices(self, x: IntArray) -> dict[tuple[PartKey, int], dict[int, int]]:
        """(part, cell) -> device -> shares on it in a solution, for the cells where it matters which device it is."""
        return {
            name: {device: int(x[col]) for device, col in by_device.items() if x[col]}
            for name, by_device in self.on_device.items()
        }


def encode(problem: Problem, cells: Cells, plan: Plan) -> Encoded:
    """The model over `cells`. `plan` must be feasible; its values become the hint of every variable."""
    with no_collection():
        encoder = _Encoder(problem, cells, plan)
        encoder.write_gangs()
        write_capacity(encoder)
        for atom in problem.atoms:
            encoder.model.begin(atom)
            atom.encode(encoder)
    return Encoded(encoder.model.arrays(), cells, encoder.columns, encoder.on_device, encoder.offers)


class _Encoder:
    """See `solver.problem.Encoding`."""

    def __init__(self, problem: Problem, cells: Cells, plan: Plan) -> None:
        self.problem = problem
        self.cells = cells
        self.plan = plan
        self.model = LinearModel(problem.tiers)
        self.columns: dict[PartKey, dict[int, int]] = {}
        self.by_cell: list[list[PartKey]] = [[] for _ in cells.members]
        self.offers: dict[tuple[int, int], tuple[int, int]] = {}
        self.on_device: dict[tuple[PartKey, int], dict[int, int]] = {}
        self._cell_of = np.full(problem.bins.count, -1, np.int64)
        for index, bins in enumerate(cells.members):
            self._cell_of[bins] = index
        self._bins = np.concatenate(cells.members) if cells.members else np.zeros(0, np.int64)
        sizes = [bins.size for bins in cells.members[:-1]]
        self._ends = np.cumsum([0, *sizes]) if cells.members else np.zeros(0, np.int64)
        """The bins of all cells, cell by cell, and where each cell begins among them."""
        self._least: dict[int, tuple[IntArray | ByteArray | Ranked, list[int]]] = {}
        self._ranks: dict[int, tuple[IntArray | ByteArray, IntArray | ByteArray]] = {}
        self._known: dict[PartKey, dict[int, int]] = {}
        self._on: dict[tuple[int, int], int] = {}
        self._domains: dict[int, list[int]] = {}
        self._kept: dict[PartKey, Kept] = {}
        self._homes: dict[tuple[int, int, int], int | None] = {}
        self._touch: dict[tuple[int, int], dict[int, int]] = {}
        self._within = {(a.item, a.bundle, a.partition) for a in problem.of(Within)}

    @property
    def members(self) -> tuple[IntArray, ...]:
        return self.cells.members

    def counts(self, key: PartKey) -> dict[int, int]:
        return self.columns[key]

    def most(self, key: PartKey, cell: int) -> int:
        return int(self.cells.upper[key][cell])

    def least(self, figures: IntArray | Ranked) -> list[int]:
        known = self._least.get(id(figures))
        if known is None or known[0] is not figures:
            if isinstance(figures, Ranked):
                lowest = figures.values[self._lowest(figures.ranks)].tolist()
            else:
                lowest = self._lowest(figures).tolist()
            known = self._least[id(figures)] = (figures, lowest)
        return known[1]

    def _lowest(self, figures: IntArray | ByteArray) -> IntArray | ByteArray:
        found = self._ranks.get(id(figures))
        if found is None or found[0] is not figures:
            found = self._ranks[id(figures)] = (figures, np.minimum.reduceat(figures[self._bins], self._ends))
        return found[1]

    def known(self, key: PartKey) -> dict[int, int]:
        return self._known[key]

    def known_bins(self) -> BoolArray:
        held = np.zeros(self.problem.bins.count, np.bool_)
        held[[seat.bin for parts in self.plan.seats.values() for seats in parts for seat in seats]] = True
        return held

    def on(self, item: int, bundle: int = 0) -> int:
        return self._on[item, bundle]

    def offer(self, cell: int, devices: int) -> tuple[int, int] | None:
        return self.offers.get((cell, devices))

    def domain_of(self, partition: int) -> list[int]:
        if partition not in self._domains:
            labels = self.problem.partitions[partition]
            ends = [(int(labels[bins].min()), int(labels[bins].max())) for bins in self.members]
            self._domains[partition] = [low if low == high else -1 for low, high in ends]
        return self._domains[partition]

    def write_gangs(self) -> None:
        """Replica counts, the on-columns of the gang tree, and their rows."""
        for i, item in enumerate(self.problem.items):
            self.model.begin(f"gang/{item.key}")
            for p in range(len(item.parts)):
                key = (i, p)
                known: dict[int, int] = {}
                for b, n in self.plan.bins_of(key).items():
                    cell = int(self._cell_of[b])
                    known[cell] = known.get(cell, 0) + n
                self._known[key] = known
                cols = {}
                for cell, upper in enumerate(self.cells.upper[key].tolist()):
                    if upper:
                        cols[cell] = self.model.var(0, upper, known.get(cell, 0))
                        self.by_cell[cell].append(key)
                self.columns[key] = cols
            self._write_tree(i)

    def _has_seats(self, i: int, b: int) -> bool:
        """False if a part that the bundle always needs finds too few seats in the whole fleet."""
        parts = enumerate(self.problem.items[i].parts)
        return all(int(self.cells.upper[i, p].sum()) >= part.min_count for p, part in parts if part.bundle == b)

    def _write_tree(self, i: int) -> None:
        item = self.problem.items[i]
        for b, bundle in enumerate(item.bundles):
            parent = bundle.parent
            siblings = item.children(parent) if b else ()
            if b and item.bundles[parent].need == len(siblings):
                self._on[i, b] = self._on[i, parent]
                continue
            held = self.plan.placed(i) and (not b or any(self.plan.count((i, p)) for p in item.parts_of(b)))
            self._on[i, b] = self.model.var(0, int(self._has_seats(i, b)), int(held))
            if b:
                self.model.row([self._on[i, b], self._on[i, parent]], [1, -1], hi=0)
        for b, bundle in enumerate(item.bundles):
            children = item.children(b)
            if bundle.need and bundle.need < len(children):
                cols = [self._on[i, c] for c in children]
                self.model.row([*cols, self._on[i, b]], [1] * len(cols) + [-bundle.need], lo=0)
            own = any(part.bundle == b and part.min_count for part in item.parts)
            if b and not own:
                inside = [col for p in item.parts_of(b) for col in self.columns[i, p].values()]
                self.model.row([*inside, self._on[i, b]], [1] * len(inside) + [-1], lo=0)
        for p, part in enumerate(item.parts):
            cols = list(self.columns[i, p].values())
            ones = [1] * len(cols)
            on = self._on[i, part.bundle]
            if part.min_count == part.count:
                self.model.row([*cols, on], [*ones, -part.count], lo=0, hi=0)
                continue
            self.model.row([*cols, on], [*ones, -part.count], hi=0)
            if part.min_count:
                self.model.row([*cols, on], [*ones, -part.min_count], lo=0)

    def _per_domain(self, item: int, parts: tuple[int, ...], partition: int) -> dict[int, dict[int, list[int]]]:
        """Domain -> part -> cells of that domain in which the part may sit."""
        labels = self.domain_of(partition)
        found: dict[int, dict[int, list[int]]] = {}
        for p in parts:
            for cell in self.columns[item, p]:
                if labels[cell] >= 0:
                    found.setdefault(labels[cell], {}).setdefault(p, []).append(cell)
        return found

    def _bound_by(self, item: int, p: int, cells: list[int], gates: list[int]) -> None:
        """Row: replicas of the part in the cells <= (the most that fit) x (sum of the 0/1 gates)."""
        part = self.problem.items[item].parts[p]
        most = min(part.count, int(self.cells.upper[item, p][cells].sum()))
        cols = [self.columns[item, p][cell] for cell in cells]
        self.model.row([*cols, *gates], [1] * len(cols) + [-most] * len(gates), hi=0)

    def home(self, item: int, bundle: int, partition: int, *, may_span: bool) -> int | None:
        name = (item, bundle, partition)
        if name in self._homes:
            return self._homes[name]
        may_span = may_span and name not in self._within
        whole = self.problem.items[item]
        parts = whole.parts_of(bundle)
        if sum(whole.parts[p].count for p in parts) <= 1:
            self._homes[name] = None
            return self._homes[name]
        labels = self.domain_of(partition)
        seen = {labels[cell] for p in parts for cell in self._known[item, p]} - {-1}
        spans = len(seen) > 1
        span = self.model.var(0, 1, int(spans)) if may_span else None
        mixed = any(labels[cell] < 0 for p in parts for cell in self.columns[item, p])
        domains: dict[int, int] = {}
        for domain, by_part in self._per_domain(item, parts, partition).items():
            gates = [] if span is None else [span]
            if mixed or self._could_hold(item, bundle, by_part):
                domains[domain] = self.model.var(0, 1, int(not spans and domain in seen))
                gates.append(domains[domain])
            for p, cells in by_part.items():
                self._bound_by(item, p, cells, gates)
        cols = [*domains.values(), *([] if span is None else [span]), self._on[item, bundle]]
        self.model.row(cols, [1] * (len(cols) - 1) + [-1], hi=0)
        self._homes[name] = span
        return self._homes[name]

    def _could_hold(self, item: int, bundle: int, by_part: dict[int, list[int]]) -> bool:
        """False if a part that the bundle always needs cannot fit the domain even alone."""
        for p, part in enumerate(self.problem.items[item].parts):
            if part.bundle == bundle and part.min_count:
                cells = by_part.get(p, [])
                if int(self.cells.upper[item, p][cells].sum()) < part.min_count:
                    return False
        return True

    def touch(self, item: int, partition: int) -> dict[int, int]:
        if (item, partition) not in self._touch:
            parts = tuple(range(len(self.problem.items[item].parts)))
            labels = self.domain_of(partition)
            here = {labels[cell] for p in parts for cell in self._known[item, p]}
            found = {}
            for domain, by_part in self._per_domain(item, parts, partition).items():
                col = self.model.var(0, 1, int(domain in here))
                for p, cells in by_part.items():
                    self._bound_by(item, p, cells, [col])
                cols = [self.columns[item, p][cell] for p, cells in by_part.items() for cell in cells]
                self.model.row([*cols, col], [1] * len(cols) + [-1], lo=0)
                found[domain] = col
            self._touch[item, partition] = found
        return self._touch[item, partition]

    def kept(self, key: PartKey) -> Kept:
        if key not in self._kept:
            self._kept[key] = self._stays(key)
        return self._kept[key]

    def _stays(self, key: PartKey) -> Kept:
        home = Counter(self.problem.homes[key[0]][key[1]])
        held = Counter(self.plan.seats[key[0]][key[1]] if self.plan.placed(key[0]) else ())
        seats: dict[int, tuple[int, int]] = {}
        for seat, n in home.items():
            cell = int(self._cell_of[seat.bin])
            by_device = self.on_device.get((key, cell))
            col = self.columns[key].get(cell) if by_device is None else by_device.get(seat.devices[0][0])
            if col is not None:
                total, known = seats.get(col, (0, 0))
                seats[col] = (total + n, known + min(n, held[seat]))
        columns = []
        for col, (most, now) in seats.items():
            stays = self.model.var(0, most, now)
            self.model.row([stays, col], [1, -1], hi=0)
            columns.append(stays)
        known = sum(now for _, now in seats.values())
        return Kept(tuple(columns), known, tuple(most for most, _ in seats.values()))

    @cached_property
    def _after(self) -> IntArray:
        """Free thousandths of every device under the known plan, int64[N, D]."""
        after = self.problem.bins.devices.copy()
        for parts in self.plan.seats.values():
            for seats in parts:
                for seat in seats:
                    for device, milli in seat.devices:
                        after[seat.bin, device] -= milli
        return after

    def chunks_after(self, cell: int, devices: int) -> int:
        """Chunks of so many whole devices that the known plan leaves in a cell."""
        return int(supply_per_bin(self._after[self.members[cell]], devices * WHOLE).sum())
