"""Neighbourhoods: a small part of a problem, with all else fixed where the incumbent has it.

Whole items are freed, or (for elastic items whose replicas nothing ties together) just their replicas in some bins. The
part is a problem of its own, so it is encoded, searched and seated like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from solver.atoms.allow import Allow
from solver.atoms.caps import Caps
from solver.atoms.charge import RefuseCharge, UnitCharge
from solver.atoms.pool import Pool
from solver.atoms.share import Share
from solver.atoms.state import Together
from solver.items import Bins, BoolArray, Item
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem

__all__ = ["Part", "Picker", "part_of"]


@dataclass(frozen=True)
class Part:
    """A smaller problem and its place in the whole: `items[k]` is item k's number there, `fixed` what stays."""

    problem: Problem
    start: Plan
    items: tuple[int, ...]
    fixed: Plan

    def whole(self, plan: Plan) -> Plan:
        """The whole plan that a plan of the part makes."""
        seats = dict(self.fixed.seats)
        for k, parts in plan.seats.items():
            item = self.items[k]
            stay = seats.get(item)
            seats[item] = parts if stay is None else (tuple(sorted(stay[0] + parts[0])),)
        return Plan(dict(sorted(seats.items())))


def _loose(problem: Problem, item: int) -> bool:
    """True if the item's replicas are independent of each other."""
    parts = problem.items[item].parts
    if len(parts) != 1 or parts[0].min_count or len(problem.items[item].bundles) > 1:
        return False
    return all(isinstance(a, Allow | Caps | UnitCharge | RefuseCharge | Share | Pool) for a in problem.atoms_of[item])


def part_of(problem: Problem, plan: Plan, free: Iterable[int], bins: BoolArray) -> Part:
    """The part in which the items `free` (and loose replicas in `bins` bool[N]) may move within `bins`."""
    freed = _with_followers(problem, plan, free)
    fixed: dict[int, tuple[tuple[Seat, ...], ...]] = {}
    moved: dict[int, tuple[tuple[Seat, ...], ...]] = {}
    items: list[int] = []
    kept: list[Item] = []
    for i, item in enumerate(problem.items):
        seats = plan.seats.get(i)
        if i in freed:
            items.append(i)
            kept.append(item)
            if seats is not None:
                moved[len(items) - 1] = seats
        elif _loose(problem, i):
            inside = tuple(s for s in seats[0] if bins[s.bin]) if seats else ()
            outside = tuple(s for s in seats[0] if not bins[s.bin]) if seats else ()
            if outside:
                fixed[i] = (outside,)
            count = item.parts[0].count - len(outside)
            if count:
                items.append(i)
                kept.append(replace(item, parts=(replace(item.parts[0], count=count),)))
                if inside:
                    moved[len(items) - 1] = (inside,)
        elif seats is not None:
            fixed[i] = seats
    stay = Plan(fixed)
    new = {old: k for k, old in enumerate(items)}
    here = bins.copy()
    here[[seat.bin for parts in moved.values() for held in parts for seat in held]] = True
    atoms: list[Atom] = []
    for atom in problem.atoms:
        atoms += [a for given in atom.given(problem, stay) if (a := given.remap(new)) is not None]
    for k, item in enumerate(kept):
        atoms += [Allow("neighbourhood", k, p, here) for p in range(len(item.parts))]
    homes = {new[i]: seats for i, seats in problem.homes.items() if i in new}
    rest = Problem(_left(problem, stay), problem.partitions, tuple(kept), tuple(atoms), problem.tiers, homes)
    return Part(rest, Plan(moved), tuple(items), stay)


def _with_followers(problem: Problem, plan: Plan, free: Iterable[int]) -> set[int]:
    """The freed items, the followers of freed leaders, less followers whose leader is refused and not free."""
    freed = set(free)
    ties = [a for a in problem.atoms if isinstance(a, Together)]
    grown = True
    while grown:
        more = {a.follower for a in ties if a.leader in freed} - freed
        grown = bool(more)
        freed |= more
    while True:
        lost = {a.follower for a in ties if a.tier < 0 and a.leader not in freed and not plan.placed(a.leader)}
        if not lost & freed:
            return freed
        freed -= lost


def _left(problem: Problem, fixed: Plan) -> Bins:
    devices, resources = problem.bins.devices.copy(), problem.bins.resources.copy()
    for i, parts in fixed.seats.items():
        for part, seats in zip(problem.items[i].parts, parts, strict=True):
            for seat in seats:
                for device, milli in seat.devices:
                    devices[seat.bin, device] -= milli
                resources[seat.bin] -= np.array(part.demand.resources, np.int64)
    return Bins(devices, resources)


class Picker:
    """Chooses neighbourhoods: a few domains of a random partition with what is in them, and some refused items."""

    def __init__(self, problem: Problem, rng: Random) -> None:
        self.problem = problem
        self.rng = rng
        self.size = 24
        """Bins per neighbourhood; grows while they are solved at once, shrinks when they are not."""
        shapes = [int(labels.max()) + 1 for labels in problem.partitions if labels.size]
        self._partitions = [p for p, n in enumerate(shapes) if n > 1]

    def pick(self, plan: Plan) -> Part:
        """A random part around the incumbent."""
        bins = self._bins()
        items = self.problem.items
        tight = [i for i in plan.seats if not _loose(self.problem, i)]
        inside = [i for i in tight if any(bins[s.bin] for seats in plan.seats[i] for s in seats)]
        self.rng.shuffle(inside)
        refused = [i for i in range(len(items)) if not plan.placed(i) and not _loose(self.problem, i)]
        self.rng.shuffle(refused)
        free = inside[: max(4, self.size // 2)] + refused[: max(3, self.size // 6)]
        homes = [seat.bin for i in free for seats in self.problem.homes.get(i, ()) for seat in seats]
        bins[homes] = True
        return part_of(self.problem, plan, free, bins)

    def _bins(self) -> BoolArray:
        count = self.problem.bins.count
        chosen = np.zeros(count, np.bool_)
        if not self._partitions or self.rng.random() < 0.25:
            chosen[self.rng.sample(range(count), min(count, self.size))] = True
            return chosen
        labels = self.problem.partitions[self.rng.choice(self._partitions)]
        domains = list(range(int(labels.max()) + 1))
        self.rng.shuffle(domains)
        for domain in domains:
            members = np.flatnonzero(labels == domain)
            room = self.size - int(chosen.sum())
            if members.size > room:
                members = np.array(self.rng.sample(members.tolist(), room), np.int64)
            chosen[members] = True
            if int(chosen.sum()) >= self.size:
                break
        return chosen

    def learn(self, *, solved: bool) -> None:
        """Adapt the size to whether the last part was solved to the end."""
        grown = self.size * (1.1 if solved else 0.85)
        self.size = int(min(max(8, grown + (1 if solved else 0)), max(8, self.problem.bins.count)))
