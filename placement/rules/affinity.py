"""affinity: required affinity and anti-affinity to running and to pending work."""

from __future__ import annotations

from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.state import Running
from placement.rules.context import Context, Usage
from placement.rules.relations import Register, Registers, Relations, block_of, resolve
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import running_seats, settled
from solver.atoms import Allow, Apart, Exclusive, Together
from solver.items import BoolArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Affinity", "blocks", "register_of", "registers", "touched"]


def blocks(context: Context) -> dict[str, int]:
    """Block name -> its item."""
    return {block_of(item.members[0]): number for number, item in enumerate(context.items)}


def touched(context: Context, level: str, names: tuple[str, ...]) -> BoolArray:
    """Nodes bool[N] in the domains of a level that running workloads touch."""
    labels = context.labels(level)
    running = context.usage.by_id
    rows = [seat.node for name in names if name in running for seat in running[name].seats]
    there = np.zeros(context.domain_count(level), np.bool_)
    there[labels[rows]] = True
    found: BoolArray = there[labels]
    return found


def register_of(usage: Usage, running: tuple[Running, ...]) -> Register:
    """The register of running work, made once for all lowerings on its usage."""
    return usage.recall(("register",), lambda: Register(one.workload for one in running))


def registers(context: Context) -> Registers:
    """The registers of the case, shared by all rules that look for targets."""
    known = register_of(context.usage, context.case.running)
    return context.recall(("registers",), lambda: Registers(context.case, known))


class Affinity(HardRule[NoParams]):
    """Required terms, as `placement.rules.relations.resolve` states them."""

    name = "affinity"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """Masks for running targets, Together, Exclusive and Apart for pending ones."""
        relations = resolve(context.case, context.fabric, "require", registers(context))
        atoms = _masks(context, relations)
        item_of = blocks(context)
        for follower, leader, level in relations.follows:
            atoms.append(Together(self.name, context.partition(level), item_of[leader], item_of[follower]))
        for level, members in relations.families:
            items = tuple(sorted(item_of[member] for member in members))
            atoms.append(Exclusive(self.name, context.partition(level), items))
        for level, *sides in relations.sides:
            ones, others = (tuple(sorted(item_of[block] for block in side)) for side in sides)
            atoms.append(Apart(self.name, context.partition(level), ones, others))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Required terms that the placements break."""
        relations = resolve(case, fabric, "require")
        placed = settled(case, fabric, placements)
        running = {one.workload.id: one for one in running_seats(case, fabric)}
        by_id = {one.workload.id: one for one in placed}
        found = [f"{name}: {why}" for name, why in relations.lost if name in by_id]

        def there(level: str, names: tuple[str, ...]) -> set[int]:
            return {domain for name in names for domain in running[name].domains(fabric, level)}

        def block(name: str, level: str) -> set[int]:
            return {d for one in placed if block_of(one.workload) == name for d in one.domains(fabric, level)}

        for name, level, names in relations.near:
            if name in by_id and by_id[name].domains(fabric, level) - there(level, names):
                found.append(f"{name} must share each {level} with one of {', '.join(names[:5])}")
        for name, level, names in relations.avoids:
            if name in by_id and by_id[name].domains(fabric, level) & there(level, names):
                found.append(f"{name} must share no {level} with {', '.join(names[:5])}")
        for follower, leader, level in relations.follows:
            if block(follower, level) - block(leader, level):
                found.append(f"{follower} must share each {level} with {leader}")
        pairs = [(level, a, b) for level, all_ in relations.families for a in all_ for b in all_ if a < b]
        pairs += [(level, a, b) for level, ones, others in relations.sides for a in ones for b in others]
        for level, first, second in pairs:
            if block(first, level) & block(second, level):
                found.append(f"{first} and {second} must share no {level}")
        return found


def _masks(context: Context, relations: Relations) -> list[Atom]:
    atoms: list[Atom] = []

    def add(name: str, mask: BoolArray | None) -> None:
        if mask is not None:
            atoms.extend(Allow(Affinity.name, i, p, mask) for (i, p), _ in context.keys_of[name])

    nowhere = np.zeros(len(context.fabric.nodes), np.bool_)
    for name in dict.fromkeys(name for name, _ in relations.lost):
        add(name, context.mask("nowhere", nowhere.copy))
    for name, level, names in relations.near:
        add(name, context.mask(("near", level, names), partial(touched, context, level, names)))
    for name, level, names in relations.avoids:
        add(name, context.mask(("away", level, names), partial(_away, context, level, names)))
    return atoms


def _away(context: Context, level: str, names: tuple[str, ...]) -> BoolArray:
    return ~touched(context, level, names)
