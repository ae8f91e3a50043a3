"""A minimal conflict: rules and running workloads that together keep a workload out, each of them necessary.

Deletion filter in growing and shrinking blocks: a block is dropped if the rest still proves that the workload does not
fit; a single member is necessary if a checked placement exists without it. Unknown answers keep the member and
cost the word "minimal" (Chinneck, Feasibility and Infeasibility in Optimization, 2008, ch. 6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from placement.diagnosis.desk import Desk, Question
from placement.model.diagnosis import Cause
from placement.model.state import Running
from solver.atoms import Allow, Pool, Segments, Share, Spread, Within
from solver.problem import Problem

__all__ = ["Conflict", "find_conflict", "shrunk", "work_cause"]

T = TypeVar("T")

Member = tuple[str, str]
"""("rule" or "running", its name)."""


@dataclass(frozen=True)
class Conflict:
    """The members in order, whether each was shown to be necessary, and how the whole was proven."""

    causes: tuple[Cause, ...]
    minimal: bool
    proof: str


def find_conflict(desk: Desk, question: Question, kept: tuple[str, ...], proof: str) -> Conflict:
    """Shrink the conflict between the workload, its rules and the running work `kept`, known to be one."""
    whole = question.beside(kept)
    rules = sorted({atom.rule for atom in whole.atoms if atom.tier < 0} - {"capacity", "gang"})
    members: list[Member] = [("running", name) for name in _near(question, kept)] + [("rule", rule) for rule in rules]
    last = proof

    def holds(some: list[Member]) -> bool | None:
        nonlocal last
        running = [name for kind, name in some if kind == "running"]
        dropped = [rule for rule in rules if ("rule", rule) not in some]
        answer = desk.ask(question.beside(running, dropped))
        if answer.proof is not None:
            last = answer.proof
            return True
        return False if answer.plan is not None else None

    if holds(members) is not True:  # work far away was left out in error: keep all
        members = [("running", name) for name in kept] + [("rule", rule) for rule in rules]
    left, minimal = shrunk(members, holds)
    running = {one.workload.id: one for one in desk.snapshot.case.running}
    causes = [_rule(question, whole, name) for kind, name in left if kind == "rule"]
    causes += [work_cause(running[name], name, desk.snapshot.case.now_s) for kind, name in left if kind == "running"]
    return Conflict(tuple(causes), minimal, last)


def shrunk(
    members: list[T],
    holds: Callable[[list[T]], bool | None],
    needed: Callable[[T, list[T]], bool] = lambda _one, _left: False,
) -> tuple[list[T], bool]:
    """Members without any block that is not needed, and whether each that is left was shown to be necessary.

    `holds` says whether some of them are a conflict: None if that is not known. `needed` says whether it is known
    already of one member that the others of those that are left are none.
    """
    left, size, at, minimal = members, max(1, len(members) // 2), 0, True
    while left:
        block = left[at : at + size]
        rest = left[:at] + left[at + size :]
        known = False if any(needed(one, left) for one in block) else holds(rest)
        if known:
            left = rest
        else:
            minimal = minimal and not (size == 1 and known is None)
            at += len(block)
        if at >= len(left):
            if size == 1:
                break
            size, at = max(1, min(size // 2, len(left))), 0
    return left, minimal


def _near(question: Question, kept: tuple[str, ...]) -> list[str]:
    """Running work on bins that the workload could use, or which shares a limit with it; most replicas first."""
    problem = question.lowered.problem
    alone = question.beside(())
    usable = np.zeros(problem.bins.count, np.bool_)
    for key, _ in alone.parts():
        mask = np.ones(problem.bins.count, np.bool_)
        for atom in alone.own_atoms[0]:
            own = atom.mask(key)
            if own is not None:
                mask &= own
        usable |= mask
    sharing = {i for atom in problem.atoms_of[question.item] for i in atom.items()}
    found = []
    for name in kept:
        item = question.lowered.context.item_of[name]
        seats = [seat for part in problem.homes[item] for seat in part]
        inside = sum(bool(usable[seat.bin]) for seat in seats)
        if inside or item in sharing:
            found.append((inside, name))
    return [name for _, name in sorted(found)]


def _rule(question: Question, problem: Problem, rule: str) -> Cause:
    details = []
    for atom in problem.atoms:
        if atom.rule != rule or atom.tier >= 0:
            continue
        if isinstance(atom, Share) and atom.limit is not None:
            need = sum(use * problem.part(key).min_count for key, use in atom.use.items())
            if atom.base + need > atom.limit:
                left = max(0, atom.limit - atom.base)
                details.append(f"{atom.name}: {need} needed, {left} left of {atom.limit}")
        elif isinstance(atom, Pool):
            details += [short] if (short := atom.short(problem)) else []
        elif isinstance(atom, Allow):
            details.append(f"{int(atom.bins.sum())} of {atom.bins.size} nodes are allowed")
        elif isinstance(atom, Within | Segments | Spread):
            level = question.lowered.fabric.partitions[atom.partition].name
            words = {Within: "all in one", Segments: "whole segments in one", Spread: "spread over"}
            details.append(f"{words[type(atom)]} {level}")
    return Cause(kind="rule", name=rule, detail="; ".join(dict.fromkeys(details))[:500])


def work_cause(one: Running, name: str, now_s: int) -> Cause:
    """A running workload as a member of a conflict: its GPUs, where they are, until when."""
    nodes = sorted({replica.node for replica in one.replicas})
    gpus = sum(device.milli for replica in one.replicas for device in replica.devices) / 1000
    more = f" and {len(nodes) - 4} more" if len(nodes) > 4 else ""
    until = "" if one.expected_end_s is None else f", ends in {max(0, one.expected_end_s - now_s) / 3600:.1f} h"
    leave = ", may be evicted" if one.evictable else ""
    detail = f"{gpus:g} GPUs of {one.workload.tenant} on {', '.join(nodes[:4])}{more}{until}{leave}"
    return Cause(kind="running", name=name, detail=detail)
