"""From replicas per cell to seats: which bin, which devices.

Largest first, each replica where it destroys the fewest large free chunks (best fit in the order of a buddy
allocator). For a divisible chain this always succeeds and keeps the most chunks of every size; on a single bin with
sizes off the chain an exact search over devices takes over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from solver.atoms.left_value import LeftValue
from solver.atoms.remainder import Remainder
from solver.cells import Cells
from solver.items import WHOLE, Demand, IntArray, PartKey
from solver.plan import Plan, Seat
from solver.problem import Problem

__all__ = ["pack_bin", "seat_plan"]

_SEARCH_NODES = 20_000
_SEARCH_SHARES = 200
"""More fractions than this on one bin are seated by best fit alone."""


def pack_bin(free: Sequence[int], whole: int, shares: Sequence[int]) -> list[int] | None:
    """Devices for fractions on one bin, opening as few full devices as possible and leaving `whole` of them.

    `free`: free thousandths per device; `shares`: thousandths per fraction. Returns the device of each fraction in
    the order given, or None if it is impossible (or not found within a fixed number of steps).
    """
    order = sorted(range(len(shares)), key=lambda i: (-shares[i], i))
    full = [d for d, f in enumerate(free) if f == WHOLE]
    best = _best_fit(free, shares, order)
    fewest = len(full) - whole + 1
    if best is not None:
        opened_first = len({d for d in best if free[d] == WHOLE})
        if opened_first < fewest:
            fewest = opened_first
        else:
            best = None
    if len(order) > _SEARCH_SHARES:
        return best
    left = list(free)
    seat = [-1] * len(shares)
    steps = 0

    def place(depth: int, opened: int) -> None:
        nonlocal best, fewest, steps
        steps += 1
        if opened >= fewest or steps > _SEARCH_NODES:
            return
        if depth == len(order):
            best, fewest = list(seat), opened
            return
        share = shares[order[depth]]
        tried = set()
        fits = sorted((d for d in range(len(left)) if left[d] >= share), key=lambda d: (left[d], d))
        for device in fits:
            kind = (left[device], free[device] == WHOLE)
            if kind in tried:
                continue
            tried.add(kind)
            opens = free[device] == WHOLE and left[device] == WHOLE
            left[device] -= share
            seat[order[depth]] = device
            place(depth + 1, opened + opens)
            left[device] += share
            if steps > _SEARCH_NODES:
                return

    place(0, 0)
    return best


def _best_fit(free: Sequence[int], shares: Sequence[int], order: Sequence[int]) -> list[int] | None:
    """Devices by best fit in the given order, None if that leads nowhere (exact for a divisible chain)."""
    left = list(free)
    seat = [-1] * len(shares)
    for index in order:
        fits = [d for d, f in enumerate(left) if f >= shares[index]]
        if not fits:
            return None
        seat[index] = min(fits, key=lambda d: (left[d], d))
        left[seat[index]] -= shares[index]
    return seat


class _Cell:
    """Free capacity of a cell while its replicas are being seated."""

    def __init__(self, problem: Problem, members: IntArray, sizes: Sequence[int]) -> None:
        self.members = members
        self.devices = problem.bins.devices[members].copy()
        self.resources = problem.bins.resources[members].copy()
        self.sizes = sorted(sizes, reverse=True)

    def _chunks(self, row: IntArray) -> tuple[int, ...]:
        whole = int((row == WHOLE).sum())
        return tuple(whole * WHOLE // s if s > WHOLE else int((row // s).sum()) for s in self.sizes)

    def _loss(self, index: int, devices: Sequence[int], milli: int) -> tuple[int, ...]:
        row = self.devices[index]
        after = row.copy()
        after[list(devices)] -= milli
        before = self._chunks(row)
        return tuple(b - a for b, a in zip(before, self._chunks(after), strict=True))

    def seat(self, demand: Demand) -> Seat | None:
        """The seat that costs the fewest large chunks, taken at once; None if there is none."""
        needs = np.array(demand.resources, np.int64)
        roomy = (self.resources >= needs).all(axis=1) if needs.size else np.ones(len(self.members), np.bool_)
        best: tuple[tuple[int, ...], int, tuple[int, ...]] | None = None
        seen: set[tuple[int, ...]] = set()
        for index in np.flatnonzero(roomy).tolist():
            row = self.devices[index]
            shape = tuple(sorted(row.tolist()))
            if shape in seen:
                continue
            seen.add(shape)
            if demand.milli:
                picks: list[tuple[int, ...]] = []
                levels: set[int] = set()
                for d in np.flatnonzero(row >= demand.milli).tolist():
                    if int(row[d]) not in levels:
                        levels.add(int(row[d]))
                        picks.append((d,))
            else:
                idle = np.flatnonzero(row == WHOLE).tolist()
                picks = [tuple(idle[: demand.devices])] if len(idle) >= demand.devices else []
            for pick in picks:
                loss = self._loss(index, pick, demand.milli or WHOLE) if pick else ()
                if best is None or (loss, index, pick) < best:
                    best = (loss, index, pick)
        if best is None:
            return None
        _, index, pick = best
        share = demand.milli or WHOLE
        self.devices[index, list(pick)] -= share
        self.resources[index] -= needs
        return Seat(int(self.members[index]), tuple((d, share) for d in pick))


def _single(problem: Problem, bin_: int, wanted: Sequence[tuple[PartKey, Demand, int]]) -> list[Seat] | None:
    free = problem.bins.devices[bin_].tolist()
    whole = sum(d.devices * n for _, d, n in wanted)
    shares = [d.milli for _, d, n in wanted for _ in range(n) if d.milli]
    found = pack_bin(free, whole, shares)
    if found is None:
        return None
    used = set(found)
    idle = iter([d for d, f in enumerate(free) if f == WHOLE and d not in used])
    places = iter(found)
    seats = []
    for _, demand, count in wanted:
        for _ in range(count):
            if demand.milli:
                seats.append(Seat(bin_, ((next(places), demand.milli),)))
            else:
                seats.append(Seat(bin_, tuple((next(idle), WHOLE) for _ in range(demand.devices))))
    return seats


def _around_homes(
    problem: Problem,
    bin_: int,
    wanted: Sequence[tuple[PartKey, Demand, int]],
    loads: Mapping[PartKey, Mapping[int, int]],
) -> dict[PartKey, list[Seat]] | None:
    """Seats in a bin in which something runs now: what asks for whole devices or none keeps its seat where it can.

    `loads` are the shares per device where that was decided already; whole devices are all alike, so shares that were
    put on one whose holder stays go to another.
    """
    free = problem.bins.devices[bin_].tolist()
    full = [d for d, f in enumerate(free) if f == WHOLE]
    seats: dict[PartKey, list[Seat]] = {key: [] for key, _, _ in wanted}
    kept: set[int] = set()
    for key, demand, count in wanted:
        for seat in problem.homes[key[0]][key[1]] if key[0] in problem.homes and not demand.milli else ():
            mine = {d for d, _ in seat.devices}
            if seat.bin == bin_ and len(seats[key]) < count and mine <= set(full) - kept:
                seats[key].append(seat)
                kept |= mine
    if any(loads.values()):
        opened = {d for load in loads.values() for d, n in load.items() if n and free[d] == WHOLE}
        spare = iter([d for d in full if d not in opened and d not in kept])
        other = {d: next(spare, None) for d in sorted(opened & kept)}
        for key, demand, _ in wanted:
            for d, n in loads[key].items():
                device = other.get(d, d)
                if device is None:
                    return None
                seats[key] += [Seat(bin_, ((device, demand.milli),))] * n
        used = {other.get(d, d) for d in opened}
    else:
        left = [0 if d in kept else f for d, f in enumerate(free)]
        shares = [demand.milli for _, demand, n in wanted for _ in range(n) if demand.milli]
        whole = sum(demand.devices * (n - len(seats[key])) for key, demand, n in wanted)
        found = pack_bin(left, whole, shares)
        if found is None:
            return None
        places = iter(found)
        for key, demand, n in wanted:
            if demand.milli:
                seats[key] = [Seat(bin_, ((next(places), demand.milli),)) for _ in range(n)]
        used = set(found)
    idle = iter([d for d in full if d not in used and d not in kept])
    for key, demand, count in wanted:
        for _ in range(count - len(seats[key])):
            picks = [next(idle, None) for _ in range(demand.devices)]
            if None in picks:
                return None
            seats[key].append(Seat(bin_, tuple((d, WHOLE) for d in picks if d is not None)))
    return seats


def seat_plan(
    problem: Problem,
    cells: Cells,
    counts: Mapping[PartKey, Mapping[int, int]],
    devices: Mapping[tuple[PartKey, int], Mapping[int, int]] | None = None,
) -> Plan | None:
    """A plan with these replicas per part and cell; None if a cell cannot be packed (then counts were a relaxation).

    `cells` must be fine. `devices` says for some (part, cell) how many shares go on each device. What runs now keeps
    its seats as far as that is possible. Items without any replica are refused.
    """
    offered = [*(a.sizes for a in problem.of(Remainder)), *(a.sizes for a in problem.of(LeftValue))]
    kept = {n * WHOLE for sizes in offered for n in sizes} | {WHOLE}
    by_cell: dict[int, list[tuple[PartKey, Demand, int]]] = {}
    for key, held in counts.items():
        for cell, n in held.items():
            by_cell.setdefault(cell, []).append((key, problem.part(key).demand, n))
    seats: dict[PartKey, list[Seat]] = {}
    for cell, wanted in by_cell.items():
        members = cells.members[cell]
        wanted.sort(key=lambda w: (-w[1].volume, w[0]))
        if members.size == 1 and any(key[0] in problem.homes for key, _, _ in wanted):
            loads = {key: (devices or {}).get((key, cell), {}) for key, _, _ in wanted}
            around = _around_homes(problem, int(members[0]), wanted, loads)
            if around is None:
                return None
            for key, rows_ in around.items():
                seats.setdefault(key, []).extend(rows_)
            continue
        if members.size == 1 and any(d.milli for _, d, _ in wanted):
            done = _single(problem, int(members[0]), wanted)
            if done is None:
                return None
            rows = iter(done)
            for key, _, n in wanted:
                seats.setdefault(key, []).extend(next(rows) for _ in range(n))
            continue
        volumes = {d.volume for _, d, _ in wanted if d.volume} | kept
        room = _Cell(problem, members, sorted(volumes))
        for key, demand, n in wanted:
            for _ in range(n):
                seat = room.seat(demand)
                if seat is None:
                    return None
                seats.setdefault(key, []).append(seat)
    plan: dict[int, tuple[tuple[Seat, ...], ...]] = {}
    for item in sorted({i for i, _ in seats}):
        parts = range(len(problem.items[item].parts))
        plan[item] = tuple(tuple(sorted(seats.get((item, p), ()))) for p in parts)
    return Plan(plan)
