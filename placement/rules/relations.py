"""Affinity and anti-affinity resolved to who concerns whom, in placement terms.

To pending work a placement group acts as one block: what one member asks binds all, and the domains of all members
count. Running work counts workload by workload.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from placement.model.case import Case
from placement.model.workload import Affinity, Workload
from topology.fabric import Fabric

__all__ = ["Register", "Registers", "Relations", "block_of", "concerns", "resolve", "running_register"]


@dataclass
class Relations:
    """The terms of one mode, resolved; all lists in the order of workload ids.

    `near`: (workload, level, running workloads): stay in the domains that any of them touches.
    `follows`: (follower's block, leader's block, level): touch only domains that the leader touches.
    `avoids`: (workload, level, running workloads): stay out of all their domains.
    `families`: (level, blocks) that keep apart from each other, all from all.
    `sides`: (level, blocks, blocks) of which each of the first keeps apart from each of the second; no pair of blocks
    comes twice, nor one that a family has.
    `lost`: (workload, why): a term that no placement can meet.
    """

    near: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    follows: list[tuple[str, str, str]] = field(default_factory=list)
    avoids: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    families: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    sides: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)


_Content = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class _Term:
    """One term as several workloads carry it word for word; all lists in the order of ids.

    `family` are the carriers that the term means as well: they speak of each other.
    """

    level: str
    carriers: tuple[Workload, ...]
    pending: tuple[Workload, ...]
    running: tuple[str, ...]
    family: tuple[Workload, ...]

    @cached_property
    def ids(self) -> frozenset[str]:
        """Ids of the family."""
        return frozenset(workload.id for workload in self.family)

    @cached_property
    def outside(self) -> tuple[Workload, ...]:
        """Pending targets outside the family."""
        return tuple(workload for workload in self.pending if workload.id not in self.ids)

    def others(self, carrier: Workload) -> tuple[Workload, ...]:
        """Pending targets of a carrier, its own family left out. A carrier that is not of it is no target."""
        return self.outside if carrier.id in self.ids else self.pending


def block_of(workload: Workload) -> str:
    """The block of a pending workload: its placement group, else the workload itself."""
    return f"workload:{workload.id}" if workload.group is None else f"group:{workload.group}"


def resolve(case: Case, fabric: Fabric, mode: str, known: Registers | None = None) -> Relations:
    """All terms of one mode of the case; `known` spares reading its workloads again.

    Affinity: with running targets any one of them will do, and pending ones do not matter. With pending targets only,
    all of them must be near; but of a family (all carry the same term and are meant by it) the others follow the
    first by id, and of any two that name each other the later follows the earlier. A required term without any target
    is lost. Anti-affinity holds against every target; if required, running work keeps new work away by its own terms
    too. Inside one placement group an affinity is met where the group's level is at least as fine as the term's, and
    is lost otherwise; so is every anti-affinity.
    """
    found = Relations()
    known = known or Registers(case)
    ordered = sorted(case.workloads, key=lambda workload: workload.id)
    _near(found, _terms(known, ordered, mode, apart=False), case, fabric)
    _apart(found, _terms(known, ordered, mode, apart=True))
    if mode == "require":
        _kept_away(found, ordered, known.running)
    return found


class Register:
    """Workloads by id and by label, so that a term finds its targets without asking all of them."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        self._workloads = tuple(workloads)
        self._by_value: dict[str, dict[str, list[Workload]]] = {}

    def read(self) -> None:
        """Read all ids and labels at once."""
        self._by_id, self.guarded  # noqa: B018 - they are kept
        found: dict[str, dict[str, list[Workload]]] = {}
        for workload in self._workloads:
            for key, value in workload.labels.items():
                found.setdefault(key, {}).setdefault(value, []).append(workload)
        self._by_value = found

    @cached_property
    def _by_id(self) -> dict[str, Workload]:
        return {workload.id: workload for workload in self._workloads}

    @cached_property
    def guarded(self) -> tuple[Workload, ...]:
        """Those that keep others away, in order of their ids."""
        return tuple(sorted((one for one in self._workloads if one.anti_affinity), key=lambda one: one.id))

    def _labelled(self, key: str, value: str) -> list[Workload]:
        by_value = self._by_value.get(key)
        if by_value is None:
            by_value = {}
            for workload in self._workloads:
                own = workload.labels.get(key)
                if own is not None:
                    by_value.setdefault(own, []).append(workload)
            self._by_value[key] = by_value
        return by_value.get(value, [])

    def meant(self, term: Affinity) -> tuple[Workload, ...]:
        """The workloads a term concerns, in order of their ids."""
        found = {name: self._by_id[name] for name in term.workloads if name in self._by_id}
        if term.match:
            fewest = min((self._labelled(*label) for label in term.match.items()), key=len)
            found.update((workload.id, workload) for workload in fewest if concerns(term, workload))
        return tuple(found[name] for name in sorted(found))


class Registers:
    """Pending and running workloads of a case by id and by label, each read when it is first asked for.

    `running` spares reading the running ones again.
    """

    def __init__(self, case: Case, running: Register | None = None) -> None:
        self.pending = Register(sorted(case.workloads, key=lambda workload: workload.id))
        self.running = running or running_register(case)


def running_register(case: Case) -> Register:
    """The register of the running work."""
    return Register(one.workload for one in case.running)


def _terms(known: Registers, ordered: list[Workload], mode: str, *, apart: bool) -> list[_Term]:
    carriers: dict[_Content, list[Workload]] = {}
    example: dict[_Content, Affinity] = {}
    for workload in ordered:
        for term in workload.anti_affinity if apart else workload.affinity:
            if term.mode == mode:
                content = (term.level, tuple(sorted(term.workloads)), tuple(sorted(term.match.items())))
                carriers.setdefault(content, []).append(workload)
                example[content] = term
    if not carriers:
        return []
    return [
        _Term(
            level=content[0],
            carriers=tuple(carrying),
            pending=known.pending.meant(example[content]),
            running=tuple(workload.id for workload in known.running.meant(example[content])),
            family=tuple(workload for workload in carrying if concerns(example[content], workload)),
        )
        for content, carrying in sorted(carriers.items())
    ]


def _near(found: Relations, terms: list[_Term], case: Case, fabric: Fabric) -> None:
    wanted: dict[tuple[str, str, str], tuple[Workload, Workload]] = {}
    for term in terms:
        for carrier in term.carriers:
            if term.running:
                found.near.append((carrier.id, term.level, term.running))
                continue
            targets = list(term.others(carrier))
            if carrier.id in term.ids and carrier.id != term.family[0].id:
                targets.append(term.family[0])
            if not targets and len(term.family) < 2:
                found.lost.append((carrier.id, f"there is nothing to be near to at level {term.level}"))
            wanted |= {(carrier.id, other.id, term.level): (carrier, other) for other in targets}
    for (name, other, level), (carrier, target) in sorted(wanted.items(), key=lambda entry: entry[0]):
        if block_of(carrier) == block_of(target):
            if not _implied(case, fabric, carrier, level):
                found.lost.append((name, f"affinity to {other} inside one placement group"))
        elif other < name or (other, name, level) not in wanted:
            found.follows.append((block_of(carrier), block_of(target), level))
    found.follows = list(dict.fromkeys(found.follows))


def _apart(found: Relations, terms: list[_Term]) -> None:
    # Sets of blocks are the bits of one number: a wish of half the work against the other half is not many pairs.
    names = sorted({block_of(w) for term in terms for w in (*term.carriers, *term.pending)})
    bit = {name: 1 << number for number, name in enumerate(names)}
    against: dict[str, dict[str, int]] = {}
    """level -> block -> those that it keeps apart from."""
    for term in terms:
        apart = against.setdefault(term.level, dict.fromkeys(names, 0))
        blocks = Counter(block_of(workload) for workload in term.family)
        if len(blocks) > 1:
            found.families.append((term.level, tuple(sorted(blocks))))
        outside, pending = (Counter(block_of(w) for w in side) for side in (term.outside, term.pending))
        masks = {id(side): sum(bit[name] for name in side) for side in (outside, pending)}
        members = dict.fromkeys(masks, 0)
        for carrier in term.carriers:
            own = block_of(carrier)
            if term.running:
                found.avoids.append((carrier.id, term.level, term.running))
            related = carrier.id in term.ids
            others = outside if related else pending
            if others[own] + (blocks[own] - 1 if related else 0):
                found.lost.append((carrier.id, "anti-affinity inside one placement group"))
            apart[own] |= masks[id(others)]
            members[id(others)] |= bit[own]
        for others in (outside, pending):
            for name in others:
                apart[name] |= members[id(others)]
    for level, apart in against.items():
        for name in apart:
            apart[name] &= ~bit[name]
        # Two blocks of one family keep apart already.
        for at, family in found.families:
            for name in family if at == level else ():
                apart[name] &= ~sum(bit[other] for other in family)
        found.sides += [(level, *sides) for sides in _sides(names, bit, apart)]


def _sides(
    names: list[str], bit: dict[str, int], apart: dict[str, int]
) -> Iterable[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The pairs as few pairs of sides: blocks that keep apart from the same ones stand together."""
    alike: dict[int, list[str]] = {}
    for name in names:
        if apart[name]:
            alike.setdefault(apart[name], []).append(name)
    done = 0
    for mask, ones in alike.items():
        others = mask & ~done
        if others:
            yield tuple(ones), tuple(name for name in names if bit[name] & others)
        done |= sum(bit[name] for name in ones)


def _kept_away(found: Relations, ordered: list[Workload], running: Register) -> None:
    """Running work that keeps pending work away by its own required anti-affinity."""
    for one in running.guarded:
        for term in one.anti_affinity:
            if term.mode == "require":
                found.avoids += [(w.id, term.level, (one.id,)) for w in ordered if concerns(term, w)]


def concerns(term: Affinity, other: Workload) -> bool:
    """Whether a term speaks of a workload: named by id, or every label of a non-empty match is equal."""
    if other.id in term.workloads:
        return True
    return bool(term.match) and all(other.labels.get(key) == value for key, value in term.match.items())


def _implied(case: Case, fabric: Fabric, workload: Workload, level: str) -> bool:
    """Whether one domain of the group's level lies in one domain of this level."""
    own = next((group.level for group in case.groups if group.name == workload.group), level)
    order = [partition.name for partition in fabric.partitions if partition.nested]
    return own == level or (own in order and level in order and order.index(own) > order.index(level))
