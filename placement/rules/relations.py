"""Affinity and anti-affinity resolved to who concerns whom, in placement terms.

To pending work a placement group acts as one block: what one member asks binds all, and the domains of all members
count. Running work counts workload by workload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from placement.model.case import Case
from placement.model.workload import Affinity, Workload
from topology.fabric import Fabric

__all__ = ["Relations", "block_of", "resolve"]


@dataclass
class Relations:
    """The terms of one mode, resolved; all lists in the order of workload ids.

    `near`: (workload, level, running workloads): stay in the domains that any of them touches.
    `follows`: (follower's block, leader's block, level): touch only domains that the leader touches.
    `avoids`: (workload, level, running workloads): stay out of all their domains.
    `families`: (level, blocks) that keep apart from each other, all from all; `pairs`: (level, block, block).
    `lost`: (workload, why): a term that no placement can meet.
    """

    near: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    follows: list[tuple[str, str, str]] = field(default_factory=list)
    avoids: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    families: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)


_Term = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]
"""Content of a term: level, names, labels to match."""


def block_of(workload: Workload) -> str:
    """The block of a pending workload: its placement group, else the workload itself."""
    return f"workload:{workload.id}" if workload.group is None else f"group:{workload.group}"


def resolve(case: Case, fabric: Fabric, mode: str) -> Relations:
    """All terms of one mode of the case.

    Affinity: with running targets any one of them will do (and pending ones do not matter); with pending targets
    only, all of them must be near; of two that name each other the later (by id) follows the earlier; with no target
    at all a required term is lost. Anti-affinity holds against every target and, if required, binds in both
    directions, so that running work keeps new work away. Inside one placement group an affinity is met where the
    group's level is at least as fine as the term's, and is lost otherwise; so is every anti-affinity.
    """
    pending = {workload.id: workload for workload in case.workloads}
    running = {one.workload.id: one.workload for one in case.running}
    seen: dict[_Term, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def targets(workload: Workload, term: Affinity) -> tuple[tuple[str, ...], tuple[str, ...]]:
        key = _content(term)
        if key not in seen:
            seen[key] = (
                tuple(sorted(name for name, other in pending.items() if _meant(term, other))),
                tuple(sorted(name for name, other in running.items() if _meant(term, other))),
            )
        waiting, placed = seen[key]
        return tuple(name for name in waiting if name != workload.id), placed

    found = Relations()
    ordered = [pending[name] for name in sorted(pending)]
    leaders: set[tuple[str, str, str]] = set()
    for workload in ordered:
        for term in workload.affinity:
            waiting, placed = targets(workload, term)
            if term.mode == mode and waiting and not placed:
                leaders.update((workload.id, other, term.level) for other in waiting)
    for workload in ordered:
        for term in workload.affinity:
            if term.mode != mode:
                continue
            waiting, placed = targets(workload, term)
            if placed:
                found.near.append((workload.id, term.level, placed))
            elif not waiting:
                found.lost.append((workload.id, f"there is nothing to be near to at level {term.level}"))
            for other in () if placed else waiting:
                mutual = (other, workload.id, term.level) in leaders
                if block_of(pending[other]) == block_of(workload):
                    if not _implied(case, fabric, workload, term.level):
                        found.lost.append((workload.id, f"affinity to {other} inside one placement group"))
                elif not mutual or other < workload.id:
                    found.follows.append((block_of(workload), block_of(pending[other]), term.level))
    _apart(found, ordered, targets, mode)
    if mode == "require":
        _kept_away(found, ordered, case)
    found.follows = list(dict.fromkeys(found.follows))
    return found


def _apart(
    found: Relations,
    ordered: list[Workload],
    targets: Callable[[Workload, Affinity], tuple[tuple[str, ...], tuple[str, ...]]],
    mode: str,
) -> None:
    """Anti-affinity: families of workloads that carry a term and are meant by it, and further pairs."""
    carriers: dict[_Term, list[tuple[Workload, Affinity]]] = {}
    block = {workload.id: block_of(workload) for workload in ordered}
    for workload in ordered:
        for term in workload.anti_affinity:
            if term.mode == mode:
                carriers.setdefault(_content(term), []).append((workload, term))
    together: dict[str, set[tuple[str, str]]] = {}
    for (level, _, _), carrying in sorted(carriers.items()):
        covered = together.setdefault(level, set())
        members = [workload for workload, term in carrying if _meant(term, workload)]
        inside = {workload.id for workload in members}
        blocks = tuple(sorted({block[name] for name in inside}))
        if len(blocks) > 1:
            found.families.append((level, blocks))
        for workload, term in carrying:
            waiting, placed = targets(workload, term)
            if placed:
                found.avoids.append((workload.id, level, placed))
            for other in waiting:
                if block[other] == block[workload.id]:
                    found.lost.append((workload.id, f"anti-affinity to {other} inside one placement group"))
                elif not (workload.id in inside and other in inside):
                    first, second = sorted((block[workload.id], block[other]))
                    covered.add((first, second))
    for level, covered in sorted(together.items()):
        for first, second in sorted(covered):
            if not any(at == level and {first, second} <= set(blocks) for at, blocks in found.families):
                found.pairs.append((level, first, second))


def _kept_away(found: Relations, ordered: list[Workload], case: Case) -> None:
    """Running work that keeps pending work away by its own required anti-affinity."""
    for one in sorted(case.running, key=lambda running: running.workload.id):
        for term in one.workload.anti_affinity:
            if term.mode == "require":
                found.avoids += [(w.id, term.level, (one.workload.id,)) for w in ordered if _meant(term, w)]


def _content(term: Affinity) -> _Term:
    return (term.level, tuple(sorted(term.workloads)), tuple(sorted(term.match.items())))


def _meant(term: Affinity, other: Workload) -> bool:
    """Whether a term speaks of a workload: named by id, or every label of a non-empty match is equal."""
    if other.id in term.workloads:
        return True
    return bool(term.match) and all(other.labels.get(key) == value for key, value in term.match.items())


def _implied(case: Case, fabric: Fabric, workload: Workload, level: str) -> bool:
    """Whether one domain of the group's level lies in one domain of this level."""
    own = next((group.level for group in case.groups if group.name == workload.group), level)
    order = [partition.name for partition in fabric.partitions if partition.nested]
    return own == level or (own in order and level in order and order.index(own) > order.index(level))
