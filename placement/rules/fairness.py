"""fairness: tenants that get less than they are due."""

from __future__ import annotations

from dataclasses import dataclass

from placement.model.case import Case
from placement.model.fields import Document, Positive
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import settled
from placement.units import MILLI, floor_div
from solver.atoms import Hinge, Share
from solver.items import PartKey
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import Health

__all__ = ["Fairness", "FairnessParams"]

_NANO = 10**9


class FairnessParams(Document):
    """How fine shares are measured."""

    grid_milli: Positive = 1
    """What a tenant is due is rounded down to a multiple of so many GPU milli."""


class Fairness(ObjectiveRule[FairnessParams]):
    """Shortfall of each tenant below what it is due, in billionths of its fair share.

    The resource is GPU milli for every tenant (fixed before the solve: the dominant resource of AI work); tenants
    that ask for no GPU are left out. A tenant is due the smaller of its demand (running and pending) and its
    entitlement: its weight's share of the fleet's usable GPUs among all tenants with demand. Usable are the healthy
    GPUs of nodes that are neither cordoned nor failed.
    """

    name = "fairness"
    params_type = FairnessParams
    unit = "fair shares missing"
    scale = _NANO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One share with one hinge per tenant that running work leaves short."""
        use: dict[str, dict[PartKey, int]] = {}
        for key, ref in context.parts():
            if ref.role.replica_gpu_milli:
                use.setdefault(ref.workload.tenant, {})[key] = ref.role.replica_gpu_milli
        atoms: list[Atom] = []
        for tenant, due in _dues(context.case, context.fabric, self.params(spec).grid_milli).items():
            if due.running_milli < due.target_milli:
                hinge = Hinge(at=due.target_milli, rate=spec.weight * due.rate, below=True)
                base, tier = due.running_milli, context.tier(spec.tier)
                atoms.append(Share(self.name, tenant, use[tenant], None, base, None, (hinge,), tier))
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Sum of the shortfalls."""
        given: dict[str, int] = {}
        for one in settled(case, fabric, placements):
            milli = sum(seat.role.replica_gpu_milli for seat in one.seats)
            given[one.workload.tenant] = given.get(one.workload.tenant, 0) + milli
        total = 0
        for tenant, due in _dues(case, fabric, self.params(spec).grid_milli).items():
            total += due.rate * max(0, due.target_milli - due.running_milli - given.get(tenant, 0))
        return spec.weight * total


@dataclass(frozen=True)
class _Due:
    """What a tenant has, what it is due, and the points per GPU milli that it lacks."""

    running_milli: int
    target_milli: int
    rate: int


def _dues(case: Case, fabric: Fabric, grid: int) -> dict[str, _Due]:
    """Tenant -> its due, for all tenants with GPU demand, in order of names."""
    capacity = sum(
        MILLI * (node.gpu_count - len(node.unhealthy_gpus))
        for node in fabric.nodes
        if node.health not in {Health.CORDONED, Health.FAILED}
    )
    running: dict[str, int] = {}
    demand: dict[str, int] = {}
    for one in case.running:
        roles = {(sub.name, role.name): role for sub in one.workload.subgroups for role in sub.roles}
        milli = sum(roles[replica.subgroup, replica.role].replica_gpu_milli for replica in one.replicas)
        running[one.workload.tenant] = running.get(one.workload.tenant, 0) + milli
        demand[one.workload.tenant] = demand.get(one.workload.tenant, 0) + milli
    for workload in case.workloads:
        demand[workload.tenant] = demand.get(workload.tenant, 0) + workload.gpu_milli_total
    listed = {tenant.name: tenant.weight for tenant in case.tenants}
    weights = {name: listed.get(name, 1) for name in sorted(demand) if demand[name]}
    everyone = sum(weights.values())
    found = {}
    for name, weight in weights.items() if capacity else ():
        entitlement = floor_div(capacity * weight, everyone)
        target = min(demand[name], entitlement)
        rate = max(1, floor_div(_NANO * everyone, capacity * weight))
        found[name] = _Due(running.get(name, 0), target - target % grid, rate)
    return found
