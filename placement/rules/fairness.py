"""fairness: tenants that get less than they are due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Positive
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import settled
from placement.rules.tenancy import families
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
    level_percent: Annotated[int, Field(ge=1, le=100)] = 100
    """The part of its due below which a tenant counts as short. Several levels in successive tiers (25, 50, 75, 100)
    give the lexicographic max-min of the shares on that grid."""
    history_percent: Annotated[int, Field(ge=0, le=10_000)] = 100
    """How much past use (`used_gpu_milli_h`) shifts what tenants are due now; 0 = not at all."""


class Fairness(ObjectiveRule[FairnessParams]):
    """Shortfall of each tenant below what it is due, in billionths of its fair share.

    The resource is GPU milli for every tenant (fixed before the solve: the dominant resource of AI work); tenants
    that ask for no GPU are left out. A tenant is due the smaller of its demand (running and pending) and its
    entitlement (`_entitlements`: its weight's share of the fleet's usable GPUs, down the tree of tenants, guarantees
    first), times `level_percent`. Usable are the healthy GPUs of nodes that are neither cordoned nor failed.

    Past use counts: among siblings with demand let w be a tenant's part of all weights and u its part of all decayed
    use (of its family); then what is left is shared by max(0, w + k (w - u)) instead of w, k being `history_percent`
    / 100, in exact fractions. Who has used more than its weight is due less until the decay forgets it; guarantees are
    not touched. (Slurm's classic fair share weighs the same two parts, as 2**(-u / w). So does time-aware fairness of
    NVIDIA's KAI scheduler, with its own k; but there use is measured against the capacity, not against the siblings.)

    Listed in several tiers with rising levels, the rule gives the lexicographic max-min of the normalised shares on
    that grid exactly: minimising sum((v_k - share)+) for v_1 < v_2 < ... in that order orders plans as leximin does.
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
        running = {one.workload.tenant for one in context.usage.running}
        held = {tenant: context.gpu_milli_in_use((tenant,), None) for tenant in sorted(running)}
        for tenant, due in _dues(context.case, context.fabric, self.params(spec), held).items():
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
        for tenant, due in _dues(case, fabric, self.params(spec), _held(case)).items():
            total += due.rate * max(0, due.target_milli - due.running_milli - given.get(tenant, 0))
        return spec.weight * total


@dataclass(frozen=True)
class _Due:
    """What a tenant has, what it is due, and the points per GPU milli that it lacks."""

    running_milli: int
    target_milli: int
    rate: int


def _held(case: Case) -> dict[str, int]:
    """Tenant -> GPU milli of its running work, read from the documents."""
    held: dict[str, int] = {}
    for one in case.running:
        roles = {(sub.name, role.name): role for sub in one.workload.subgroups for role in sub.roles}
        milli = sum(roles[replica.subgroup, replica.role].replica_gpu_milli for replica in one.replicas)
        held[one.workload.tenant] = held.get(one.workload.tenant, 0) + milli
    return held


def _dues(case: Case, fabric: Fabric, params: FairnessParams, running: Mapping[str, int]) -> dict[str, _Due]:
    """Tenant -> its due, for all tenants with GPU demand, in order of names; `running` is GPU milli by tenant."""
    grid, level = params.grid_milli, params.level_percent
    away = {Health.CORDONED, Health.FAILED}
    capacity = MILLI * sum(
        n for n, health in zip(fabric.healthy_gpus.tolist(), fabric.health, strict=True) if health not in away
    )
    demand = dict(running)
    for workload in case.workloads:
        demand[workload.tenant] = demand.get(workload.tenant, 0) + workload.gpu_milli_total
    found = {}
    history = Fraction(params.history_percent, 100)
    for name, entitlement in _entitlements(case, demand, capacity, history).items() if capacity else ():
        target = floor_div(min(demand[name], floor_div(entitlement.numerator, entitlement.denominator)) * level, 100)
        rate = floor_div(_NANO * entitlement.denominator, entitlement.numerator) if entitlement else _NANO
        found[name] = _Due(running.get(name, 0), target - target % grid, max(1, rate))
    return found


def _entitlements(case: Case, demand: dict[str, int], capacity: int, history: Fraction) -> dict[str, Fraction]:
    """GPU milli that each tenant with demand is entitled to, in order of names; `history` is k in `Fairness`.

    From the top of the tree down: each tenant gets its guarantee (in proportion, where they exceed what there is) and
    its weight's share of what is left among its siblings with demand. A tenant with work of its own and tenants below
    it shares with these as one of weight 1.
    """
    listed = {tenant.name: tenant for tenant in case.tenants}
    members = families(case)
    asking = {name for name, milli in demand.items() if milli}
    busy = {name for name in listed if members[name] & asking}
    below: dict[str | None, list[str]] = {None: sorted(asking - listed.keys())}
    for name in sorted(busy):
        below.setdefault(listed[name].parent, []).append(name)
    found: dict[str, Fraction] = {}
    used = {name: sum(listed[one].used_gpu_milli_h for one in members[name]) for name in busy} if history else {}

    def split(amount: Fraction, above: str | None) -> None:
        shares: dict[str, tuple[int, int]] = {}
        for name in below.get(above, ()):
            tenant = listed.get(name)
            shares[name] = (1, 0) if tenant is None else (tenant.weight, tenant.guaranteed_gpu_milli or 0)
        if above is not None and above in asking:
            shares[above] = (1, 0)
        promised = sum(least for _, least in shares.values())
        kept = min(Fraction(1), amount / promised) if promised else Fraction(1)
        spare = amount - promised * kept
        parts = {name: Fraction(weight) for name, (weight, _) in shares.items()}
        past = {name: used.get(name, 0) for name in shares}
        if above in past:
            past[above] = listed[above].used_gpu_milli_h
        if sum(past.values()):
            everyone, all_past = sum(parts.values()), sum(past.values())
            for name, weight in parts.items():
                share = weight / everyone
                parts[name] = max(Fraction(0), share + history * (share - Fraction(past[name], all_past)))
        everyone = sum(parts.values())
        for name, (_, least) in shares.items():
            part = least * kept + spare * parts[name] / everyone
            if name == above or name not in below:
                found[name] = part
            else:
                split(part, name)

    split(Fraction(capacity), None)
    return dict(sorted(found.items()))
