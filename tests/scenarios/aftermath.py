"""The state that a decision leads to: what is decided next starts from there."""

from collections.abc import Iterable, Iterator

from placement.model import Case, Decision, PlacedReplica, Replica, Running, Shrink, Workload

__all__ = ["after", "frozen", "returning"]


def after(case: Case, decision: Decision) -> Case:
    """The case once the decision is carried out.

    Placed work runs, and may be moved and evicted at once; moved work runs elsewhere and has begun anew; evicted work
    waits again with all that was not placed.
    """
    told = {one.workload: one.replicas for one in decision.moves}
    told |= {one.workload: one.replicas for one in decision.shrinks}
    moved = {one.workload for one in decision.moves}
    evicted = {one.workload for one in decision.evictions}
    pending = {workload.id: workload for workload in case.workloads}
    running = []
    for one in case.running:
        name = one.workload.id
        if name in evicted:
            pending[name] = one.workload
            continue
        added = [replica for growth in decision.growths if growth.workload == name for replica in growth.added]
        update: dict[str, object] = {"replicas": _run(told[name])} if name in told else {}
        if added:
            update["replicas"] = (*(_run(told[name]) if name in told else one.replicas), *_run(tuple(added)))
        if name in moved:
            update |= {"start_s": case.now_s, "last_checkpoint_s": None}
        running.append(one.model_copy(update=update))
    for placement in decision.placements:
        workload = pending.pop(placement.workload)
        replicas = _run(placement.replicas)
        running.append(Running(workload=workload, replicas=replicas, start_s=case.now_s, movable=True, evictable=True))
    return _changed(case, running, pending.values())


def frozen(case: Case, more: Iterable[Workload] = ()) -> Case:
    """The case with all running work held where it is, and more work that waits."""
    held = {"movable": False, "evictable": False}
    return _changed(case, [one.model_copy(update=held) for one in case.running], (*case.workloads, *more))


def returning(case: Case, shrinks: tuple[Shrink, ...]) -> Iterator[Workload]:
    """One lost replica of each role of the work that was shrunk, as waiting work of its own."""
    running = {one.workload.id: one for one in case.running}
    for shrink in shrinks:
        one = running[shrink.workload]
        left = [(replica.subgroup, replica.role) for replica in shrink.replicas]
        for subgroup in one.workload.subgroups:
            for role in subgroup.roles:
                key = (subgroup.name, role.name)
                if left.count(key) < sum((replica.subgroup, replica.role) == key for replica in one.replicas):
                    alone = role.model_copy(update={"replicas": 1, "min_replicas": None})
                    inside = subgroup.model_copy(update={"roles": (alone,)})
                    name = f"{one.workload.id}/{subgroup.name}/{role.name}"
                    yield one.workload.model_copy(update={"id": name, "subgroups": (inside,), "min_subgroups": None})


def _changed(case: Case, running: Iterable[Running], workloads: Iterable[Workload]) -> Case:
    """Read again from its text, so that every check of a case is made, and nothing that it remembers is kept."""
    changed = case.model_copy(update={"running": tuple(running), "workloads": tuple(workloads)})
    return Case.from_json(changed.to_json())


def _run(replicas: tuple[PlacedReplica, ...]) -> tuple[Replica, ...]:
    return tuple(Replica(**dict(replica)) for replica in replicas)
