"""fairness: tenants that get less than they are due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Positive
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import settled
from placement.rules.tenancy import families, gpu_milli_wanted
from placement.units import MILLI, floor_div
from solver.atoms import Hinge, Share
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
    steps: Annotated[int, Field(ge=1, le=100)] = 1
    """How many equally spaced levels up to `level_percent` are priced together in this tier, each missing GPU once for
    every level that it is below. With more than one, who has little counts more than who has nearly all, so that what
    there is is shared evenly within one tier (the shortfall is priced about as its square)."""
    history_percent: Annotated[int, Field(ge=0, le=10_000)] = 100
    """How much past use (`used_gpu_milli_h`) shifts what tenants are due now; 0 = not at all."""


class Fairness(ObjectiveRule[FairnessParams]):
    """Shortfall of each tenant below what it is due, in billionths of its fair share.

    The resource is GPU milli for every tenant (fixed before the solve: the dominant resource of AI work); tenants
    that ask for no GPU are left out. A tenant is due the smaller of its demand (running and pending) and its fair
    share times `level_percent`. Its fair share is its guarantee and its weight's share of what is left of the fleet's
    usable GPUs, down the tree of tenants; what some do not ask for is shared out again among the others (max-min
    fairness by water-filling). Usable are the healthy GPUs of nodes that are neither cordoned nor failed.

    Past use counts: among siblings with demand let w be a tenant's part of all weights and u its part of all decayed
    use (of its family); then what is left is shared by max(0, w + k (w - u)) instead of w, k being `history_percent`
    / 100, in exact fractions. Who has used more than its weight is due less until the decay forgets it; guarantees are
    not touched. (Slurm's classic fair share weighs the same two parts, as 2**(-u / w). So does time-aware fairness of
    NVIDIA's KAI scheduler, with its own k; but there use is measured against the capacity, not against the siblings.)

    Listed in several tiers with rising levels, the rule gives the lexicographic max-min of share / fair share (up to
    the fair share) exactly on that grid: minimising sum((v_k - share)+) for v_1 < v_2 < ... in that order orders plans
    as leximin does. Where these tiers are proven, this holds of the plan: every plan in which a tenant gains leaves
    some tenant with less than it has now and no more than the gainer has now. (That none gains unless a *poorer* one
    loses is true of divisible goods only: of the shares (1, 3) and (2, 0) the first is the fair one.)

    Between two levels only the sum counts; `steps` puts further levels into one tier. Both together (25 % in 5 steps,
    then 50 % in 10, then 100 % in 20) come close to leximin at little cost.
    """

    name = "fairness"
    params_type = FairnessParams
    unit = "fair shares missing"
    scale = _NANO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One share with one hinge per tenant that running work leaves short."""
        use = gpu_milli_wanted(context)
        atoms: list[Atom] = []
        held = {tenant: context.gpu_milli_in_use((tenant,), None) for tenant in context.usage.tenants[0]}
        for tenant, due in _dues(context.case, context.fabric, self.params(spec), held).items():
            base, rate = due.running_milli, spec.weight * due.rate
            hinges = tuple(Hinge(at=at, rate=rate, below=True) for at in due.targets_milli if base < at)
            if hinges:
                atoms.append(Share(self.name, tenant, use[tenant], None, base, None, hinges, context.tier(spec.tier)))
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Sum of the shortfalls."""
        given: dict[str, int] = {}
        for one in settled(case, fabric, placements):
            milli = sum(seat.role.replica_gpu_milli for seat in one.seats)
            given[one.workload.tenant] = given.get(one.workload.tenant, 0) + milli
        total = 0
        for tenant, due in _dues(case, fabric, self.params(spec), _held(case)).items():
            has = due.running_milli + given.get(tenant, 0)
            total += due.rate * sum(max(0, target - has) for target in due.targets_milli)
        return spec.weight * total


@dataclass(frozen=True)
class _Due:
    """What a tenant has, what it is due, and the points per GPU milli that it lacks."""

    running_milli: int
    targets_milli: tuple[int, ...]
    """One for each step, rising."""
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
    for name, share in _fair_shares(case, demand, capacity, history).items() if capacity else ():
        targets = []
        for step in range(1, params.steps + 1):
            part = floor_div(share.numerator * level * step, share.denominator * 100 * params.steps)
            target = min(demand[name], part)
            targets.append(target - target % grid)
        rate = floor_div(_NANO * share.denominator, share.numerator) if share else _NANO
        found[name] = _Due(running.get(name, 0), tuple(targets), max(1, rate))
    return found


def _fair_shares(case: Case, demand: dict[str, int], capacity: int, history: Fraction) -> dict[str, Fraction]:
    """GPU milli that are the fair share of each tenant with demand, in order of names; `history` is k in `Fairness`.

    From the top of the tree down: what a tenant is due of what its family is due (`_level`) is shared among those
    below it. A tenant with work of its own and tenants below it shares with these as one of weight 1.
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
        claims: dict[str, _Claim] = {}
        for name in below.get(above, ()):
            tenant = listed.get(name)
            if tenant is None:
                claims[name] = _Claim(Fraction(1), 0, demand[name])
            else:
                want = sum(demand.get(one, 0) for one in members[name])
                claims[name] = _Claim(Fraction(tenant.weight), tenant.guaranteed_gpu_milli or 0, want)
        if above is not None and above in asking:
            claims[above] = _Claim(Fraction(1), 0, demand[above])
        past = {name: used.get(name, 0) for name in claims}
        if above in past:
            past[above] = listed[above].used_gpu_milli_h
        if sum(past.values()):
            everyone, all_past = sum(claim.part for claim in claims.values()), sum(past.values())
            for name, claim in claims.items():
                share = claim.part / everyone
                part = max(Fraction(0), share + history * (share - Fraction(past[name], all_past)))
                claims[name] = replace(claim, part=part)
        for name, share in _level(amount, claims).items():
            if name == above or name not in below:
                found[name] = share
            else:
                split(min(share, Fraction(claims[name].want)), name)

    split(Fraction(capacity), None)
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class _Claim:
    """A tenant with demand beside its siblings: its part of what is not guaranteed, its guarantee, what it asks for."""

    part: Fraction
    least: int
    want: int


def _level(amount: Fraction, claims: Mapping[str, _Claim]) -> dict[str, Fraction]:
    """What each would get if it asked for enough, when what the others leave is shared out again (water-filling).

    Guarantees first (in proportion, where they exceed `amount`), the rest by parts. Who asks for less than that gets
    what it asks for. At least what each would get if all asked for enough.
    """
    if not claims:
        return {}
    promised = sum(claim.least for claim in claims.values())
    kept = min(Fraction(1), amount / promised) if promised else Fraction(1)
    base = {name: claim.least * kept for name, claim in claims.items()}
    everyone = sum((claim.part for claim in claims.values()), Fraction(0))
    level = (amount - promised * kept) / everyone
    left = amount - sum((min(base[name], Fraction(claim.want)) for name, claim in claims.items()), Fraction(0))
    filling = [
        (max(Fraction(0), claim.want - base[name]) / claim.part, claim.part)
        for name, claim in claims.items()
        if claim.part
    ]
    full = Fraction(0)
    for height, part in sorted(filling):
        if (height - full) * everyone > left:
            break
        left -= (height - full) * everyone
        everyone -= part
        full = height
    else:
        everyone = Fraction(0)
    if everyone:
        full += left / everyone
    return {name: base[name] + max(level, full) * claim.part for name, claim in claims.items()}
