"""One item by itself: under its hard atoms alone, with a rule left out, counted, or placed by greedy.

No ortools here: the checker refutes false verdicts with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from solver.atoms.charge import RefuseCharge
from solver.atoms.floor import Floor
from solver.atoms.pool import Pool
from solver.atoms.share import Share
from solver.atoms.state import Together
from solver.atoms.stay import Stay
from solver.cells import rooms
from solver.check import check
from solver.greedy import greedy
from solver.items import Item, PartKey
from solver.neighbourhood import Part, part_of
from solver.plan import Plan
from solver.problem import Atom, Problem

__all__ = ["always_on", "fits", "forced", "must_stay", "pinned", "seats_short", "solo", "with_leaders", "without_rule"]


def must_stay(problem: Problem) -> bool:
    """True if something runs that may be moved and not evicted."""
    return any(not atom.may_leave and not atom.pinned for atom in problem.of(Stay))


def pinned(problem: Problem) -> frozenset[int]:
    """What runs and keeps all its seats."""
    return problem.recall("pinned", lambda: frozenset(atom.item for atom in problem.of(Stay) if atom.pinned))


def with_leaders(problem: Problem, item: int) -> set[int]:
    """The item and all that wait and that it has to follow, directly or not."""
    found = {item}
    while True:
        ties = (a for a in problem.atoms if isinstance(a, Together) and a.tier < 0 and a.follower in found)
        more = {a.leader for a in ties} - found - problem.homes.keys()
        if not more:
            return found
        found |= more


def solo(problem: Problem, item: int, *, beside: bool = False) -> Problem:
    """The item alone under its hard atoms, all that runs and may be disturbed gone; one tier counts missing replicas.

    What is pinned is kept where it is, unless it follows what is gone; `beside`: what may move but not leave as well.
    Else it still counts where a limit asks for its amount and not for its place.
    """
    part = _beside_pinned(problem, item, beside=beside)
    if part is not None:
        return solo(part.problem, part.items.index(item), beside=beside)
    mine = {id(atom) for atom in problem.atoms_of[item]}
    spoken = (atom for atom in problem.atoms if id(atom) in mine or not tuple(atom.items()))
    staying = {a.item for a in problem.atoms if isinstance(a, Stay) and not a.may_leave} - {item}
    hard = (_amounts_of(problem, staying, a) for atom in spoken if (a := atom.unpriced()) is not None)
    atoms = [a for atom in hard if (a := atom.remap({item: 0})) is not None]
    missing = {(0, p): 1 for p in range(len(problem.items[item].parts))}
    return Problem(
        problem.bins,
        problem.partitions,
        (problem.items[item],),
        (*atoms, RefuseCharge("refused", 0, missing)),
    )


def _beside_pinned(problem: Problem, item: int, *, beside: bool) -> Part | None:
    """The item, and perhaps others, beside what stays where it is; None if there is nothing (more) to settle.

    What follows an item that is free is free as well, even if it may not move.
    """
    firm = pinned(problem)
    if firm - {item} and not beside and item not in firm:
        every = set(range(len(problem.items)))
        part: Part = problem.recall("without what is pinned", lambda: _around(problem, firm, every))
        if part.fixed.seats:
            return part
    staying = {a.item for a in problem.of(Stay) if not a.may_leave} if beside else firm
    if staying - {item}:
        part = _around(problem, staying - {item}, with_leaders(problem, item))
        return part if part.fixed.seats else None
    return None


def _amounts_of(problem: Problem, staying: set[int], atom: Atom) -> Atom:
    """The atom with what these items take of it at least, wherever they are, settled already."""
    if not staying or not isinstance(atom, Share | Pool) or atom.bins is not None:
        return atom

    def least(use: Mapping[PartKey, int]) -> int:
        mine = ((key[0], problem.part(key), each) for key, each in use.items() if key[0] in staying)
        return sum(each * part.min_count for i, part, each in mine if always_on(problem.items[i], part.bundle))

    if isinstance(atom, Share):
        return replace(atom, base=atom.base + least(atom.use))
    return replace(atom, nodes=tuple(replace(node, base=node.base + least(node.use)) for node in atom.nodes))


def _around(problem: Problem, staying: AbstractSet[int], free: AbstractSet[int]) -> Part:
    """The free items beside what stays where it runs, all else gone."""
    around = Plan({i: seats for i, seats in problem.homes.items() if i in staying})
    return part_of(problem, around, free - staying, np.ones(problem.bins.count, np.bool_))


def forced(problem: Problem, item: int) -> tuple[Problem, int]:
    """Only the item waits, only its refusal costs (one per replica), and all that is hard holds; its number there."""
    part = part_of(problem, problem.anchor, {item, *problem.homes}, np.ones(problem.bins.count, np.bool_))
    here, small = part.items.index(item), part.problem
    wanted = {(here, p): 1 for p in range(len(small.items[here].parts))}
    hard = [a for atom in small.atoms if (a := atom if isinstance(atom, Floor) else atom.unpriced()) is not None]
    return replace(small, atoms=(*hard, RefuseCharge("refused", 0, wanted)), tiers=1), here


def without_rule(problem: Problem, rule: str) -> Problem:
    """The problem less every atom of a rule."""
    atoms = tuple(atom for atom in problem.atoms if atom.rule != rule)
    return replace(problem, atoms=atoms)


def seats_short(problem: Problem) -> tuple[PartKey, int] | None:
    """A part that its item always needs and the seats it finds if nothing else is placed, when they are too few."""
    found = rooms(problem)
    for key, part in problem.parts():
        seats = int(found[key].clip(max=part.count).sum())
        if seats < part.min_count and always_on(problem.items[key[0]], part.bundle):
            return key, seats
    return None


def always_on(item: Item, bundle: int) -> bool:
    """True if the bundle is on whenever the item is placed."""
    while bundle:
        parent = item.bundles[bundle].parent
        if item.bundles[parent].need < len(item.children(parent)):
            return False
        bundle = parent
    return True


def fits(problem: Problem) -> Plan | None:
    """A valid plan that places the single item, found by greedy; None says nothing."""
    plan, _ = greedy(problem)
    if not plan.seats or check(problem, plan).violations:
        return None
    return plan
