"""Read an earlier answer on a case that has changed since: what of it can be gone on from, and what became of it.

Whatever it holds, reading it never fails. Entries that name what is not there are left out and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from placement.compile.lifting import Lifted, lower_placements, whole
from placement.compile.lowering import Lowered
from placement.model.decision import Decision, Growth, Move, PlacedReplica, Placement, Shrink, WarmBound, WarmReport
from solver.recall import COARSE, Multipliers
from solver.resume import Warm

__all__ = ["Earlier", "earlier"]

_Places = Counter[tuple[str, str, str]]


@dataclass(frozen=True)
class Earlier:
    """What an earlier answer says about a case.

    `warm`: its seats, as far as they can be named, what it refused, and its multipliers. `places`: for each waiting
    workload that it placed how many replicas of each (subgroup, role) it had on each node.
    """

    warm: Warm
    places: dict[str, _Places]
    unknown: int
    """Placements of workloads that do not wait or run here (any more)."""

    def report(self, lowered: Lowered, lifted: Lifted, recalled: tuple[int | None, ...]) -> WarmReport:
        """What became of it; `recalled` are the bounds that its multipliers gave, per tier."""
        now = {one.workload: _places(one.replicas) for one in lifted.placements}
        stayed = sum(now.get(name) == places for name, places in self.places.items())
        placed = sum(name in now for name in self.places)
        return WarmReport(
            kept=stayed,
            changed=placed - stayed,
            dropped=len(self.places) - placed,
            unknown=self.unknown,
            bounds=tuple(
                WarmBound(tier=tier, bound=bound)
                for tier, bound in zip(lowered.tiers, recalled, strict=False)
                if bound is not None
            ),
        )


def earlier(lowered: Lowered, warm: Decision | tuple[Placement, ...]) -> Earlier:
    """Read a decision, or bare placements, of any origin. Of several placements of a workload the first one counts.

    What may be disturbed of the running work, or grow, goes where the answer has it, and stays where it says nothing.
    """
    told = warm.placements if isinstance(warm, Decision) else warm
    places: dict[str, _Places] = {}
    found: dict[str, Placement] = {}
    roles = {
        (ref.workload.id, ref.subgroup.name, ref.role.name): ref.role.replicas for _, ref in lowered.context.parts()
    }
    homes = lowered.problem.homes
    waiting = {one.id for item, ref in enumerate(lowered.refs) if item not in homes for one in ref.members}
    unknown = 0
    for placement in told:
        name = placement.workload
        if name in found or name not in lowered.context.item_of:
            unknown += 1
            continue
        if name in waiting:
            places[name] = _places(placement.replicas)
        found[name] = _known(lowered, placement, roles)
    gone: set[str] = set()
    if isinstance(warm, Decision):
        gone = {one.workload for one in warm.evictions}
        changes: tuple[Move | Shrink, ...] = (*warm.moves, *warm.shrinks)
        for change in changes:
            if change.workload in lowered.context.item_of:
                after = Placement.model_construct(workload=change.workload, replicas=change.replicas)
                found.setdefault(change.workload, _known(lowered, after, roles))
    for placement in whole(lowered, Lifted(())):
        if placement.workload not in gone:
            found.setdefault(placement.workload, placement)
    if isinstance(warm, Decision):
        for growth in warm.growths:
            one = found.get(growth.workload)
            if one is not None and growth.workload not in waiting:
                found[growth.workload] = _known(lowered, _grown(one, growth), roles)
    plan = lower_placements(lowered, tuple(found.values()))
    if not isinstance(warm, Decision):
        return Earlier(Warm(plan), places, unknown)
    named = (lowered.context.item_of.get(one.workload) for one in warm.unplaced)
    refused = frozenset(item for item in named if item is not None) - plan.seats.keys()
    return Earlier(Warm(plan, refused, _multipliers(lowered, warm)), places, unknown)


def _places(replicas: tuple[PlacedReplica, ...]) -> _Places:
    return Counter((one.subgroup, one.role, one.node) for one in replicas)


def _grown(one: Placement, growth: Growth) -> Placement:
    """With the new replicas that do not run by now, as many as the role lacks of what it was to have."""
    here = [(r.node, r.devices) for r in one.replicas if (r.subgroup, r.role) == (growth.subgroup, growth.role)]
    lacking = max(0, growth.after - len(here))
    new = []
    for replica in growth.added:
        seat = replica.node, replica.devices
        if seat in here:
            here.remove(seat)
        else:
            new.append(replica)
    return Placement.model_construct(workload=one.workload, replicas=(*one.replicas, *new[:lacking]))


def _known(lowered: Lowered, placement: Placement, roles: dict[tuple[str, str, str], int]) -> Placement:
    """Its replicas on nodes that exist, of roles that exist, no more than the roles have."""
    left = dict[tuple[str, str, str], int]()
    replicas = []
    for one in placement.replicas:
        name = placement.workload, one.subgroup, one.role
        room = left.get(name, roles.get(name, 0))
        if room and one.node in lowered.fabric.index:
            left[name] = room - 1
            replicas.append(one)
    return Placement.model_construct(workload=placement.workload, replicas=tuple(replicas))


def _multipliers(lowered: Lowered, decision: Decision) -> tuple[Multipliers, ...]:
    """The multipliers of the coarse model, for tiers that there are."""
    found = []
    for one in decision.certificates:
        rows = {name.removeprefix(f"{COARSE}/"): y for name, y in one.multipliers if name.startswith(f"{COARSE}/")}
        if one.tier in lowered.tiers:
            found.append(Multipliers(lowered.tiers.index(one.tier), one.scale, rows))
    return tuple(found)
