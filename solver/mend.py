"""Mend: what costs in the first tier only because of where it runs is moved first, before anything waiting is placed.

A repair that pays is worth most while there is still room for it. Seats that cost nothing are kept.
"""

from __future__ import annotations

import numpy as np

from solver.atoms.charge import RefuseCharge, UnitCharge
from solver.atoms.share import Share
from solver.atoms.stay import Stay
from solver.gang import Gang
from solver.ground import Ground
from solver.guards import Guards
from solver.items import BoolArray, Ranked
from solver.plan import Seat
from solver.problem import Problem

__all__ = ["mend"]

_Seats = tuple[tuple[Seat, ...], ...]


def mend(ground: Ground) -> None:
    """Move, shrink or end items that run, one by one, where that makes the plan better; all of them are settled."""
    problem = ground.problem
    candidates = _candidates(problem)
    if not candidates:
        return
    guards = Guards(problem, ground.seats)
    firm = {a.item for a in problem.of(Stay) if not a.may_leave}
    for item, dear in candidates.items():
        if ground.expired():
            return
        before, seats = ground.values(), ground.drop(item)
        kept = tuple(tuple(seat for seat in held if not dear[seat.bin]) for held in seats)
        for attempt in (kept, ()):
            if Gang(ground, item, attempt).place() is None:
                continue
            if ground.values() < before and _kept(guards, item, seats, ground.seats[item]):
                break
            ground.drop(item)
        else:
            if item in firm or ground.values() >= before or not _kept(guards, item, seats, None):
                ground.settle(item, seats)


def _kept(guards: Guards, item: int, before: _Seats, after: _Seats | None) -> bool:
    """Whether the limits on disturbance hold after the change; if not, it is not counted."""
    guards.change(item, before, after)
    if guards.broken():
        guards.change(item, after, before)
        return False
    return True


def _candidates(problem: Problem) -> dict[int, BoolArray]:
    """Item -> bins bool[N] in which it should not stay: those charged by name, then what exceeds a priced limit."""
    none = np.zeros(problem.bins.count, np.bool_)
    found: dict[int, BoolArray] = {}
    worth: dict[int, int] = {}
    over: dict[int, BoolArray] = {}
    for atom in problem.atoms if problem.homes else ():
        if isinstance(atom, RefuseCharge) and atom.tier == 0:
            for (item, part), cost in atom.each.items():
                worth[item] = worth.get(item, 0) + cost * problem.part((item, part)).count
        elif isinstance(atom, UnitCharge) and atom.tier == 0 and atom.item in problem.homes:
            home = {seat.bin for seat in problem.homes[atom.item][atom.part]}
            charged = (atom.each.whole() if isinstance(atom.each, Ranked) else atom.each) > 0
            if int(charged.sum()) <= len(home) and any(charged[b] for b in home):
                found[atom.item] = found.get(atom.item, none) | charged
        elif isinstance(atom, Share) and atom.tier == 0:
            load = atom.load(problem.anchor)
            if any(not hinge.below and hinge.rate and load > hinge.at for hinge in atom.hinges):
                inside = ~none if atom.bins is None else atom.bins
                for item in atom.items():
                    if item in problem.homes:
                        over[item] = over.get(item, none) | inside
    for item in sorted(over, key=lambda i: (worth.get(i, 0), i)):
        found[item] = found.get(item, none) | over[item]
    return found
