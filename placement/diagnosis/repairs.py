"""Repairs: changes after which the workload fits, cheapest kind first, each tried and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from placement.diagnosis.desk import Desk
from placement.model import Case
from placement.model.diagnosis import Repair
from placement.model.workload import Proximity, Role, Subgroup, Workload
from topology.model import Health

__all__ = ["find_repairs"]

_MOST_OF_A_KIND = 3


def find_repairs(desk: Desk, case: Case, workload: str, blocking: Sequence[str]) -> tuple[Repair, ...]:
    """Verified repairs in order: wait, shrink, relax a level, raise a quota, end running work, bring nodes back.

    `blocking` are running workloads that keep it out. A change that was not seen to work is not listed.
    """
    found: list[Repair] = []
    for search in (_wait, _shrink, _relax, _quota, _end, _restore):
        if desk.left() <= 0.01:
            break
        found.extend(search(desk, case, workload, blocking))
    return tuple(found)


def _fits(desk: Desk, case: Case, workload: str) -> bool:
    question = desk.question(case, workload)
    return desk.ask(question.beside(question.running)).plan is not None


def _wait(desk: Desk, case: Case, workload: str, _blocking: Sequence[str]) -> Iterator[Repair]:
    """The earliest expected end after which it fits (all work that is due to end by then gone)."""
    question = desk.question(case, workload)
    ends = sorted({one.expected_end_s for one in case.running if one.expected_end_s is not None})
    due = {one.workload.id: one.expected_end_s for one in case.running}

    def fits(index: int) -> bool:
        kept = [name for name in question.running if (due[name] or ends[index] + 1) > ends[index]]
        return desk.ask(question.beside(kept)).plan is not None

    at = _least(len(ends), fits)
    if at is None:
        return
    gone = {name for name, end in due.items() if end is not None and end <= ends[at]}
    then = case.model_copy(
        update={
            "now_s": max(case.now_s, ends[at]),
            "running": tuple(one for one in case.running if one.workload.id not in gone),
        }
    )
    if _fits(desk, then, workload):
        seconds = ends[at] - case.now_s
        last = min(name for name, end in due.items() if end == ends[at])
        text = (
            f"wait {seconds / 3600:.1f} h, until {last} is due to end" if seconds > 0 else f"wait for {last} (overdue)"
        )
        yield Repair(kind="wait", change=text, verified=True)


def _shrink(desk: Desk, case: Case, workload: str, _blocking: Sequence[str]) -> Iterator[Repair]:
    """The most replicas of one role with which it fits."""
    one = next(w for w in case.workloads if w.id == workload)
    for sub in one.subgroups:
        for role in sub.roles:
            floor = role.min_count

            def fits(less: int, sub: Subgroup = sub, role: Role = role, floor: int = floor) -> bool:
                count = floor - 1 - less
                small = role.model_copy(update={"replicas": count, "min_replicas": None})
                return _fits(desk, _with(case, _role(one, sub, role, small)), workload)

            at = _least(floor - 1, fits)
            if at is not None:
                count = floor - 1 - at
                text = f"shrink role {role.name} from {floor} to {count} replicas"
                yield Repair(kind="shrink", change=text, verified=True)


def _relax(desk: Desk, case: Case, workload: str, _blocking: Sequence[str]) -> Iterator[Repair]:
    """A required level one or more steps coarser, or none."""
    one = next(w for w in case.workloads if w.id == workload)
    levels = [*case.fleet.level_names]

    def coarser(proximity: Proximity, rebuild: Callable[[Proximity | None], Workload], what: str) -> Iterator[Repair]:
        at = levels.index(proximity.level) if proximity.level in levels else len(levels)
        for level in [*reversed(levels[:at]), None]:
            new = None if level is None else proximity.model_copy(update={"level": level})
            if _fits(desk, _with(case, rebuild(new)), workload):
                text = f"{what}: {proximity.level} -> {level or 'anywhere'}"
                yield Repair(kind="relax", change=text, verified=True)
                return

    if one.proximity is not None and one.proximity.mode == "require":
        yield from coarser(one.proximity, lambda new: one.model_copy(update={"proximity": new}), "required level")
    for sub in one.subgroups:
        for role in sub.roles:
            if role.proximity is not None and role.proximity.mode == "require":

                def rebuild(new: Proximity | None, sub: Subgroup = sub, role: Role = role) -> Workload:
                    return _role(one, sub, role, role.model_copy(update={"proximity": new}))

                yield from coarser(role.proximity, rebuild, f"required level of role {role.name}")
            for name in ("segment", "spread"):
                if getattr(role, name) is not None:
                    loose = _role(one, sub, role, role.model_copy(update={name: None}))
                    if _fits(desk, _with(case, loose), workload):
                        yield Repair(kind="relax", change=f"role {role.name} without {name}", verified=True)


def _quota(desk: Desk, case: Case, workload: str, _blocking: Sequence[str]) -> Iterator[Repair]:
    """The least total quota of its tenant (or of one above) that lets it in, the others as they are."""
    one = next(w for w in case.workloads if w.id == workload)
    need = sum(r.replica_gpu_milli * r.min_count for s in one.subgroups for r in s.roles)
    by_name = {tenant.name: tenant for tenant in case.tenants}
    name: str | None = one.tenant if one.tenant in by_name else None
    while name is not None:
        tenant = by_name[name]
        limit = tenant.quota_gpu_milli
        if limit is not None:

            def fits(step: int, name: str = name, limit: int = limit) -> bool:
                raised = tuple(
                    t.model_copy(update={"quota_gpu_milli": limit + 1000 * step}) if t.name == name else t
                    for t in case.tenants
                )
                return _fits(desk, case.model_copy(update={"tenants": raised}), workload)

            used = sum(d.milli for r in case.running for p in r.replicas for d in p.devices)
            most = (need + used) // 1000 + 2
            at = None if fits(0) else _least(most, fits)
            if at is not None:
                gpus = (limit + 1000 * at) / 1000
                text = f"raise the quota of {name} by {at} GPUs, to {gpus:g}"
                yield Repair(kind="quota", change=text, setting=f"tenant.{name}.quota={gpus:g}", verified=True)
        name = tenant.parent


def _end(desk: Desk, case: Case, workload: str, blocking: Sequence[str]) -> Iterator[Repair]:
    """One running workload less."""
    question = desk.question(case, workload)
    found = 0
    for name in blocking:
        kept = [other for other in question.running if other != name]
        if found < _MOST_OF_A_KIND and desk.ask(question.beside(kept)).plan is not None:
            found += 1
            yield Repair(kind="end", change=f"end {name}", verified=True)


def _restore(desk: Desk, case: Case, workload: str, _blocking: Sequence[str]) -> Iterator[Repair]:
    """All nodes that are not healthy back in service."""
    ill = [node for node in case.fleet.nodes if node.health is not Health.HEALTHY or node.unhealthy_gpus]
    if not ill:
        return
    well = {"health": Health.HEALTHY, "unhealthy_gpus": ()}
    nodes = tuple(node.model_copy(update=well) for node in case.fleet.nodes)
    healed = case.model_copy(update={"fleet": case.fleet.model_copy(update={"nodes": nodes})})
    if _fits(desk, healed, workload):
        names = ", ".join(node.id for node in ill[:4]) + (f" and {len(ill) - 4} more" if len(ill) > 4 else "")
        yield Repair(kind="restore", change=f"bring {names} back to health", verified=True)


def _least(count: int, fits: Callable[[int], bool]) -> int | None:
    """The least index below `count` that fits, if fitting grows with the index; None if the last does not."""
    if count <= 0 or not fits(count - 1):
        return None
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _role(one: Workload, sub: Subgroup, role: Role, new: Role) -> Workload:
    roles = tuple(new if r is role else r for r in sub.roles)
    subgroups = tuple(s.model_copy(update={"roles": roles}) if s is sub else s for s in one.subgroups)
    return one.model_copy(update={"subgroups": subgroups})


def _with(case: Case, one: Workload) -> Case:
    return case.model_copy(update={"workloads": tuple(one if w.id == one.id else w for w in case.workloads)})
