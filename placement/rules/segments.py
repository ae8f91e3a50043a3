"""segments: replicas of a role come in blocks of one size, each block inside one domain."""

from __future__ import annotations

from collections import Counter

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import settled
from solver.atoms import Segments as SegmentsAtom
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Segments"]


class Segments(HardRule[NoParams]):
    """In all domains but at most one the number of the role's replicas is a multiple of the segment's size."""

    name = "segments"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom per part with segments of at least two replicas."""
        atoms: list[Atom] = []
        for (item, part), ref in context.parts():
            segment = ref.role.segment
            if segment is None or segment.size == 1 or context.domain_count(segment.level) == 1:
                continue
            atoms.append(SegmentsAtom(self.name, item, part, context.partition(segment.level), segment.size))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Roles with more than one incomplete segment."""
        found = []
        for one in settled(case, fabric, placements):
            for subgroup in one.workload.subgroups:
                for role in subgroup.roles:
                    if role.segment is None:
                        continue
                    labels = fabric.partition(role.segment.level).domain_of
                    held = Counter(
                        int(labels[seat.node])
                        for seat in one.seats
                        if (seat.subgroup, seat.role.name) == (subgroup.name, role.name)
                    )
                    if sum(count % role.segment.size > 0 for count in held.values()) > 1:
                        sizes = "+".join(str(count) for count in sorted(held.values(), reverse=True))
                        found.append(
                            f"{one.workload.id}: role {role.name} needs segments of {role.segment.size} in each "
                            f"{role.segment.level}, found {sizes}"
                        )
        return found
