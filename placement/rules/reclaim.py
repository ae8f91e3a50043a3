"""reclaim: what a tenant is guaranteed and asks for comes before what others have borrowed of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from placement.model.case import Case
from placement.model.fields import Document, Positive
from placement.model.policy import RuleSpec
from placement.rules.amounts import check_amount
from placement.rules.context import Context
from placement.rules.disturbance import mobile
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import running_seats, settled
from placement.rules.tenancy import families, gpu_milli_in_use, on_model
from placement.units import MILLI
from solver.atoms import Hinge, Share
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Reclaim", "ReclaimParams"]


class ReclaimParams(Document):
    """Exchange rate."""

    points_per_gpu_milli: Positive = 20_000
    """Points of each GPU milli that a tenant lacks of its guarantee. More than `refused` and `eviction` together charge
    for a GPU milli of any work of the default policy (15,015), so that what is guaranteed comes first."""


class Reclaim(ObjectiveRule[ReclaimParams]):
    """GPU milli that a tenant (with all below it) lacks of min(its guarantee, its demand), each at its points.

    In all, and for every model of which something is guaranteed. The demand is what its work holds and asks for; for
    a model what it holds of it and what its pending roles ask for that may run on no other model. A tenant that asks
    for no more than it is guaranteed thus gets it before others get more than theirs, also by evicting work that may
    be evicted (reclaim of Kueue and of NVIDIA's KAI scheduler, here weighed in points).
    """

    name = "reclaim"
    params_type = ReclaimParams
    unit = "guaranteed GPUs missing"

    def natural(self, cost: int, spec: RuleSpec) -> float:
        """GPUs."""
        return cost / (MILLI * self.params(spec).points_per_gpu_milli)

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One share with one hinge per guarantee that is not met by work which stays anyway."""
        rate = spec.weight * self.params(spec).points_per_gpu_milli
        members = families(context.case)
        atoms: list[Atom] = []
        for want in _wanted(context.case, context.fabric):
            bins = on_model(context, want.model)
            use = {
                key: ref.role.replica_gpu_milli
                for key, ref in context.parts()
                if ref.workload.tenant in members[want.tenant] and ref.role.replica_gpu_milli
            }
            base = context.gpu_milli_in_use(members[want.tenant], want.model)
            if use and base < want.milli:
                check_amount(rate * want.milli)
                name = want.tenant if want.model is None else f"{want.tenant} on {want.model}"
                hinge = Hinge(at=want.milli, rate=rate, below=True)
                atoms.append(Share(self.name, name, use, bins, base, None, (hinge,), context.tier(spec.tier)))
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """What all guarantees lack."""
        work = (*running_seats(case, fabric), *settled(case, fabric, placements))
        members = families(case)
        lacking = 0
        for want in _wanted(case, fabric):
            held = gpu_milli_in_use(work, fabric, members[want.tenant], want.model)
            lacking += max(0, want.milli - held)
        return spec.weight * self.params(spec).points_per_gpu_milli * lacking


@dataclass(frozen=True)
class _Want:
    """What a tenant is guaranteed and asks for, on a GPU model or on all (None)."""

    tenant: str
    model: str | None
    milli: int


def _wanted(case: Case, fabric: Fabric) -> Iterator[_Want]:
    """One for each guarantee of a tenant with work that asks for it."""
    if not any(tenant.guaranteed_gpu_milli or tenant.guaranteed_by_model for tenant in case.tenants):
        return
    held = running_seats(case.model_copy(update={"running": (*case.running, *mobile(case))}), fabric)
    runs = {one.workload.id: one.counts for one in mobile(case)}
    none: Counter[tuple[str, str]] = Counter()
    members = families(case)
    for tenant in case.tenants:
        family = members[tenant.name]
        promises = [(None, tenant.guaranteed_gpu_milli or 0), *sorted(tenant.guaranteed_by_model.items())]
        for model, promised in promises:
            if not promised or (model is not None and model not in fabric.gpu_models):
                continue
            asked = sum(
                (role.replicas - runs.get(workload.id, none)[subgroup.name, role.name]) * role.replica_gpu_milli
                for workload in case.workloads
                if workload.tenant in family
                for subgroup in workload.subgroups
                for role in subgroup.roles
                if model is None or role.gpu_models == (model,)
            )
            milli = min(promised, asked + gpu_milli_in_use(held, fabric, family, model))
            if milli:
                yield _Want(tenant.name, model, milli)
