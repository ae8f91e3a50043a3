"""Cells: bins that the model need not tell apart.

Fine cells keep the model exact: bins are merged only if every atom sees them alike, all sizes that may sit there form
a divisible chain (then chunk rows over several bins are exact, see `solver.chunks`) and no resource other than devices
can bind. Coarse cells merge whatever the masks allow; the model over them is a relaxation and serves for bounds only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.atoms.allow import Allow, Within
from solver.atoms.caps import Caps
from solver.atoms.left_value import LeftValue
from solver.atoms.pool import Pool
from solver.atoms.remainder import Remainder
from solver.atoms.share import Share
from solver.atoms.vacant import Vacant
from solver.chunks import is_chain, room_alone
from solver.items import WHOLE, BoolArray, ByteArray, Demand, IntArray, PartKey
from solver.problem import Problem
from solver.sheet import sheet_of

__all__ = ["Cells", "Rooms", "coarse_cells", "fine_cells", "rooms"]

Rooms = Mapping[PartKey, IntArray]
"""Part -> replicas that each bin could take if nothing else were placed, int64[N]."""


_MERGING = 0.8
"""A partition with more domains than this share of the bins keeps nearly all of them apart: no use in a relaxation."""

_MOST_SPLIT = 10_000
"""Most parts x groups for which coarse cells keep groups apart: the model grows by about so many columns."""


@dataclass(frozen=True)
class Cells:
    """A partition of the bins that matter, and for every part the replicas each cell could take alone.

    `members`: bins of each cell. `upper[key]`: int64[cells]. `exact`: the model over these cells is no relaxation.
    """

    members: tuple[IntArray, ...]
    upper: Mapping[PartKey, IntArray]
    exact: bool

    @property
    def columns(self) -> int:
        """Replica counts that a model over these cells has."""
        return sum(int((upper > 0).sum()) for upper in self.upper.values())


def rooms(problem: Problem, *, devices_only: bool = False) -> dict[PartKey, IntArray]:
    """For every part the replicas that each bin could take if nothing else were placed, int64[N], masks applied.

    `devices_only` leaves the resources out of account. Made once per problem, and not to be changed.
    """
    return problem.recall(("rooms", devices_only), lambda: _rooms(problem, devices_only=devices_only))


def _rooms(problem: Problem, *, devices_only: bool) -> dict[PartKey, IntArray]:
    by_demand: dict[Demand, IntArray] = {}
    found: dict[PartKey, IntArray] = {}
    shared: dict[tuple[Demand, tuple[int, ...]], IntArray] = {}
    alike: dict[tuple[bytes, bytes], IntArray] = {}
    """One array for all demands and masks that come to the same, by the bins that have room and how much."""
    usable: dict[Demand, IntArray] = {}
    for key, part in problem.parts():
        if part.demand not in by_demand:
            asked = replace(part.demand, resources=()) if devices_only else part.demand
            by_demand[part.demand] = room_alone(problem.bins.devices, problem.bins.resources, asked)
            usable[part.demand] = np.flatnonzero(by_demand[part.demand])
        masks = [mask for p, mask in sheet_of(problem, key[0]).masks if p == key[1]]
        name = (part.demand, tuple(sorted({id(m) for m in masks})))
        if name not in shared:
            room, bins = by_demand[part.demand], usable[part.demand]
            open_ = np.ones(bins.size, np.bool_)
            for m in masks:
                open_ &= m[bins]
            bins = bins[open_]
            content = (bins.tobytes(), room[bins].tobytes())
            if content not in alike:
                alike[content] = np.zeros(room.size, np.int64)
                alike[content][bins] = room[bins]
            shared[name] = alike[content]
        found[key] = shared[name]
    for atom in problem.of(Within):
        _prune(problem, atom, found)
    return found


def _prune(problem: Problem, atom: Within, found: dict[PartKey, IntArray]) -> None:
    """Close domains that cannot hold the parts which the bundle always needs."""
    labels = problem.partitions[atom.partition]
    item = problem.items[atom.item]
    open_ = np.ones(problem.domains(atom.partition), np.bool_)
    for p, part in enumerate(item.parts):
        if part.bundle == atom.bundle and part.min_count:
            bins = np.flatnonzero(found[atom.item, p])
            room = np.minimum(found[atom.item, p][bins], part.count)
            held = np.bincount(labels[bins], room, minlength=open_.size)
            open_ &= held >= part.min_count
    if not open_.all():
        for p in item.parts_of(atom.bundle):
            found[atom.item, p] = np.where(open_[labels], found[atom.item, p], 0)


def _group(figures: Iterable[IntArray | ByteArray], count: int) -> IntArray:
    ids = np.zeros(count, np.int64)
    seen: set[int] = set()
    keep = []
    for figure in figures:
        if id(figure) in seen:
            continue
        seen.add(id(figure))
        keep.append(figure)  # kept alive, so that an identity is not used twice
        _, ranks = np.unique(figure, return_inverse=True)
        if int(ranks.max(initial=0)):
            _, ids = np.unique(ids * (int(ranks.max()) + 1) + ranks, return_inverse=True)
    return ids


def _told_apart(masks: Sequence[BoolArray], usable: BoolArray) -> IntArray:
    """A label for every set of usable bins that no mask tells apart, int64[N], in the order of the masks' values."""
    bins = np.flatnonzero(usable)
    marks = np.packbits(np.stack([mask[bins] for mask in masks], axis=1), axis=1)
    labels = np.zeros(usable.size, np.int64)
    labels[bins] = np.unique(marks.view(f"V{marks.shape[1]}")[:, 0], return_inverse=True)[1]
    return labels


def _distinct(problem: Problem, found: Rooms) -> list[tuple[Demand, IntArray]]:
    seen: dict[tuple[Demand, int], tuple[Demand, IntArray]] = {}
    for key, part in problem.parts():
        seen.setdefault((part.demand, id(found[key])), (part.demand, found[key]))
    return list(seen.values())


def _cells(problem: Problem, groups: list[IntArray], found: Rooms, *, exact: bool) -> Cells:
    owner = np.full(problem.bins.count, -1, np.int64)
    for index, bins in enumerate(groups):
        owner[bins] = index
    used = np.flatnonzero(owner >= 0)
    owners = owner[used]
    cached: dict[int, IntArray] = {}
    upper: dict[PartKey, IntArray] = {}
    for key, room in found.items():
        if id(room) not in cached:
            total = np.bincount(owners, np.minimum(room[used], 2**31), minlength=len(groups))
            cached[id(room)] = total.astype(np.int64)
        upper[key] = np.minimum(cached[id(room)], problem.part(key).count)
    return Cells(tuple(groups), upper, exact)


def _homes(problem: Problem) -> IntArray:
    """A label of its own for every bin in which something runs that may be disturbed: seats there are told apart."""
    label = np.zeros(problem.bins.count, np.int64)
    used = sorted({seat.bin for parts in problem.homes.values() for seats in parts for seat in seats})
    label[used] = np.arange(1, len(used) + 1)
    return label


def fine_cells(problem: Problem, found: Rooms | None = None) -> Cells:
    """Cells over which the model is exact. Bins that no part can use belong to no cell. `found` are the `rooms`."""
    found = rooms(problem) if found is None else found
    count = problem.bins.count
    demands = _distinct(problem, found)
    usable = np.zeros(count, np.bool_)
    mergeable = np.ones(count, np.bool_)
    volume = problem.bins.devices.sum(axis=1)
    for _, room in demands:
        usable |= room > 0
    for demand, room in _distinct(problem, rooms(problem, devices_only=True)):
        here = room > 0
        for column, amount in enumerate(demand.resources):
            free = problem.bins.resources[:, column]
            tame = amount * volume <= free * demand.volume if demand.volume else np.full(count, not amount)
            mergeable &= tame | ~here
    offered = [*(a.sizes for a in problem.of(Remainder)), *(a.sizes for a in problem.of(LeftValue))]
    extra = [size * WHOLE for each in offered for size in each]
    ids = _group((_homes(problem), *(f for atom in problem.atoms for f in atom.signature(problem))), count)
    groups: list[IntArray] = []
    order = np.argsort(ids, kind="stable")
    order = order[usable[order]]
    for bins in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1) if order.size else []:
        merge, alone = bins[mergeable[bins]], bins
        if merge.size > 1:
            sizes = {d.volume for d, room in demands if d.volume and bool((room[merge] > 0).any())}
            if is_chain(sizes | set(extra)):
                groups.append(merge)
                alone = bins[~mergeable[bins]]
        groups.extend(alone[i : i + 1] for i in range(alone.size))
    groups.sort(key=lambda bins: int(bins[0]))
    return _cells(problem, groups, found, exact=True)


def coarse_cells(problem: Problem, detail: int = 0, found: Rooms | None = None) -> Cells:
    """Cells for a relaxation: `detail` 0 keeps only the masks apart, 1 also the groups of limits, 2 also domains.

    The domains are those of requirements, where they hold several bins. Groups that shall be vacant are kept apart if
    they are few: what has to leave such a group is seen only if it is a cell of its own; where any of many groups will
    do, the model is hardly stronger for it, and only larger. `found` are the `rooms`.
    """
    found = rooms(problem) if found is None else found
    usable = np.zeros(problem.bins.count, np.bool_)
    for _, room in _distinct(problem, found):
        usable |= room > 0
    masks: dict[int, BoolArray] = {}
    for item in range(len(problem.items)):
        for _, mask in sheet_of(problem, item).masks:
            masks.setdefault(id(mask), mask)
    kept: list[IntArray | ByteArray] = [_told_apart(list(masks.values()), usable)] if masks else []
    for atom in problem.atoms if detail else ():
        if isinstance(atom, Caps | Share | Pool):
            kept += atom.signature(problem)
        elif atom.tier < 0 and detail > 1 and not isinstance(atom, Allow):
            kept += [f for f in atom.signature(problem) if np.unique(f[usable]).size <= _MERGING * usable.sum()]
    parts = sum(len(item.parts) for item in problem.items)
    vacant = [a for a in problem.of(Vacant) if a.wanted == len(a.groups)]
    kept += [a.labels for a in vacant if len(a.groups) * parts <= _MOST_SPLIT]
    ids = _group(kept, problem.bins.count)
    groups = [np.flatnonzero((ids == g) & usable) for g in range(int(ids.max(initial=0)) + 1)]
    return _cells(problem, [g for g in groups if g.size], found, exact=False)
