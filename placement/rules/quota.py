"""quota: a tenant's GPUs in use, in all and per model."""

from __future__ import annotations

from collections.abc import Iterator

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.disturbance import mobile
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import Settled, running_seats, settled
from placement.rules.tenancy import families, gpu_milli_in_use, gpu_milli_wanted, on_model
from placement.units import MILLI
from solver.atoms import Share
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Quota"]


class Quota(HardRule[NoParams]):
    """GPU milli of the running and new work of a tenant and of all below it together stay within its quotas.

    A tenant that is above a quota already gets no further above it (hold): it starts nothing that counts against it
    beside what runs, but may exchange work that may be evicted. Held in a tier, every GPU milli above a quota costs,
    where some of the work may be disturbed.
    """

    name = "quota"
    params_type = NoParams
    excess_unit = "GPUs above quotas"
    excess_scale = MILLI

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One share per tenant and limit that could be exceeded."""
        wanted = gpu_milli_wanted(context)
        atoms: list[Atom] = []
        members = families(context.case)
        for tenant, model, limit in _limits(context.case):
            use = {key: milli for name in sorted(members[tenant]) for key, milli in wanted.get(name, {}).items()}
            if model is not None and model not in context.fabric.gpu_models:
                continue
            bins = on_model(context, model)
            base = context.gpu_milli_in_use(members[tenant], model)
            most = sum(milli * context.part(key).role.replicas for key, milli in use.items())
            if most and base + most > limit:
                name = tenant if model is None else f"{tenant} on {model}"
                atoms.append(Share(self.name, name, use, bins, base, limit))
        return atoms

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Tenants whose running work is above a quota."""
        found = []
        members = families(context.case)
        for tenant, model, limit in _limits(context.case):
            base = context.gpu_milli_in_use(members[tenant], model)
            if base > limit:
                detail = f"running work takes {base} GPU milli{_on(model)}, the quota is {limit}"
                found.append(Hold(rule=self.name, subject=f"tenant {tenant}", detail=detail))
        return found

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Tenants that new work takes above a quota, and above what they had."""
        running = running_seats(case, fabric)
        placed = settled(case, fabric, placements)
        found = []
        members = families(case)
        loose = _loose(case, fabric)
        for tenant, model, limit in _limits(case):
            new = gpu_milli_in_use(placed, fabric, members[tenant], model)
            fixed = gpu_milli_in_use(running, fabric, members[tenant], model)
            total, before = new + fixed, fixed + gpu_milli_in_use(loose, fabric, members[tenant], model)
            if new and total > max(limit, before):
                found.append(f"tenant {tenant} uses {total} GPU milli{_on(model)}, the quota is {limit}")
        return found

    def excess(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """GPU milli above the quotas that work which may be disturbed takes part in exceeding."""
        running, loose = running_seats(case, fabric), _loose(case, fabric)
        work = (*running, *settled(case, fabric, placements))
        members = families(case)
        total = 0
        for tenant, model, limit in _limits(case):
            before = gpu_milli_in_use(loose, fabric, members[tenant], model)
            if before and before + gpu_milli_in_use(running, fabric, members[tenant], model) > limit:
                total += max(0, gpu_milli_in_use(work, fabric, members[tenant], model) - limit)
        return total


def _loose(case: Case, fabric: Fabric) -> tuple[Settled, ...]:
    """The work that may be disturbed, where it runs."""
    return running_seats(case.model_copy(update={"running": mobile(case), "workloads": ()}), fabric)


def _on(model: str | None) -> str:
    return "" if model is None else f" of {model}"


def _limits(case: Case) -> Iterator[tuple[str, str | None, int]]:
    """(tenant, GPU model or None for all, limit in GPU milli)."""
    for tenant in case.tenants:
        if tenant.quota_gpu_milli is not None:
            yield tenant.name, None, tenant.quota_gpu_milli
        for model, limit in sorted(tenant.quota_by_model.items()):
            yield tenant.name, model, limit
