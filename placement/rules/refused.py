"""refused: every replica that is not placed costs points by its size, its priority and its tier."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Positive
from placement.model.policy import RuleSpec
from placement.model.workload import Role, Workload
from placement.rules.context import Context
from placement.rules.disturbance import mobile
from placement.rules.growth import growing, lost_charges
from placement.rules.rule import ObjectiveRule, Placements
from placement.units import floor_div
from solver.atoms import RefuseCharge
from solver.items import PartKey
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Refused", "RefusedParams", "value_of_replica"]

_CPU_MILLI_PER_GPU_MILLI = 8


class RefusedParams(Document):
    """Exchange rates between the tiers."""

    weight_by_tier: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=10)] = (1000, 100, 10, 1)
    """Weight of workload tier 0, 1, ...; the last one holds for all further tiers."""
    growth_percent: Annotated[int, Field(ge=1, le=100)] = 99
    """What a replica that running work lacks counts of one that waits; below 100, waiting work of equal worth wins."""


class Refused(ObjectiveRule[RefusedParams]):
    """Points of a missing replica = max(1, size x (priority + 1) x weight of its tier // 100).

    The size is the replica's GPU milli; of a replica without GPUs a GPU milli for each 8 CPU milli, at least one. Of
    running work the replicas that it has count as much, those that it lacks up to what it wants `growth_percent` of it.
    """

    name = "refused"
    params_type = RefusedParams
    unit = "points"

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge for all parts; a share each for what running work has that may grow, where that counts more."""
        params, tier = self.params(spec), context.tier(spec.tier)
        each = {
            key: spec.weight * value_of_replica(ref.workload, ref.role, params.weight_by_tier)
            for key, ref in context.parts()
        }
        more: dict[PartKey, int] = {}
        for key, _ in growing(context):
            full, lesser = each[key], spec.weight * _growth(each[key] // spec.weight, params)
            each[key], more[key] = lesser, full - lesser
        charges: list[Atom] = [RefuseCharge(self.name, tier, each)] if each else []
        return charges + lost_charges(self.name, tier, context, more)

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Value of all replicas that have no place."""
        params = self.params(spec)
        runs = {one.workload.id: one.counts for one in mobile(case)}
        placed = Counter(
            (placement.workload, replica.subgroup, replica.role)
            for placement in placements
            for replica in placement.replicas
        )
        total = 0
        for workload in case.workloads:
            for subgroup in workload.subgroups:
                for role in subgroup.roles:
                    has = placed[workload.id, subgroup.name, role.name]
                    had = runs[workload.id][subgroup.name, role.name] if workload.id in runs else role.replicas
                    value = value_of_replica(workload, role, params.weight_by_tier)
                    total += max(0, had - has) * value + (role.replicas - max(had, has)) * _growth(value, params)
        return spec.weight * total


def _growth(value: int, params: RefusedParams) -> int:
    """Points of a replica that running work lacks."""
    return max(1, floor_div(value * params.growth_percent, 100))


def value_of_replica(workload: Workload, role: Role, weights: tuple[int, ...]) -> int:
    """Points of one replica without a place, see `Refused`."""
    size = role.replica_gpu_milli or max(1, floor_div(role.cpu_milli, _CPU_MILLI_PER_GPU_MILLI))
    weight = weights[min(workload.tier, len(weights) - 1)]
    return max(1, floor_div(size * (workload.priority + 1) * weight, 100))
