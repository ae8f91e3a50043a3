"""topology: a gang, a subgroup, a role or a placement group lies in one domain of a level."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.workload import PlacementGroup, Proximity, Workload
from placement.rules.context import Context
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import Settled, running_seats, settled
from solver.atoms import Allow, Within
from solver.items import BoolArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Topology", "proximities"]


def proximities(workload: Workload, mode: str) -> Iterator[tuple[tuple[str, ...], Proximity]]:
    """What of a workload is to stay close together: ((id,), (id, subgroup) or (id, subgroup, role), how)."""
    if workload.proximity is not None and workload.proximity.mode == mode:
        yield (workload.id,), workload.proximity
    for subgroup in workload.subgroups:
        if subgroup.proximity is not None and subgroup.proximity.mode == mode:
            yield (workload.id, subgroup.name), subgroup.proximity
        for role in subgroup.roles:
            if role.proximity is not None and role.proximity.mode == mode:
                yield (workload.id, subgroup.name, role.name), role.proximity


class Topology(HardRule[NoParams]):
    """Every required proximity, and the shared domain of each placement group.

    Where members of a group run already, the others join them: they stay in the domains that the running ones touch.
    """

    name = "topology"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom per bundle and level, none where one replica or one domain leaves no choice; masks to join."""
        atoms: list[Atom] = []
        for number, item in enumerate(context.items):
            wanted: list[tuple[int, str]] = []
            if item.group is not None:
                wanted.append((0, item.group.level))
            for workload in item.members:
                for scope, proximity in proximities(workload, "require"):
                    if _replicas(workload, scope) > 1:
                        wanted.append((item.bundle_of[scope], proximity.level))
            for bundle, level in dict.fromkeys(wanted):
                if context.domain_count(level) > 1:
                    atoms.append(Within(self.name, number, bundle, context.partition(level)))
            if item.group is not None:
                key = (self.name, item.group.name)
                mask = context.mask(key, partial(_beside, context, item.group))
                if mask is not None:
                    atoms += [Allow(self.name, number, part, mask) for part in range(len(item.parts))]
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Scopes that lie in several domains."""
        placed = settled(case, fabric, placements)
        found = []
        for one in placed:
            for scope, proximity in proximities(one.workload, "require"):
                found += _scattered("/".join(scope), proximity.level, _inside(one, scope), fabric)
        for group in case.groups:
            nodes = {s.node for one in placed if one.workload.group == group.name for s in one.seats}
            if not nodes:
                continue
            found += _scattered(f"group {group.name}", group.level, nodes, fabric)
            labels = fabric.partition(group.level).domain_of
            home = {
                int(labels[seat.node])
                for one in running_seats(case, fabric)
                if one.workload.group == group.name
                for seat in one.seats
            }
            if home and {int(labels[node]) for node in nodes} - home:
                found.append(f"group {group.name} leaves the {group.level} in which members of it run")
        return found


def _beside(context: Context, group: PlacementGroup) -> BoolArray:
    """Nodes in the domains that running members of a group touch; all nodes if none runs."""
    labels = context.labels(group.level)
    rows = [s.node for one in context.usage.running if one.workload.group == group.name for s in one.seats]
    return np.isin(labels, labels[rows]) if rows else np.ones(len(labels), np.bool_)


def _replicas(workload: Workload, scope: tuple[str, ...]) -> int:
    return sum(
        role.replicas
        for subgroup in workload.subgroups
        for role in subgroup.roles
        if (workload.id, subgroup.name, role.name)[: len(scope)] == scope
    )


def _inside(one: Settled, scope: tuple[str, ...]) -> set[int]:
    """Nodes that hold replicas of a scope."""
    return {seat.node for seat in one.seats if (one.workload.id, seat.subgroup, seat.role.name)[: len(scope)] == scope}


def _scattered(what: str, level: str, nodes: set[int], fabric: Fabric) -> list[str]:
    partition = fabric.partition(level)
    names = sorted({partition.domain_names[partition.domain_of[node]] for node in nodes})
    if len(names) <= 1:
        return []
    return [f"{what} lies in {len(names)} domains of {level} ({', '.join(names[:3])}), one is required"]
