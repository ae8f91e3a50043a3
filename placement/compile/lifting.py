"""lift: a plan becomes placements, and back; the judge's figures become terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from placement.compile.lowering import Lowered
from placement.errors import InputError
from placement.model.decision import Decision, Eviction, Growth, Move, PlacedReplica, Placement, Shrink, Term
from placement.model.state import Device, Running
from placement.rules.disturbance import added, disturbed, mobile
from solver.check import Report
from solver.items import PartKey
from solver.plan import Plan, Seat

__all__ = ["Lifted", "lift", "lower_placements", "terms", "whole"]


@dataclass(frozen=True)
class Lifted:
    """What a plan does: to waiting work (`placements`) and to running work."""

    placements: tuple[Placement, ...]
    moves: tuple[Move, ...] = ()
    shrinks: tuple[Shrink, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    growths: tuple[Growth, ...] = ()

    @classmethod
    def of(cls, placements: tuple[Placement, ...], decision: Lifted | Decision) -> Lifted:
        """These placements, with what a decision does to running work."""
        return cls(placements, decision.moves, decision.shrinks, decision.evictions, decision.growths)


def lift(lowered: Lowered, plan: Plan) -> Lifted:
    """The plan in terms of workloads, in order of their ids; replicas in order of subgroup, role and node."""
    placed = {placement.workload: placement for placement in _placements(lowered, plan)}
    moves, shrinks, evictions = [], [], []
    growths: list[Growth] = []
    for one in mobile(lowered.case):
        name = one.workload.id
        after = placed.pop(name, None)
        if after is None:
            evictions.append(Eviction(workload=name, rivals=_rivals(one, placed.values())))
            continue
        change, replicas = disturbed(one, after), after.replicas
        if change.grown:
            more = added(one, after)
            growths += _growths(one, more)
            new = set(map(id, more))
            replicas = tuple(replica for replica in replicas if id(replica) not in new)
        if change.moved:
            moves.append(Move(workload=name, moved=change.moved, replicas=replicas))
        elif change.lost:
            shrinks.append(Shrink(workload=name, lost=change.lost, replicas=replicas))
    return Lifted(
        placements=tuple(placed.values()),
        moves=tuple(sorted(moves, key=lambda one: one.workload)),
        shrinks=tuple(sorted(shrinks, key=lambda one: one.workload)),
        evictions=tuple(sorted(evictions, key=lambda one: one.workload)),
        growths=tuple(sorted(growths, key=lambda one: (one.workload, one.subgroup, one.role))),
    )


def _growths(one: Running, new: tuple[PlacedReplica, ...]) -> Iterator[Growth]:
    """One for each role that grows by some of the new replicas."""
    roles: dict[tuple[str, str], list[PlacedReplica]] = {}
    for replica in new:
        roles.setdefault((replica.subgroup, replica.role), []).append(replica)
    counts = one.counts
    for (subgroup, role), more in roles.items():
        before = counts[subgroup, role]
        yield Growth(
            workload=one.workload.id,
            subgroup=subgroup,
            role=role,
            before=before,
            after=before + len(more),
            added=tuple(more),
        )


def _rivals(one: Running, placed: Iterable[Placement]) -> tuple[str, ...]:
    """Placed work with most replicas on the nodes that the evicted work had."""
    nodes = {replica.node for replica in one.replicas}
    shared = {p.workload: sum(replica.node in nodes for replica in p.replicas) for p in placed}
    return tuple(sorted((name for name in shared if shared[name]), key=lambda name: (-shared[name], name))[:5])


def whole(lowered: Lowered, decision: Lifted | Decision) -> tuple[Placement, ...]:
    """Placements of all items of the problem: waiting work as placed, running work where it is in the end.

    InputError if running work is named that the decision has no say in, or twice, or grows and is evicted.
    """
    running = {one.workload.id: one for one in mobile(lowered.case)}
    told: dict[str, tuple[PlacedReplica, ...] | None] = {}
    changes: tuple[tuple[str, tuple[Move | Shrink | Eviction, ...]], ...] = (
        ("moves", decision.moves),
        ("shrinks", decision.shrinks),
        ("evictions", decision.evictions),
    )
    for field, entries in changes:
        for row, entry in enumerate(entries):
            at = f"{field}[{row}].workload"
            if entry.workload not in running:
                raise InputError(at, f"{entry.workload!r} is not running work that may be disturbed", "leave it out")
            if entry.workload in told:
                raise InputError(at, f"{entry.workload!r} is disturbed twice", "list it once")
            told[entry.workload] = None if isinstance(entry, Eviction) else entry.replicas
    more: dict[str, tuple[PlacedReplica, ...]] = {}
    grown: set[tuple[str, str, str]] = set()
    for row, growth in enumerate(decision.growths):
        at, name, role = f"growths[{row}].workload", growth.workload, (growth.workload, growth.subgroup, growth.role)
        if name not in running:
            raise InputError(at, f"{name!r} is not running work that may grow", "leave it out")
        if role in grown or told.get(name, ()) is None:
            raise InputError(
                at, f"{name!r} grows twice, or is evicted", "list each of its roles once, or do not evict it"
            )
        if any((replica.subgroup, replica.role) != role[1:] for replica in growth.added):
            raise InputError(f"growths[{row}].added", f"a replica is not of role {growth.role!r}", "list that role's")
        grown.add(role)
        more[name] = (*more.get(name, ()), *growth.added)
    found = list(decision.placements)
    for name, one in running.items():
        stays = tuple(PlacedReplica.model_construct(**dict(replica)) for replica in one.replicas)
        replicas = told.get(name, stays)
        if replicas is not None:
            found.append(Placement(workload=name, replicas=(*replicas, *more.get(name, ()))))
    return tuple(found)


def _devices(seat: Seat) -> tuple[Device, ...]:
    return tuple(Device.model_construct(index=index, milli=milli) for index, milli in sorted(seat.devices))


def _placements(lowered: Lowered, plan: Plan) -> tuple[Placement, ...]:
    nodes = lowered.fabric.nodes
    replicas: dict[str, list[PlacedReplica]] = {}
    known: dict[tuple[tuple[int, int], ...], tuple[Device, ...]] = {}
    """Documents do not change, and most replicas hold the same devices of their nodes."""
    for item, parts in plan.seats.items():
        ref = lowered.refs[item]
        for workload in ref.members:
            replicas[workload.id] = []
        for part, seats in zip(ref.parts, parts, strict=True):
            replicas[part.workload.id] += [
                PlacedReplica.model_construct(
                    subgroup=part.subgroup.name,
                    role=part.role.name,
                    node=nodes[seat.bin].id,
                    devices=known.get(seat.devices) or known.setdefault(seat.devices, _devices(seat)),
                )
                for seat in sorted(seats)
            ]
    return tuple(Placement.model_construct(workload=name, replicas=tuple(replicas[name])) for name in sorted(replicas))


def lower_placements(lowered: Lowered, placements: tuple[Placement, ...]) -> Plan:
    """The plan of these placements: the inverse of `lift`. What they violate is for the judge to say.

    InputError names a workload, role or node that is not in the case, and a workload that is placed twice.
    """
    keys: dict[tuple[str, str, str], PartKey] = {
        (ref.workload.id, ref.subgroup.name, ref.role.name): key for key, ref in lowered.context.parts()
    }
    seats: dict[int, tuple[list[Seat], ...]] = {}
    seen: set[str] = set()
    for row, placement in enumerate(placements):
        field = f"placements[{row}]"
        item = lowered.context.item_of.get(placement.workload)
        if item is None:
            raise InputError(
                f"{field}.workload",
                f"{placement.workload!r} is not among the pending workloads of the case",
                "name a pending workload that was not rejected",
            )
        if placement.workload in seen:
            raise InputError(f"{field}.workload", f"{placement.workload!r} is placed twice", "place it once")
        seen.add(placement.workload)
        parts = seats.setdefault(item, tuple([] for _ in lowered.refs[item].parts))
        for at, replica in enumerate(placement.replicas):
            key = keys.get((placement.workload, replica.subgroup, replica.role))
            node = lowered.fabric.index.get(replica.node)
            if key is None:
                raise InputError(
                    f"{field}.replicas[{at}].role",
                    f"{placement.workload!r} has no role {replica.role!r} in subgroup {replica.subgroup!r}",
                    "name a subgroup and a role of the workload",
                )
            if node is None:
                raise InputError(
                    f"{field}.replicas[{at}].node",
                    f"the fleet has no node {replica.node!r}",
                    "name a node of the fleet",
                )
            devices = tuple(sorted((device.index, device.milli) for device in replica.devices))
            parts[key[1]].append(Seat(node, devices))
    return Plan({i: tuple(tuple(sorted(part)) for part in parts) for i, parts in sorted(seats.items())})


def terms(lowered: Lowered, report: Report) -> tuple[Term, ...]:
    """One term per objective of the policy, also where it costs nothing (or has weight 0).

    And one per requirement that is held in a tier where running work breaks it. The points of a tier's terms add up to
    the tier's value; `natural` is the points without the weight in the rule's unit.
    """
    points: dict[tuple[str, int], int] = {}
    for number, cost in report.costs:
        atom = lowered.problem.atoms[number]
        key = (atom.rule, lowered.tiers[atom.tier])
        points[key] = points.get(key, 0) + cost
    found = []
    for active in lowered.rules:
        rule, spec = active.objective, active.spec
        if active.hard is not None and spec.weight and (active.rule.name, spec.tier) in points:
            cost = points[active.rule.name, spec.tier]
            unit, natural = active.hard.excess_unit, cost // spec.weight / active.hard.excess_scale
            found.append(
                Term(name=active.rule.name, tier=spec.tier, points=cost, natural=natural, unit=unit, weight=spec.weight)
            )
        if rule is None:
            continue
        cost = points.get((rule.name, spec.tier), 0)
        natural = rule.natural(cost // spec.weight, spec) if spec.weight else 0.0
        found.append(
            Term(
                name=rule.name,
                tier=spec.tier,
                points=cost,
                natural=natural,
                unit=rule.unit,
                weight=spec.weight,
            )
        )
    return tuple(sorted(found, key=lambda term: term.tier))
