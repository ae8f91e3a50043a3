"""A change of a case: edits of its fleet, and settings of policy, tenants, budget and work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import Field, ValidationError

from placement.errors import InputError
from placement.model import Case, Replica, Running, Workload
from placement.model.document import input_error
from placement.model.fields import Document, Params
from placement.whatif.settings import set_one
from topology.edits import Edit
from topology.edits import apply as apply_edits
from topology.errors import TopologyError
from topology.model import Fleet, Health

__all__ = ["Change", "apply", "displace"]


class Change(Document):
    """What differs: `edits` of the fleet in their order, then `set`, names such as `policy.price.weight` to values."""

    edits: Annotated[tuple[Edit, ...], Field(max_length=100_000)] = ()
    set: Params = Field(default_factory=dict)


def apply(case: Case, change: Change) -> Case:
    """The case after the change; the case itself stays as it is.

    A drained node takes nothing new and keeps what runs on it. What ran on nodes that fail is displaced (see
    `displace`): placed again with the pending work, or lost. InputError names `edits[i]...` or `set.NAME`.
    """
    try:
        fleet = apply_edits(case.fleet, change.edits) if change.edits else case.fleet
    except TopologyError as error:
        raise InputError(error.field, error.problem, error.mend) from None
    kept, displaced = displace(case.running, _newly_failed(case.fleet, fleet))
    parts = {name: getattr(case, name) for name in Case.model_fields}
    parts |= {"fleet": fleet, "running": kept, "workloads": (*case.workloads, *displaced)}
    try:
        changed = Case(**parts)
        for name, value in change.set.items():
            changed = set_one(changed, name, value)
    except ValidationError as error:
        raise input_error(error, "set") from None
    return changed


def displace(running: Iterable[Running], gone: Collection[str]) -> tuple[tuple[Running, ...], tuple[Workload, ...]]:
    """What becomes of running work when the nodes named `gone` are lost: what still runs, and what waits again.

    A gang whose other replicas still make up its minimum (`min_replicas` of each role, `min_subgroups`) runs on with
    them. Else all of it stops: it waits to be placed anew as a whole, or is lost.
    """
    kept: list[Running] = []
    displaced: list[Workload] = []
    for one in running:
        alive = tuple(replica for replica in one.replicas if replica.node not in gone)
        if len(alive) == len(one.replicas):
            kept.append(one)
            continue
        rest = _still_a_gang(one.workload, alive)
        if rest:
            kept.append(one.model_copy(update={"replicas": rest}))
        else:
            displaced.append(one.workload)
    return tuple(kept), tuple(displaced)


def _still_a_gang(workload: Workload, alive: tuple[Replica, ...]) -> tuple[Replica, ...]:
    """The replicas of the subgroups that keep their minimum; none if too few subgroups do."""
    counts = Counter((replica.subgroup, replica.role) for replica in alive)
    whole = {
        subgroup.name
        for subgroup in workload.subgroups
        if all(counts[subgroup.name, role.name] >= role.min_count for role in subgroup.roles)
    }
    needed = workload.min_subgroups or len(workload.subgroups)
    return tuple(replica for replica in alive if replica.subgroup in whole) if len(whole) >= needed else ()


def _newly_failed(before: Fleet, after: Fleet) -> frozenset[str]:
    """Ids of the nodes that failed between the two; work on nodes that had failed before is held, not displaced."""
    if before is after:
        return frozenset()
    failed = {node.id for node in before.nodes if node.health is Health.FAILED}
    return frozenset(node.id for node in after.nodes if node.health is Health.FAILED and node.id not in failed)
