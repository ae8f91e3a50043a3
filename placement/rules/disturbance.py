"""What a decision does to work that runs: which replicas moved, how many are gone, how many are new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from placement.model.case import Case, LoosenedCase
from placement.model.decision import PlacedReplica, Placement
from placement.model.state import Replica, Running
from placement.rules.context import Context
from solver.plan import Seat

__all__ = ["Disturbance", "added", "at_home", "disturbed", "grown", "homes", "mobile"]

Spot = tuple[str, str, str, tuple[tuple[int, int], ...]]


@dataclass(frozen=True)
class Disturbance:
    """Replicas of running work: `moved` sit elsewhere, `lost` are gone, `grown` are more than the role had."""

    moved: int = 0
    lost: int = 0
    grown: int = 0

    @property
    def disturbed(self) -> bool:
        """Whether any replica has lost its seat; growth disturbs nothing."""
        return bool(self.moved or self.lost)


def mobile(case: Case) -> tuple[Running, ...]:
    """The running work of a case that may be disturbed or grow; none in a case that was not loosened."""
    return case.mobile if isinstance(case, LoosenedCase) else ()


def at_home(case: Case) -> tuple[Placement, ...]:
    """The running work that may be disturbed or grow, placed where it runs."""
    return tuple(
        Placement(workload=one.workload.id, replicas=tuple(PlacedReplica(**dict(r)) for r in one.replicas))
        for one in mobile(case)
    )


def disturbed(one: Running, after: Placement | None) -> Disturbance:
    """What becomes of the replicas once the work is placed as `after` (None: evicted), role by role."""
    here = Counter(_spot(replica) for replica in one.replicas)
    there = Counter(_spot(replica) for replica in (() if after is None else after.replicas))
    if here == there:
        return Disturbance()
    new, gone = _by_role(there - here), _by_role(here - there)
    return Disturbance((new & gone).total(), (gone - new).total(), (new - gone).total())


def added(one: Running, after: Placement) -> tuple[PlacedReplica, ...]:
    """The replicas by which its roles grow: of those on new seats the last ones, as many as are more than before."""
    here = Counter(_spot(replica) for replica in one.replicas)
    more = Counter((replica.subgroup, replica.role) for replica in after.replicas)
    more.subtract(one.counts)
    found = []
    for replica in reversed(after.replicas):
        spot, role = _spot(replica), (replica.subgroup, replica.role)
        if here[spot] > 0:
            here[spot] -= 1
        elif more[role] > 0:
            more[role] -= 1
            found.append(replica)
    return tuple(reversed(found))


def _by_role(spots: Counter[Spot]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for spot, count in spots.items():
        found[spot[:2]] += count
    return found


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
    """(running work, its item, its seats per part) for all work that may be disturbed or grow; made once."""
    yield from context.recall(homes, lambda: tuple(_homes(context)))


def _homes(context: Context) -> Iterator[tuple[Running, int, tuple[tuple[Seat, ...], ...]]]:
    for one in mobile(context.case):
        seats: dict[tuple[str, str], list[Seat]] = {}
        for replica in one.replicas:
            devices = tuple(sorted((device.index, device.milli) for device in replica.devices))
            seat = Seat(context.fabric.index[replica.node], devices)
            seats.setdefault((replica.subgroup, replica.role), []).append(seat)
        keys = context.keys_of[one.workload.id]
        item = context.item_of[one.workload.id]
        yield one, item, tuple(tuple(sorted(seats.get((ref.subgroup.name, ref.role.name), ()))) for _, ref in keys)


def _spot(replica: Replica | PlacedReplica) -> Spot:
    devices = tuple(sorted((device.index, device.milli) for device in replica.devices))
    return replica.subgroup, replica.role, replica.node, devices
