"""Make a problem smaller without changing any optimum: settle what is certain, merge interchangeable items.

Spans that no domain can spare are settled. Many equal single replicas become one elastic item, and back again.

Items are merged only if every atom treats them alike (same masks and prices by identity, same figures), so the merged
problem has the same optimum in every tier, and any of its plans expands to one of the original problem.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from solver.atoms.allow import Allow
from solver.atoms.caps import Caps
from solver.atoms.charge import RefuseCharge, SpanCharge, UnitCharge
from solver.atoms.pool import Pool
from solver.atoms.share import Share
from solver.cells import rooms
from solver.chunks import PLENTY
from solver.collector import no_collection
from solver.items import IntArray, Item
from solver.plan import Plan
from solver.problem import Atom, Problem

__all__ = ["Merged", "merge_items"]


_WORTH = 64
"""Items are merged where that spares more than one in so many: else it would take longer than it saves."""


@dataclass(frozen=True)
class Merged:
    """The smaller problem, and for each of its items the items it stands for (in key order)."""

    problem: Problem
    members: tuple[tuple[int, ...], ...]

    def push(self, plan: Plan) -> Plan:
        """A plan of the merged problem as a plan of the original one: seats go to the members in order."""
        seats = {}
        for index, parts in plan.seats.items():
            who = self.members[index]
            if len(who) == 1:
                seats[who[0]] = parts
            else:
                for member, seat in zip(who, parts[0], strict=False):
                    seats[member] = ((seat,),)
        return Plan(dict(sorted(seats.items())))

    def pull(self, plan: Plan) -> Plan:
        """A plan of the original problem as one of the merged problem."""
        seats = {}
        for index, who in enumerate(self.members):
            if len(who) == 1:
                if plan.placed(who[0]):
                    seats[index] = plan.seats[who[0]]
                continue
            held = tuple(sorted(seat for m in who if plan.placed(m) for seat in plan.seats[m][0]))
            if held:
                seats[index] = (held,)
        return Plan(seats)


def _likeness(problem: Problem, index: int) -> Hashable | None:
    if index in problem.homes:
        return None
    item = problem.items[index]
    single = len(item.parts) == 1 and len(item.bundles) == 1
    if not single or (item.parts[0].count, item.parts[0].min_count) != (1, 1):
        return None
    marks: list[Hashable] = [item.parts[0].demand]
    for number, atom in enumerate(problem.atoms_of[index]):
        if isinstance(atom, Allow):
            marks.append(("allow", atom.rule, id(atom.bins)))
        elif isinstance(atom, UnitCharge):
            marks.append(("unit", atom.rule, atom.tier, id(atom.each)))
        elif isinstance(atom, Share):
            marks.append(("share", id(atom), atom.use[index, 0]))
        elif isinstance(atom, Pool):
            marks.append(("pool", id(atom), atom.node_of((index, 0))))
        elif isinstance(atom, Caps):
            marks.append(("caps", id(atom), id(atom.use[index, 0])))
        elif isinstance(atom, RefuseCharge):
            marks.append(("refuse", id(atom), atom.each[index, 0]))
        else:
            return (number, index)
    return tuple(marks)


def merge_items(problem: Problem) -> Merged:
    """Settle spans and merge what is alike."""
    with no_collection():
        return _merged(problem)


def _merged(problem: Problem) -> Merged:
    settled = _settled(problem)
    groups: dict[Hashable, list[int]] = {}
    for index in range(len(problem.items)):
        mark = _likeness(problem, index)
        groups.setdefault(("alone", index) if mark is None else mark, []).append(index)
    if len(problem.items) - len(groups) <= len(problem.items) // _WORTH:
        return Merged(problem.exchanged(settled), tuple((i,) for i in range(len(problem.items))))
    members = [tuple(sorted(g, key=lambda i: problem.items[i].key)) for g in groups.values()]
    members.sort(key=lambda g: g[0])
    new = {group[0]: index for index, group in enumerate(members)}
    items = tuple(_many(problem.items[g[0]], g) for g in members)
    atoms = tuple(a for atom in problem.atoms if (a := settled.get(id(atom), atom).remap(new)) is not None)
    homes = {new[i]: seats for i, seats in problem.homes.items()}
    found = Problem(problem.bins, problem.partitions, items, atoms, problem.tiers, homes)
    known = {(new[i], p): room for (i, p), room in rooms(problem).items() if i in new}
    found.recall(("rooms", False), lambda: known)
    return Merged(found, tuple(members))


def _settled(problem: Problem) -> dict[int, Atom]:
    """The spans that no placement can avoid, marked as such, by the identity of the atom as it was."""
    found = rooms(problem)
    largest: dict[tuple[int, int], int] = {}
    usable: dict[int, tuple[IntArray, IntArray]] = {}
    """By the identity of a room: the bins that have some, and how much."""

    def must_span(atom: SpanCharge) -> bool:
        """True if some part that the bundle always needs fits no domain of the partition."""
        for p, part in enumerate(problem.items[atom.item].parts):
            if part.bundle == atom.bundle and part.min_count:
                room = found[atom.item, p]
                name = (id(room), atom.partition)
                if name not in largest:
                    if id(room) not in usable:
                        bins = np.flatnonzero(room)
                        usable[id(room)] = bins, np.minimum(room[bins], PLENTY)
                    bins, free = usable[id(room)]
                    held = np.bincount(problem.partitions[atom.partition][bins], free)
                    largest[name] = int(held.max(initial=0))
                if largest[name] < part.min_count:
                    return True
        return False

    return {
        id(atom): replace(atom, always=True) for atom in problem.of(SpanCharge) if not atom.always and must_span(atom)
    }


def _many(item: Item, group: Sequence[int]) -> Item:
    if len(group) == 1:
        return item
    part = replace(item.parts[0], count=len(group), min_count=0)
    return replace(item, parts=(part,))
