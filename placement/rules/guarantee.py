"""guarantee: what a tenant is guaranteed is not taken back."""

from __future__ import annotations

from collections.abc import Iterator

from placement.model.case import Case, LoosenedCase
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.disturbance import homes
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import running_seats, settled
from placement.rules.tenancy import families, gpu_milli_in_use, on_model
from solver.atoms import Floor
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Guarantee"]


class Guarantee(HardRule[NoParams]):
    """Evictions leave a tenant (with all below it) its guaranteed GPU milli, or what it has now if that is less.

    In all and for every GPU model on its own; so work may be moved away from a model only above what is guaranteed
    of it. The tenant's own new work counts: it may exchange less important work for more important. What it uses
    beyond its guarantee is borrowed, and is not protected by this rule.
    """

    name = "guarantee"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One floor for each tenant with a guarantee and work that may be evicted."""
        running = [
            ((item, p), seat) for _, item, parts in homes(context) for p, seats in enumerate(parts) for seat in seats
        ]
        atoms: list[Atom] = []
        members = families(context.case)
        for tenant, model, promised in _promises(context.case):
            if model is not None and model not in context.fabric.gpu_models:
                continue
            bins = on_model(context, model)
            family = members[tenant]
            use = {
                key: ref.role.replica_gpu_milli
                for key, ref in context.parts()
                if ref.workload.tenant in family and ref.role.replica_gpu_milli
            }
            loose = sum(use.get(key, 0) for key, seat in running if bins is None or bins[seat.bin])
            base = context.gpu_milli_in_use(family, model)
            least = min(promised, base + loose)
            if loose and least > base:
                atoms.append(Floor(self.name, _named(tenant, model), use, least, base, bins))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Tenants from which more is taken than may be."""
        if not isinstance(case, LoosenedCase):
            return []
        members = families(case)
        work = (*running_seats(case, fabric), *settled(case, fabric, placements))
        before = running_seats(case.model_copy(update={"running": (*case.running, *case.mobile)}), fabric)
        found = []
        for tenant, model, promised in _promises(case):
            least = min(promised, gpu_milli_in_use(before, fabric, members[tenant], model))
            left = gpu_milli_in_use(work, fabric, members[tenant], model)
            if left < least:
                found.append(f"tenant {_named(tenant, model)} is left with {left} GPU milli, {least} are guaranteed")
        return found


def _promises(case: Case) -> Iterator[tuple[str, str | None, int]]:
    """(tenant, GPU model or None for all, GPU milli)."""
    for tenant in case.tenants:
        if tenant.guaranteed_gpu_milli is not None:
            yield tenant.name, None, tenant.guaranteed_gpu_milli
        for model, milli in sorted(tenant.guaranteed_by_model.items()):
            yield tenant.name, model, milli


def _named(tenant: str, model: str | None) -> str:
    return tenant if model is None else f"{tenant} on {model}"
