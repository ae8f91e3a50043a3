"""gang: a workload starts with all that it needs, or not at all; so does a placement group."""

from __future__ import annotations

from collections import Counter

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.workload import Workload
from placement.rules.context import Context
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import settled
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Gang"]


class Gang(HardRule[NoParams]):
    """A law of nature, written into the structure of the items: there is no atom to leave out.

    A subgroup is on when each of its roles has at least `min_replicas` replicas; a placed workload has at least
    `min_subgroups` subgroups on (all, if not said) and the others empty; a placement group has all members placed
    or none.
    """

    name = "gang"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """Nothing: the tree of bundles says it all."""
        return []

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Workloads and groups that are placed in part, or with more replicas than they have."""
        found = []
        for one in settled(case, fabric, placements):
            held = Counter((seat.subgroup, seat.role.name) for seat in one.seats)
            found += _faults(one.workload, held)
        placed = {placement.workload for placement in placements}
        groups = sorted({workload.group for workload in case.workloads if workload.group is not None})
        for group in groups:
            members = [workload.id for workload in case.workloads if workload.group == group]
            missing = sorted(set(members) - placed)
            if 0 < len(missing) < len(members):
                found.append(f"group {group} is placed without {', '.join(missing[:5])}")
        return found


def _faults(workload: Workload, held: Counter[tuple[str, str]]) -> list[str]:
    found = []
    started = 0
    for subgroup in workload.subgroups:
        counts = [held[subgroup.name, role.name] for role in subgroup.roles]
        started += any(counts)
        for role, count in zip(subgroup.roles, counts, strict=True):
            if any(counts) and not role.min_count <= count <= role.replicas:
                found.append(
                    f"{workload.id}: role {role.name} of subgroup {subgroup.name} has {count} replicas, "
                    f"{role.min_count}..{role.replicas} are needed"
                )
    needed = len(workload.subgroups) if workload.min_subgroups is None else workload.min_subgroups
    if started < needed:
        found.append(f"{workload.id}: {started} of {needed} needed subgroups are placed")
    return found
