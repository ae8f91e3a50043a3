"""Loosening: running work that may be moved, evicted, or may grow becomes work to place, at home where it is now.

What runs with fewer replicas than its roles want, and not with less than its minimum, may grow; neither `movable` nor
`evictable` is needed for that, and without them it keeps all its seats. To the rules it is then like pending work; the
solver's `Stay` keeps account of what is disturbed. Work that cannot be treated so stays as it is: members of
placement groups, MIG work, both sides of an affinity (moving an anchor changes what "near any of them" means), and what
admission would reject. What
has begun too lately (`min_runtime_s` of the rule preemption) may only grow. The same holds, found by the lowering, for
what breaks a requirement where it is, other than one about single nodes.
"""

from __future__ import annotations

from placement.admission import screen
from placement.model.case import Case, LoosenedCase
from placement.model.state import Running
from placement.model.workload import Role, Subgroup, Workload
from placement.rules.relations import concerns
from topology.fabric import Fabric

__all__ = ["loose", "loosen", "min_runtime_s"]


def loose(running: tuple[Running, ...]) -> tuple[Running, ...]:
    """Those that may be moved, evicted, or may grow, whatever else runs or waits; a fact of the state alone."""
    return tuple([one for one in running if (one.movable or one.evictable or one.lacking) and _free(one)])


def loosen(
    case: Case,
    fabric: Fabric,
    held: frozenset[str] = frozenset(),
    *,
    growth: bool = True,
    known: tuple[Running, ...] | None = None,
) -> Case:
    """The case with all work that may be disturbed or may grow among its workloads, but for the ids in `held`.

    `known` are the `loose` ones of its running work, which need not be looked for then.
    Without `growth` nothing runs with more replicas than now. The same object if there is none. Work that is too young
    to be disturbed is neither movable nor evictable in it.
    """
    least_s = min_runtime_s(case)
    chosen = [
        one if max(0, case.now_s - one.start_s) >= least_s else _protected(one)
        for one in (loose(case.running) if known is None else known)
        if one.workload.id not in held
    ]
    chosen = [one for one in chosen if one.movable or one.evictable or (growth and one.lacking)]
    if chosen:
        tied = _tied(case)
        chosen = [r for r in chosen if r.workload.id not in tied]
    if not chosen:
        return case
    waiting = tuple(_as_pending(r, fabric, growth=growth) for r in chosen)
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


def _protected(one: Running) -> Running:
    return one.model_copy(update={"movable": False, "evictable": False}) if one.movable or one.evictable else one


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


def _as_pending(one: Running, fabric: Fabric, *, growth: bool) -> Workload:
    """The workload with the replicas that run or that it may grow to; it may shrink only if it may be evicted.

    A subgroup that does not run at all may start where the others may change as a whole, or not at all.
    """
    counts, more = one.counts, one.lacking if growth else {}
    started = {subgroup for subgroup, _ in counts}
    fresh = bool(more) and (one.evictable or not one.movable)
    subgroups = []
    for subgroup in one.workload.subgroups:
        if subgroup.name not in started:
            subgroups += [subgroup] if fresh else []
            continue
        roles = tuple(
            _sized(role, counts[subgroup.name, role.name], more.get((subgroup.name, role.name), 0), one.evictable)
            for role in subgroup.roles
            if counts[subgroup.name, role.name]
        )
        subgroups.append(Subgroup.model_construct(**{**dict(subgroup), "roles": roles}))
    needed = one.workload.min_subgroups
    if needed is None or not one.evictable:
        needed = len(started)
    update: dict[str, object] = {"subgroups": tuple(subgroups), "min_subgroups": min(needed, len(subgroups))}
    if one.workload.state_mib:
        here = {replica.node for replica in one.replicas}
        update["state_nodes"] = tuple(sorted(here | {n for n in one.workload.state_nodes if n in fabric.index}))
    return one.workload.model_copy(update=update)


def _sized(role: Role, count: int, more: int, may_shrink: bool) -> Role:
    least = min(role.min_count, count) if may_shrink else count
    return role.model_copy(update={"replicas": count + more, "min_replicas": least})
