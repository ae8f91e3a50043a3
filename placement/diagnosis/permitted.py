"""What keeps a workload out although running work may give way: limits on that, named, each of them necessary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from placement.compile import Lowered
from placement.diagnosis.conflict import Conflict, shrunk
from placement.diagnosis.desk import Desk
from placement.model.diagnosis import Cause
from solver.atoms import Allow, Disruptions, Floor, Segments, Share, Spread, Within
from solver.permitted import Refusal, permitted
from solver.plan import Plan
from solver.problem import Atom

__all__ = ["Limit", "Limits", "Member", "find_limits"]

Limit: TypeAlias = Disruptions | Floor | Share


_GROUND = frozenset(("capacity", "gang", "preemption"))
"""Rules that are taken as given: there is no placement without them."""


@dataclass(frozen=True)
class Member:
    """What could be in the conflict: one limit, or all that one rule says of the workload."""

    cause: Cause
    atoms: tuple[Atom, ...]

    @property
    def limit(self) -> Limit | None:
        """The limit that it is, if it is one."""
        atom = self.atoms[0]
        return atom if isinstance(atom, Disruptions | Floor | Share) else None


@dataclass(frozen=True)
class Limits:
    """A conflict, its members, and plans that were seen on the way, which keep all but some of what could be in it."""

    conflict: Conflict
    members: tuple[Member, ...]
    seen: tuple[Plan, ...]


def find_limits(desk: Desk, lowered: Lowered, workload: str) -> Limits | None:
    """The conflict between the workload, its rules, and limits on what may be done to what runs; None if none is known.

    What runs and may not be disturbed at all stays where it is; the rest may move or go as far as the limits allow.
    """
    problem, item = lowered.problem, lowered.context.item_of[workload]
    if not problem.homes:
        return None
    members = _members(lowered, item)
    named = {id(atom) for member in members for atom in member.atoms}
    ground = tuple(atom for atom in problem.atoms if id(atom) not in named)
    seen: list[Plan] = []
    broken: list[frozenset[int]] = []
    """Of each plan that was seen the members that it breaks."""
    last = ""

    def holds(some: list[Member]) -> bool | None:
        nonlocal last
        kept = {id(atom) for member in some for atom in member.atoms}
        atoms = (*ground, *(atom for atom in problem.atoms if id(atom) in kept))
        found = permitted(replace(problem, atoms=atoms), item, desk.workers, desk.left)
        if isinstance(found, Refusal):
            last = found.proof
            return True
        if found is None:
            return None
        seen.append(found)
        kept = set(map(id, some))
        gone = (member for member in members if id(member) not in kept)
        broken.append(frozenset(id(m) for m in gone if any(atom.violations(problem, found) for atom in m.atoms)))
        return False

    def needed(one: Member, left: list[Member]) -> bool:
        there = set(map(id, left))
        return any(some & there == {id(one)} for some in broken)

    if holds(members) is not True:
        return None
    left, minimal = shrunk(members, holds, needed)
    conflict = Conflict(tuple(member.cause for member in left), minimal, last)
    return Limits(conflict, tuple(left), tuple(seen))


def _members(lowered: Lowered, item: int) -> list[Member]:
    problem = lowered.problem
    limits: list[Member] = []
    rules: dict[str, list[Atom]] = {}
    for atom in problem.atoms:
        if isinstance(atom, Disruptions):
            detail = f"{len(atom.members)} run, at most {max(0, atom.limit - atom.base)} may be disturbed"
            limits.append(_limit(atom, detail))
        elif isinstance(atom, Floor):
            detail = f"{atom.load(problem.anchor)} in use, {atom.least} must stay"
            limits.append(_limit(atom, detail))
        elif isinstance(atom, Share) and atom.limit is not None and item in atom.items():
            need = sum(use * problem.part(key).min_count for key, use in atom.use.items() if key[0] == item)
            left = max(0, atom.limit - atom.load(problem.anchor))
            limits.append(_limit(atom, f"{need} needed, {left} left of {atom.limit}"))
    own = set(map(id, problem.own_atoms[item]))
    known = {id(member.atoms[0]) for member in limits}
    for atom in problem.atoms:
        # What the item alone must keep, and what all share; what concerns one running workload only is its own affair.
        mine = id(atom) in own or len(set(atom.items())) > 1
        if mine and atom.tier < 0 and id(atom) not in known and atom.rule not in _GROUND:
            rules.setdefault(atom.rule, []).append(atom)
    named = [
        Member(Cause(kind="rule", name=rule, detail=_level(lowered, atoms)), tuple(atoms))
        for rule, atoms in rules.items()
    ]
    return [*sorted(limits, key=lambda one: isinstance(one.atoms[0], Disruptions)), *named]


def _limit(atom: Limit, detail: str) -> Member:
    return Member(Cause(kind="limit", name=f"{atom.rule}: {atom.name}", detail=detail), (atom,))


def _level(lowered: Lowered, atoms: list[Atom]) -> str:
    details = []
    for atom in atoms:
        if isinstance(atom, Allow):
            details.append(f"{int(atom.bins.sum())} of {atom.bins.size} nodes are allowed")
        elif isinstance(atom, Within | Segments | Spread):
            words = {Within: "all in one", Segments: "whole segments in one", Spread: "spread over"}
            details.append(f"{words[type(atom)]} {lowered.fabric.partitions[atom.partition].name}")
    return "; ".join(dict.fromkeys(details))
