"""What a decision does to work that runs: which replicas moved, how many are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from placement.model.case import Case, LoosenedCase
from placement.model.decision import PlacedReplica, Placement
from placement.model.state import Replica, Running
from placement.rules.context import Context
from solver.plan import Seat

__all__ = ["at_home", "disturbed", "grown", "homes", "mobile"]

Spot = tuple[str, str, str, tuple[tuple[int, int], ...]]


def mobile(case: Case) -> tuple[Running, ...]:
    """The running work of a case that may be disturbed; none in a case that was not loosened."""
    return case.mobile if isinstance(case, LoosenedCase) else ()


def at_home(case: Case) -> tuple[Placement, ...]:
    """The running work that may be disturbed, placed where it runs."""
    return tuple(
        Placement(workload=one.workload.id, replicas=tuple(PlacedReplica(**dict(r)) for r in one.replicas))
        for one in mobile(case)
    )


def disturbed(one: Running, after: Placement | None) -> tuple[int, int]:
    """(replicas that sit elsewhere now, replicas that are gone) once the work is placed as `after`; None: evicted."""
    here = Counter(_spot(replica) for replica in one.replicas)
    there = Counter(_spot(replica) for replica in (() if after is None else after.replicas))
    return (there - here).total(), here.total() - there.total()


def grown(after: tuple[Placement, ...], before: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """Of each workload the replicas of roles on nodes that have more of them than before."""
    held = {p.workload: Counter((r.subgroup, r.role, r.node) for r in p.replicas) for p in before}
    found = []
    for placement in after:
        more = Counter((r.subgroup, r.role, r.node) for r in placement.replicas)
        more.subtract(held.get(placement.workload, Counter()))
        replicas = tuple(r for r in placement.replicas if more[r.subgroup, r.role, r.node] > 0)
        if replicas:
            found.append(placement.model_copy(update={"replicas": replicas}))
    return tuple(found)


def homes(context: Context) -> Iterator[tuple[Running, int, tuple[tuple[Seat, ...], ...]]]:
    """(running work, its item, its seats per part) for all work that may be disturbed."""
    for one in mobile(context.case):
        seats: dict[tuple[str, str], list[Seat]] = {}
        for replica in one.replicas:
            devices = tuple(sorted((device.index, device.milli) for device in replica.devices))
            seat = Seat(context.fabric.index[replica.node], devices)
            seats.setdefault((replica.subgroup, replica.role), []).append(seat)
        keys = context.keys_of[one.workload.id]
        item = context.item_of[one.workload.id]
        yield one, item, tuple(tuple(sorted(seats[ref.subgroup.name, ref.role.name])) for _, ref in keys)


def _spot(replica: Replica | PlacedReplica) -> Spot:
    devices = tuple(sorted((device.index, device.milli) for device in replica.devices))
    return replica.subgroup, replica.role, replica.node, devices
