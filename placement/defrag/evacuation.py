"""A first plan for the search: domains emptied one after the other by placing each of their items anew elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from placement.compile import Lowered
from solver.alone import fits, solo
from solver.atoms import Allow, Disruptions, Floor, RefuseCharge, Stay, UnitCharge, Vacant
from solver.check import check
from solver.items import BoolArray, Bundle, IntArray, Item, Part
from solver.neighbourhood import part_of
from solver.plan import Plan
from solver.problem import Atom, Problem

__all__ = ["evacuated"]

_MOST_ITEMS = 400
"""Items placed anew before it is left to the search."""


def evacuated(lowered: Lowered) -> Plan | None:
    """A valid plan with some of the wanted domains free, found by greedy; None if it frees nothing more than is free.

    The domains that cost least to empty come first; one that cannot be emptied is left as it was.
    """
    problem = lowered.problem
    plan, changed, tries = problem.anchor, False, 0
    for atom in problem.atoms:
        if not isinstance(atom, Vacant):
            continue
        home = _inside(plan, atom.labels)
        emptied: list[int] = []
        for group in sorted(atom.groups, key=lambda g: (*_effort(problem, home.get(g, set())), g)):
            here = _inside(plan, atom.labels).get(group, set())
            if len(emptied) >= atom.wanted or tries + len(here) > _MOST_ITEMS:
                break
            tries += len(here)
            every = atom.wanted == len(atom.groups)
            outside = atom.labels < 0 if every else ~np.isin(atom.labels, [*emptied, group])
            found = _emptied(problem, plan, sorted(here), outside)
            if found is not None:
                changed = changed or found is not plan
                plan = found
                emptied.append(group)
    return plan if changed else None


def _inside(plan: Plan, labels: IntArray) -> dict[int, set[int]]:
    """Group -> items with a replica in it."""
    found: dict[int, set[int]] = {}
    for item, parts in plan.seats.items():
        for seat in (seat for seats in parts for seat in seats):
            found.setdefault(int(labels[seat.bin]), set()).add(item)
    return found


def _effort(problem: Problem, items: Iterable[int]) -> tuple[int, int]:
    """(price of moving all of these items, their volume)."""
    held = set(items)
    price = sum(
        atom.move_once + atom.move_each * sum(len(seats) for seats in atom.home)
        for item in held
        for atom in problem.atoms_of[item]
        if isinstance(atom, Stay) and atom.tier >= 0
    )
    return price, _volume(problem, held)


def _volume(problem: Problem, items: Iterable[int]) -> int:
    return sum(max(1, part.demand.volume) * part.count for i in items for part in problem.items[i].parts)


def _shifted(problem: Problem, plan: Plan, item: int, outside: BoolArray) -> Plan | None:
    """The plan with just those replicas of an item elsewhere that are not outside, near to the others; None if none."""
    whole = problem.items[item]
    stay = tuple(tuple(s for s in seats if outside[s.bin]) for seats in plan.seats[item])
    inside = tuple(tuple(s for s in seats if not outside[s.bin]) for seats in plan.seats[item])
    here = sorted({seat.bin for seats in stay for seat in seats})
    if not here:
        return None
    around = Plan({**plan.seats, item: stay})
    free = part_of(problem, around, (), outside).problem.bins
    near = np.zeros(problem.bins.count, np.int64)
    for labels in problem.partitions:
        near += ~np.isin(labels, labels[here])
    parts = tuple(
        Part(part.name, part.demand, len(seats), len(seats)) for part, seats in zip(whole.parts, inside, strict=True)
    )
    atoms: list[Atom] = [RefuseCharge("vacancy", 0, {(0, p): 1 for p in range(len(parts))})]
    for p in range(len(parts)):
        masks = [mask for atom in problem.own_atoms[item] if (mask := atom.mask((item, p))) is not None]
        atoms.append(Allow("vacancy", 0, p, np.logical_and.reduce([outside, *masks])))
        atoms.append(UnitCharge("vacancy", 1, 0, p, near))
    alone = Item(whole.key, (Bundle("root"),), parts)
    moved = fits(Problem(free, problem.partitions, (alone,), tuple(atoms), tiers=2))
    if moved is None:
        return None
    seats = tuple(tuple(sorted((*a, *b))) for a, b in zip(stay, moved.seats[0], strict=True))
    found = Plan({**plan.seats, item: seats})
    return None if check(problem, found).violations else found


def _emptied(problem: Problem, plan: Plan, items: list[int], outside: BoolArray) -> Plan | None:
    """The plan with these items outside, large ones placed first; None if one finds no place or a limit is broken."""
    atoms = tuple(atom for atom in problem.atoms if not isinstance(atom, Stay | Disruptions | Floor))
    bare = replace(problem, atoms=atoms, homes={})
    found = plan
    for item in sorted(items, key=lambda i: (-_volume(problem, [i]), i)):
        here = {seat.bin for seats in found.seats[item] for seat in seats}
        if outside[sorted(here)].all():
            continue
        moved = _shifted(bare, found, item, outside)
        if moved is not None:
            found = moved
            continue
        part = part_of(bare, found.without(item), [item], outside)
        if item not in part.items:
            return None
        index = part.items.index(item)
        masks = tuple(Allow("vacancy", index, p, outside) for p in range(len(problem.items[item].parts)))
        one = fits(solo(replace(part.problem, atoms=(*part.problem.atoms, *masks)), index))
        if one is None:
            return None
        found = Plan({**found.seats, item: one.seats[0]})
    return None if check(problem, found).violations else found
