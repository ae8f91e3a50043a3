"""topology_preference: gangs, subgroups and roles that should lie in one domain and do not."""

from __future__ import annotations

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.model.workload import Workload
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import settled
from placement.rules.topology import proximities
from placement.units import MICRO, MILLI, ceil_div
from solver.atoms import SpanCharge
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["TopologyPreference", "TopologyPreferenceParams"]


class TopologyPreferenceParams(Document):
    """Exchange rates; both are paid."""

    domain_micro_usd_h: Natural = 0
    """Price of lying in several domains, whatever the size."""
    gpu_micro_usd_h: Natural = 100_000
    """Price per GPU of the scope (at full size) if it lies in several domains."""


class TopologyPreference(ObjectiveRule[TopologyPreferenceParams]):
    """A price, once, for every preferred proximity that is not met."""

    name = "topology_preference"
    params_type = TopologyPreferenceParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge per preferred proximity."""
        params = self.params(spec)
        tier = context.tier(spec.tier)
        atoms: list[Atom] = []
        for number, item in enumerate(context.items):
            for workload in item.members:
                for scope, proximity in proximities(workload, "prefer"):
                    price = spec.weight * _price(workload, scope, params)
                    partition = context.partition(proximity.level)
                    if price and context.domain_count(proximity.level) > 1:
                        bundle = item.bundle_of[scope]
                        atoms.append(SpanCharge(self.name, tier, number, bundle, partition, price))
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Price of the proximities that are not met."""
        params = self.params(spec)
        total = 0
        for one in settled(case, fabric, placements):
            for scope, proximity in proximities(one.workload, "prefer"):
                labels = fabric.partition(proximity.level).domain_of
                domains = {
                    int(labels[seat.node])
                    for seat in one.seats
                    if (one.workload.id, seat.subgroup, seat.role.name)[: len(scope)] == scope
                }
                if len(domains) > 1:
                    total += _price(one.workload, scope, params)
        return spec.weight * total


def _price(workload: Workload, scope: tuple[str, ...], params: TopologyPreferenceParams) -> int:
    milli = sum(
        role.replicas * role.replica_gpu_milli
        for subgroup in workload.subgroups
        for role in subgroup.roles
        if (workload.id, subgroup.name, role.name)[: len(scope)] == scope
    )
    return params.domain_micro_usd_h + ceil_div(milli * params.gpu_micro_usd_h, MILLI)
