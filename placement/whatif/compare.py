"""Two decisions of two cases side by side: who moved, won and lost, the terms, and what the gaps leave open."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple, TypeAlias

from placement.model import Case, Decision, PlacedReplica, Replica, Status, Unplaced
from placement.model.fields import Document
from placement.rules.health import HealthParams
from placement.rules.registry import rule_named
from topology.model import Health

__all__ = ["Comparison", "Fate", "TenantShare", "TermPair", "TierPair", "compare"]

FateKind: TypeAlias = Literal["moved", "elsewhere", "shrunk", "grown", "gained", "lost", "verdict"]
"""What became of a workload.

`moved`: it ran, and has another place now. `elsewhere`: it is placed by both plans, on other nodes. `shrunk`, `grown`:
it runs on with fewer or more replicas. `gained`: only the plan after has a place for it. `lost`: only the state or the
plan before has. `verdict`: neither has, on another ground.
"""


class Fate(Document):
    """What differs for one workload; nodes with the number of replicas where it is more than one (`n1 n2x3`)."""

    workload: str
    tenant: str
    kind: FateKind
    gpus: float
    """GPUs that its placed or running replicas hold, on the side that has more."""
    before: str
    """`running`, `placed`, `evicted`, the verdict, or `absent`."""
    after: str
    nodes_before: tuple[str, ...] = ()
    nodes_after: tuple[str, ...] = ()
    reason: str = ""


class TierPair(Document):
    """One tier on both sides, in points (smaller is better); none = the policy has no such tier there."""

    tier: int
    value_before: int | None
    bound_before: int | None
    gap_before: float | None
    value_after: int | None
    bound_after: int | None
    gap_after: float | None
    difference: int | None
    """Value after minus value before."""
    least: int | None
    """The difference of the best possible values is not below this (and not above `most`); none = not known."""
    most: int | None
    says: str
    """What may be concluded, as a sentence."""


class TermPair(Document):
    """One rule's term on both sides, in its natural unit."""

    name: str
    tier: int
    unit: str
    natural_before: float | None
    natural_after: float | None
    weight_before: int | None
    weight_after: int | None


class TenantShare(Document):
    """GPUs in use by a tenant, running and newly placed together."""

    tenant: str
    gpus_before: float
    gpus_after: float


class Comparison(Document):
    """Both sides in figures, and what differs; `notes` say what makes the sides hard to compare."""

    case_before: str
    case_after: str
    status_before: str
    status_after: str
    placed_before: int
    pending_before: int
    placed_after: int
    pending_after: int
    tiers: tuple[TierPair, ...]
    terms: tuple[TermPair, ...]
    tenants: tuple[TenantShare, ...]
    fates: tuple[Fate, ...]
    unchanged: int
    """Workloads with the same place or the same verdict on both sides."""
    notes: tuple[str, ...]


class _Seat(NamedTuple):
    """Where one workload stands on one side."""

    state: str
    nodes: tuple[tuple[str, int], ...] = ()
    gpu_milli: int = 0
    reason: str = ""

    @property
    def seated(self) -> bool:
        return self.state in {"running", "placed"}


def compare(before: tuple[Case, Decision], after: tuple[Case, Decision]) -> Comparison:
    """Compare a decision with that of the changed case. Both are taken at their word (`verify` checks them)."""
    (case0, decision0), (case1, decision1) = before, after
    seats0, seats1 = _seats(case0, decision0), _seats(case1, decision1)
    tenants = _tenants(case0) | _tenants(case1)
    absent = _Seat("absent")
    pairs = {
        name: (seats0.get(name, absent), seats1.get(name, absent)) for name in sorted(seats0.keys() | seats1.keys())
    }
    fates = tuple(
        _fate(name, tenants[name], kind, *pair) for name, pair in pairs.items() if (kind := _kind(*pair)) is not None
    )
    return Comparison(
        case_before=decision0.case_id,
        case_after=decision1.case_id,
        status_before=decision0.status.value,
        status_after=decision1.status.value,
        placed_before=len(decision0.placements),
        pending_before=len(case0.workloads),
        placed_after=len(decision1.placements),
        pending_after=len(case1.workloads),
        tiers=_tiers(before, after),
        terms=_terms(decision0, decision1),
        tenants=_shares(pairs, tenants),
        fates=fates,
        unchanged=len(pairs) - len(fates),
        notes=(*_fallbacks(decision0, decision1), *_notes(case0, case1, fates)),
    )


def _seats(case: Case, decision: Decision) -> dict[str, _Seat]:
    held: dict[str, tuple[Replica | PlacedReplica, ...]] = {one.workload.id: one.replicas for one in case.running}
    held |= {move.workload: move.replicas for move in decision.moves}
    held |= {shrink.workload: shrink.replicas for shrink in decision.shrinks}
    for growth in decision.growths:
        held[growth.workload] = (*held[growth.workload], *growth.added)
    seats = {name: _seat("running", replicas) for name, replicas in held.items()}
    for gone in decision.evictions:
        seats[gone.workload] = _Seat("evicted", reason=f"for {', '.join(gone.rivals)}" if gone.rivals else "")
    refused = {one.workload: one for one in decision.unplaced}
    placed = {one.workload: one.replicas for one in decision.placements}
    for workload in case.workloads:
        if workload.id in placed:
            seats[workload.id] = _seat("placed", placed[workload.id])
        else:
            seats[workload.id] = _refusal(refused.get(workload.id))
    return seats


def _seat(state: str, replicas: tuple[Replica | PlacedReplica, ...]) -> _Seat:
    milli = sum(device.milli for replica in replicas for device in replica.devices)
    return _Seat(state, tuple(sorted(Counter(replica.node for replica in replicas).items())), milli)


def _refusal(one: Unplaced | None) -> _Seat:
    if one is None:
        return _Seat("no answer")
    ground = f"{one.rule}: {one.reason}" if one.rule else one.reason
    return _Seat(one.verdict.value, reason=ground)


def _tenants(case: Case) -> dict[str, str]:
    return {w.id: w.tenant for w in case.workloads} | {r.workload.id: r.workload.tenant for r in case.running}


def _kind(before: _Seat, after: _Seat) -> FateKind | None:
    """What became of it; None where nothing differs that a person would ask for."""
    if before.seated and after.seated:
        if before.nodes == after.nodes:
            return None
        if before.state == after.state == "running":
            more = sum(n for _, n in after.nodes) - sum(n for _, n in before.nodes)
            return "moved" if not more else "grown" if more > 0 else "shrunk"
        return "moved" if before.state == "running" else "elsewhere"
    if after.seated:
        return "gained"
    if before.seated:
        return "lost"
    return None if before.state == after.state else "verdict"


def _fate(name: str, tenant: str, kind: FateKind, before: _Seat, after: _Seat) -> Fate:
    return Fate(
        workload=name,
        tenant=tenant,
        kind=kind,
        gpus=max(before.gpu_milli, after.gpu_milli) / 1000,
        before=before.state,
        after=after.state,
        nodes_before=_named(before),
        nodes_after=_named(after),
        reason=after.reason,
    )


def _named(seat: _Seat) -> tuple[str, ...]:
    return tuple(node if times == 1 else f"{node}x{times}" for node, times in seat.nodes)


def _shares(pairs: dict[str, tuple[_Seat, _Seat]], tenants: dict[str, str]) -> tuple[TenantShare, ...]:
    sums: dict[str, list[int]] = {}
    for name, (before, after) in pairs.items():
        held = sums.setdefault(tenants[name], [0, 0])
        held[0] += before.gpu_milli
        held[1] += after.gpu_milli
    return tuple(
        TenantShare(tenant=tenant, gpus_before=a / 1000, gpus_after=b / 1000) for tenant, (a, b) in sorted(sums.items())
    )


def _terms(before: Decision, after: Decision) -> tuple[TermPair, ...]:
    old = {(term.tier, term.name): term for term in before.terms}
    new = {(term.tier, term.name): term for term in after.terms}
    pairs = []
    for key in dict.fromkeys((*old, *new)):
        a, b = old.get(key), new.get(key)
        pairs.append(
            TermPair(
                name=key[1],
                tier=key[0],
                unit=(a or b or old[key]).unit,
                natural_before=None if a is None else a.natural,
                natural_after=None if b is None else b.natural,
                weight_before=None if a is None else a.weight,
                weight_after=None if b is None else b.weight,
            )
        )
    return tuple(sorted(pairs, key=lambda pair: pair.tier))


def _tiers(before: tuple[Case, Decision], after: tuple[Case, Decision]) -> tuple[TierPair, ...]:
    """Tier by tier: the true difference lies between bound after - value before and value after - bound before."""
    old = {tier.tier: tier for tier in before[1].tiers}
    new = {tier.tier: tier for tier in after[1].tiers}
    repriced = _repriced(before[0], after[0])
    pairs = []
    earlier_open: int | None = None
    earlier_repriced: int | None = None
    for tier in sorted(old.keys() | new.keys()):
        a, b = old.get(tier), new.get(tier)
        difference = None if a is None or b is None else b.value - a.value
        least = most = None
        if a is None or b is None or difference is None:
            says = "only one side has this tier"
        elif tier in repriced:
            says = f"not comparable in points: {', '.join(repriced[tier])} differs in the policy; compare the terms"
        elif earlier_open is not None:
            says = f"nothing is proven: tier {earlier_open} is open, and this tier depends on it"
        elif earlier_repriced is not None:
            says = f"the plans pursue different aims in tier {earlier_repriced} already"
        else:
            least = None if b.bound is None else b.bound - a.value
            most = None if a.bound is None else b.value - a.bound
            says = _conclusion(difference, least, most)
        for side in (a, b):
            if earlier_open is None and side is not None and side.value != side.bound:
                earlier_open = tier
        if earlier_repriced is None and (tier in repriced or a is None or b is None):
            earlier_repriced = tier
        pairs.append(
            TierPair(
                tier=tier,
                value_before=None if a is None else a.value,
                bound_before=None if a is None else a.bound,
                gap_before=None if a is None else a.gap,
                value_after=None if b is None else b.value,
                bound_after=None if b is None else b.bound,
                gap_after=None if b is None else b.gap,
                difference=difference,
                least=least,
                most=most,
                says=says,
            )
        )
    return tuple(pairs)


def _conclusion(difference: int, least: int | None, most: int | None) -> str:
    """What the proven bounds say of a difference (points after minus points before; less is better)."""
    word = "better" if difference < 0 else "worse"
    if least is not None and least == most:
        return "the same, proven" if difference == 0 else f"{word} by {abs(difference):,}, proven"
    if least is not None and least > 0:
        return f"worse, by at least {least:,}"
    if most is not None and most < 0:
        return f"better, by at least {-most:,}"
    low, high = ("-?" if least is None else f"{least:+,}"), ("+?" if most is None else f"{most:+,}")
    if difference == 0:
        return f"the same as found; the gaps leave {low} to {high} open"
    return f"{word} by {abs(difference):,} as found, which is less than the gaps leave open ({low} to {high})"


def _repriced(before: Case, after: Case) -> dict[int, list[str]]:
    """Tier -> the objectives whose weight, parameters or presence differ there."""
    old = {(spec.name, spec.tier): spec for spec in before.policy.rules if spec.mode == "prefer"}
    new = {(spec.name, spec.tier): spec for spec in after.policy.rules if spec.mode == "prefer"}
    found: dict[int, list[str]] = {}
    for name, tier in sorted(old.keys() | new.keys()):
        if old.get((name, tier)) != new.get((name, tier)):
            found.setdefault(tier, []).append(name)
    return found


def _fallbacks(before: Decision, after: Decision) -> list[str]:
    """Which side is only the greedy plan, and why."""
    sides = (("before", before), ("after", after))
    return [
        f"the side {name} is only the greedy plan: {side.fallback_reason or 'the search told nothing in time'}"
        for name, side in sides
        if side.status is Status.FALLBACK
    ]


def _notes(before: Case, after: Case, fates: tuple[Fate, ...]) -> list[str]:
    notes = []
    ran = {one.workload.id for one in before.running}
    again = sorted(ran & {workload.id for workload in after.workloads})
    if again:
        notes.append(
            f"{_counted(len(again), 'workload')} that ran before must be placed again: "
            "the figures after count them as new work, those before do not"
        )
    if drained := _admitting_drained(before, after):
        notes.append(f"nodes were drained, but the policy's health rule {drained}: new work may start on them")
    if before.budget != after.budget:
        notes.append("the sides had different budgets: a difference may be one of time")
    if any(fate.kind == "elsewhere" for fate in fates):
        notes.append("work listed as elsewhere was pending: two plans of equal value may put it on different nodes")
    return notes


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _admitting_drained(before: Case, after: Case) -> str:
    """How the policy lets work start on newly cordoned nodes; empty if it does not, or if none is."""
    cordoned = {node.id for node in before.fleet.nodes if node.health is Health.CORDONED}
    if not any(node.health is Health.CORDONED and node.id not in cordoned for node in after.fleet.nodes):
        return ""
    spec = next((spec for spec in after.policy.rules if spec.name == "health"), None)
    rule = rule_named("health")
    if spec is None or rule is None:
        return "is not listed"
    params = rule.params(spec)
    admits = params.cordoned if isinstance(params, HealthParams) else ()
    return f"admits {', '.join(kind.value for kind in admits)} on cordoned nodes" if admits else ""
