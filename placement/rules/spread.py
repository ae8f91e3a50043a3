"""spread: a domain holds at most so many replicas of a role."""

from __future__ import annotations

from collections.abc import Iterator

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.workload import Role
from placement.rules.context import Context
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import Settled, settled
from solver.atoms import Spread as SpreadAtom
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Spread", "crowds", "spread_atoms"]


def crowds(one: Settled, fabric: Fabric, mode: str) -> Iterator[tuple[Role, int]]:
    """(role, replicas) for every domain that holds more of a role than its spread of that mode allows."""
    for subgroup in one.workload.subgroups:
        for role in subgroup.roles:
            if role.spread is None or role.spread.mode != mode:
                continue
            labels = fabric.partition(role.spread.level).domain_of
            held: dict[int, int] = {}
            for seat in one.seats:
                if (seat.subgroup, seat.role.name) == (subgroup.name, role.name):
                    domain = int(labels[seat.node])
                    held[domain] = held.get(domain, 0) + 1
            for _, count in sorted(held.items()):
                if count > role.spread.max_per_domain:
                    yield role, count


def spread_atoms(context: Context, rule: str, mode: str, price: int, tier: int) -> list[Atom]:
    """One atom per part whose spread has this mode and can be exceeded; tier -1 makes it a limit."""
    atoms: list[Atom] = []
    for (item, part), ref in context.parts():
        spread = ref.role.spread
        if spread is None or spread.mode != mode or ref.role.replicas <= spread.max_per_domain:
            continue
        partition = context.partition(spread.level)
        atoms.append(SpreadAtom(rule, item, (part,), partition, spread.max_per_domain, price, tier))
    return atoms


class Spread(HardRule[NoParams]):
    """Every required spread, role by role."""

    name = "spread"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One limit per part."""
        return spread_atoms(context, self.name, "require", 0, -1)

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Domains with too many replicas of a role."""
        found = []
        for one in settled(case, fabric, placements):
            for role, count in crowds(one, fabric, "require"):
                found.append(f"{one.workload.id}: {count} replicas of role {role.name} are too close together")
        return found
