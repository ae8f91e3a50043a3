"""lift: a plan becomes placements, and back; the judge's figures become terms."""

from __future__ import annotations

from placement.compile.lowering import Lowered
from placement.errors import InputError
from placement.model.decision import PlacedReplica, Placement, Term
from placement.model.state import Device
from solver.check import Report
from solver.items import PartKey
from solver.plan import Plan, Seat

__all__ = ["lift", "lower_placements", "terms"]


def lift(lowered: Lowered, plan: Plan) -> tuple[Placement, ...]:
    """The placements of a plan in order of workload ids; replicas in order of subgroup, role and node."""
    nodes = lowered.fabric.nodes
    replicas: dict[str, list[PlacedReplica]] = {}
    for item, parts in plan.seats.items():
        ref = lowered.refs[item]
        for workload in ref.members:
            replicas[workload.id] = []
        for part, seats in zip(ref.parts, parts, strict=True):
            replicas[part.workload.id] += [
                PlacedReplica(
                    subgroup=part.subgroup.name,
                    role=part.role.name,
                    node=nodes[seat.bin].id,
                    devices=tuple(Device(index=index, milli=milli) for index, milli in sorted(seat.devices)),
                )
                for seat in sorted(seats)
            ]
    return tuple(Placement(workload=name, replicas=tuple(replicas[name])) for name in sorted(replicas))


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

    The points of a tier's terms add up to the tier's value; `natural` is the points without the weight in the
    rule's unit.
    """
    points: dict[tuple[str, int], int] = {}
    for number, cost in report.costs:
        atom = lowered.problem.atoms[number]
        key = (atom.rule, lowered.tiers[atom.tier])
        points[key] = points.get(key, 0) + cost
    found = []
    for active in lowered.rules:
        rule, spec = active.objective, active.spec
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
