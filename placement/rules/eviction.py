"""eviction: running work that is ended counts for more than work that waits a little longer."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.disturbance import homes, mobile
from placement.rules.growth import growing, lost_charges
from placement.rules.refused import Refused, RefusedParams, value_of_replica
from placement.rules.rule import ObjectiveRule, Placements
from placement.units import floor_div
from solver.atoms import RefuseCharge
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Eviction", "EvictionParams"]


class EvictionParams(Document):
    """How much more an evicted replica counts than one that is refused."""

    percent: Annotated[int, Field(ge=0, le=10_000)] = 50


class Eviction(ObjectiveRule[EvictionParams]):
    """Points of a running replica that is evicted, on top of those of `refused`: `percent` of these, rounded down.

    The weights of the tiers are those that the policy gives `refused`, of its first entry or by default.

    So waiting work takes the place of running work only where its value is larger by that much.
    """

    name = "eviction"
    params_type = EvictionParams
    unit = "points"

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge for all work that runs and may be disturbed; a share each for what may grow as well."""
        params, weights = self.params(spec), _weights(context.case)
        tier = context.tier(spec.tier)
        each = {}
        for one, _, _ in homes(context):
            for key, ref in context.keys_of[one.workload.id]:
                value = value_of_replica(ref.workload, ref.role, weights)
                each[key] = spec.weight * floor_div(value * params.percent, 100)
        more = {key: each.pop(key) for key, _ in growing(context)}
        charges: list[Atom] = [RefuseCharge(self.name, tier, each)] if any(each.values()) else []
        return charges + lost_charges(self.name, tier, context, more)

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Value of all running replicas that lose their place."""
        params, weights = self.params(spec), _weights(case)
        placed = {placement.workload: placement.replicas for placement in placements}
        total = 0
        for one in mobile(case):
            roles = {(sub.name, role.name): role for sub in one.workload.subgroups for role in sub.roles}
            before = Counter((replica.subgroup, replica.role) for replica in one.replicas)
            after = Counter((replica.subgroup, replica.role) for replica in placed.get(one.workload.id, ()))
            for name, count in (before - after).items():
                value = value_of_replica(one.workload, roles[name], weights)
                total += count * floor_div(value * params.percent, 100)
        return spec.weight * total


def _weights(case: Case) -> tuple[int, ...]:
    """Weights of the workloads' tiers, as `refused` has them."""
    found = (Refused().params(spec) for spec in case.policy.rules if spec.name == Refused.name)
    return next(found, RefusedParams()).weight_by_tier
