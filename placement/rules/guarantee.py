"""guarantee: what a tenant is guaranteed is not taken back."""

from __future__ import annotations

from placement.model.case import Case, LoosenedCase
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.disturbance import homes
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import running_seats, settled
from placement.rules.tenancy import families
from solver.atoms import Floor
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Guarantee"]


class Guarantee(HardRule[NoParams]):
    """Evictions leave a tenant (with all below it) its guaranteed GPU milli, or what it has now if that is less.

    Its own new work counts, so it may exchange less important work for more important.
    """

    name = "guarantee"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One floor for each tenant with a guarantee and work that may be evicted."""
        running = {key for _, item, _ in homes(context) for key, _ in _parts(context, item)}
        atoms: list[Atom] = []
        members = families(context.case)
        for tenant in context.case.tenants:
            if tenant.guaranteed_gpu_milli is None:
                continue
            family = members[tenant.name]
            use = {
                key: ref.role.replica_gpu_milli
                for key, ref in context.parts()
                if ref.workload.tenant in family and ref.role.replica_gpu_milli
            }
            loose = sum(milli * context.part(key).role.replicas for key, milli in use.items() if key in running)
            base = sum(
                seat.role.replica_gpu_milli
                for one in context.usage.running
                if one.workload.tenant in family
                for seat in one.seats
            )
            least = min(tenant.guaranteed_gpu_milli, base + loose)
            if loose and least > base:
                atoms.append(Floor(self.name, tenant.name, use, least, base))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Tenants from which more is taken than may be."""
        if not isinstance(case, LoosenedCase):
            return []
        members = families(case)
        work = (*running_seats(case, fabric), *settled(case, fabric, placements))
        before = running_seats(case.model_copy(update={"running": (*case.running, *case.mobile)}), fabric)
        found = []
        for tenant in case.tenants:
            family = members[tenant.name]
            now = sum(
                seat.role.replica_gpu_milli for one in before if one.workload.tenant in family for seat in one.seats
            )
            least = min(tenant.guaranteed_gpu_milli or 0, now)
            left = sum(
                seat.role.replica_gpu_milli for one in work if one.workload.tenant in family for seat in one.seats
            )
            if left < least:
                found.append(f"tenant {tenant.name} is left with {left} GPU milli, {least} are guaranteed")
        return found


def _parts(context: Context, item: int) -> tuple[tuple[tuple[int, int], object], ...]:
    return tuple(((item, p), ref) for p, ref in enumerate(context.items[item].parts))
