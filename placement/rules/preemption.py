"""preemption: running work is disturbed only as its owner allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, EpochSeconds
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.disturbance import disturbed, homes, mobile
from placement.rules.rule import HardRule, Placements
from placement.rules.tenancy import families
from solver.atoms import Disruptions, Stay
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Preemption", "PreemptionParams"]


class PreemptionParams(Document):
    """Protection of young work, and how much may be disturbed at once."""

    min_runtime_s: EpochSeconds = 0
    """Work that runs for less than this is not disturbed."""
    max_disrupted: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000_000
    """Most running workloads that one decision moves, shrinks or evicts."""


class Preemption(HardRule[PreemptionParams]):
    """A law: it holds even where the policy does not list it.

    Only `movable` or `evictable` work is moved (what may be evicted may start again elsewhere at once), and only
    `evictable` work is evicted or shrunk; nothing is that has run for less than
    `min_runtime_s`. At most `max_disrupted` workloads are disturbed in all, and of each tenant (with all below it) at
    most its `disruption_budget`. Running work that is neither movable nor evictable keeps its seats; if it runs with
    fewer replicas than it wants it may grow beside them, as all running work may: growth disturbs nothing.
    """

    name = "preemption"
    params_type = PreemptionParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom for each workload with less than full leave, and one for each budget that could be exceeded."""
        params = self.params(spec)
        atoms: list[Atom] = []
        tenants = {}
        for one, item, seats in homes(context):
            pinned = not (one.movable or one.evictable)
            if not one.evictable:
                atoms.append(Stay(self.name, -1, item, seats, may_leave=False, pinned=pinned))
            if not pinned:
                tenants[item] = one.workload.tenant
        for name, family, limit in _budgets(context.case, params):
            members = tuple(item for item, tenant in tenants.items() if family is None or tenant in family)
            if len(members) > limit:
                atoms.append(Disruptions(self.name, name, members, limit))
        return atoms

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Work that is moved, evicted or shrunk and may not be."""
        params = self.params(self.spec_in(case))
        placed = {placement.workload: placement for placement in placements}
        found = []
        touched: list[str] = []
        for one in mobile(case):
            name, after = one.workload.id, placed.get(one.workload.id)
            change = disturbed(one, after)
            young = max(0, case.now_s - one.start_s) < params.min_runtime_s
            if after is None and not one.evictable:
                found.append(f"{name} is evicted, and may not be")
            elif change.disturbed and (young or not (one.movable or one.evictable)):
                found.append(f"{name} is disturbed, and may not be")
            if change.disturbed:
                touched.append(one.workload.tenant)
        for name, family, limit in _budgets(case, params):
            count = sum(family is None or tenant in family for tenant in touched)
            if count > limit:
                found.append(f"{name}: {count} running workloads are disturbed, {limit} may be")
        return found


def _budgets(case: Case, params: PreemptionParams) -> Iterator[tuple[str, frozenset[str] | None, int]]:
    """(name, tenants it covers or None for all, most workloads disturbed)."""
    yield "max_disrupted", None, params.max_disrupted
    members = families(case)
    for tenant in case.tenants:
        if tenant.disruption_budget is not None:
            yield f"tenant {tenant.name}", members[tenant.name], tenant.disruption_budget
