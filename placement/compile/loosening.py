"""Loosening: running work that may be moved or evicted becomes work to place, at home where it is now.

To the rules it is then like pending work; the solver's `Stay` keeps account of what is disturbed. Work that cannot be
treated so stays where it is: members of placement groups, MIG work, both sides of an affinity (moving an anchor changes
what "near any of them" means), what has begun too lately (`min_runtime_s` of the rule preemption), and what admission
would reject. The same holds, found by the lowering, for what breaks a requirement where it is, other than one about
single nodes.
"""

from __future__ import annotations

from collections import Counter

from placement.admission import screen
from placement.model.case import Case, LoosenedCase
from placement.model.state import Running
from placement.model.workload import Role, Subgroup, Workload
from placement.rules.relations import concerns
from topology.fabric import Fabric

__all__ = ["loosen", "min_runtime_s"]


def loosen(case: Case, fabric: Fabric, held: frozenset[str] = frozenset()) -> Case:
    """The case with all work that may be disturbed among its workloads, but for the ids in `held`.

    The same object if there is none.
    """
    least_s = min_runtime_s(case)
    chosen = [
        r
        for r in case.running
        if (r.movable or r.evictable) and r.workload.id not in held and _free(r)
        if max(0, case.now_s - r.start_s) >= least_s
    ]
    if chosen:
        tied = _tied(case)
        chosen = [r for r in chosen if r.workload.id not in tied]
    if not chosen:
        return case
    waiting = tuple(_as_pending(r, fabric) for r in chosen)
    offending = screen(case.model_copy(update={"workloads": (*case.workloads, *waiting)}), fabric)
    chosen = [r for r in chosen if r.workload.id not in offending]
    if not chosen:
        return case
    names = {r.workload.id for r in chosen}
    fields = dict(case)
    fields["workloads"] = (*case.workloads, *(w for w in waiting if w.id in names))
    fields["running"] = tuple(r for r in case.running if r.workload.id not in names)
    return LoosenedCase.model_construct(**fields, mobile=tuple(chosen))


def min_runtime_s(case: Case) -> int:
    """How long work must have run before it may be disturbed (rule `preemption`)."""
    found = (spec.params.get("min_runtime_s", 0) for spec in case.policy.rules if spec.name == "preemption")
    least = next(found, 0)
    return least if isinstance(least, int) else 0


def _free(one: Running) -> bool:
    roles = [role for subgroup in one.workload.subgroups for role in subgroup.roles]
    return one.workload.group is None and all(role.mig_profile is None for role in roles)


def _tied(case: Case) -> set[str]:
    """Running work that is part of an affinity, as the one that asks or as the one that is meant."""
    running = [one.workload for one in case.running]
    terms = [term for workload in (*case.workloads, *running) for term in workload.affinity]
    asking = {workload.id for workload in running if workload.affinity}
    distinct = {(term.workloads, tuple(sorted(term.match.items()))): term for term in terms}.values()
    return asking | {workload.id for workload in running if any(concerns(term, workload) for term in distinct)}


def _as_pending(one: Running, fabric: Fabric) -> Workload:
    """The workload with the replicas that run; it may shrink only if it may be evicted."""
    counts = Counter((replica.subgroup, replica.role) for replica in one.replicas)
    subgroups = []
    for subgroup in one.workload.subgroups:
        roles = tuple(
            _sized(role, counts[subgroup.name, role.name], one.evictable)
            for role in subgroup.roles
            if counts[subgroup.name, role.name]
        )
        if roles:
            subgroups.append(Subgroup.model_construct(**{**dict(subgroup), "roles": roles}))
    needed = one.workload.min_subgroups
    if needed is None or not one.evictable:
        needed = len(subgroups)
    update: dict[str, object] = {"subgroups": tuple(subgroups), "min_subgroups": min(needed, len(subgroups))}
    if one.workload.state_mib:
        here = {replica.node for replica in one.replicas}
        update["state_nodes"] = tuple(sorted(here | {n for n in one.workload.state_nodes if n in fabric.index}))
    return one.workload.model_copy(update=update)


def _sized(role: Role, count: int, may_shrink: bool) -> Role:
    least = min(role.min_count, count) if may_shrink else count
    return role.model_copy(update={"replicas": count, "min_replicas": least})
