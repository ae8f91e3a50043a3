"""Repairs: changes after which the workload fits, cheapest kind first, each tried and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from placement.diagnosis.desk import Desk, Question
from placement.model import Case
from placement.model.diagnosis import Cause, Repair
from placement.model.state import Running
from placement.model.tenant import Tenant
from placement.model.workload import Proximity, Role, Subgroup, Workload
from placement.units import MILLI
from solver.permitted import permitted
from solver.plan import Plan
from topology.model import Health

__all__ = ["Repairing"]

_MOST_OF_A_KIND = 3
_MOST_SCANNED = 16
"""So many expected ends are tried one by one."""


@dataclass
class Repairing:
    """Looks for repairs of one workload in a case that was proven not to admit it.

    `causes` are a conflict: what changes none of them need not be tried. `blocking` is running work that could be in
    the way. With `give_way` a repair may lean on moves and evictions that are permitted, else what runs stays.
    """

    desk: Desk
    case: Case
    workload: str
    causes: Sequence[Cause] = ()
    blocking: Sequence[str] = ()
    give_way: bool = False
    more: Callable[[], Iterator[Repair]] = field(default=lambda: iter(()))
    """Further repairs, of what kind only the caller knows; they come after those of quotas."""

    def find(self) -> tuple[Repair, ...]:
        """Verified repairs in order: wait, shrink, relax a level, raise a limit, move or end work, bring nodes back.

        A change that was not seen to work is not listed.
        """
        found: dict[int, tuple[Repair, ...]] = {}
        kinds = (self._wait, self._shrink, self._relax, self._amounts, self.more, self._move, self._end, self._restore)
        # Where what runs gives way each question is a search: first what takes few of them.
        order = (4, 1, 2, 3, 0, 5, 6, 7) if self.give_way else range(len(kinds))
        for at in order:
            if self.desk.left() <= 0.01:
                break
            found[at] = tuple(kinds[at]())
        return tuple(repair for at in sorted(found) for repair in found[at])

    def _blames(self, *rules: str) -> bool:
        """Whether the conflict names one of the rules, or none is known."""
        return not self.causes or any(cause.name in rules for cause in self.causes if cause.kind == "rule")

    def _fits(self, case: Case) -> bool | None:
        """True with a plan, False with a proof or where admission would reject it, None if neither is known."""
        if not self.desk.admits(case, self.workload):
            return False
        if self.give_way:
            return self._permitted(case)
        question = self.desk.question(case, self.workload)
        return self._beside(question, question.running)

    def _beside(self, question: Question, kept: Sequence[str]) -> bool | None:
        answer = self.desk.ask(question.beside(kept))
        return True if answer.plan is not None else None if answer.proof is None else False

    def _permitted(self, case: Case) -> bool | None:
        """Whether it is let in by what the limits on disturbance permit in the case."""
        lowered = self.desk.lowered(case, self.workload)
        item = lowered.context.item_of[self.workload]
        found = permitted(lowered.problem, item, self.desk.workers, self.desk.left)
        return None if found is None else isinstance(found, Plan)

    def _least(self, count: int, fits: Callable[[int], bool | None]) -> tuple[int, bool] | None:
        """The least index below `count` that is known to fit, if fitting grows with the index; None if the last is not.

        With it whether the one before is proven not to fit. None too if time ran out on the way: what is known to work
        by then may be far from the least.
        """
        if count <= 0 or not fits(count - 1):
            return None
        low, high, proven = 0, count - 1, True
        while low < high:
            middle = (low + high) // 2
            found = fits(middle)
            if found:
                high = middle
            else:
                low, proven = middle + 1, found is False
        return (low, proven) if self.desk.left() > 0.01 else None

    def _first(self, count: int, fits: Callable[[int], bool | None]) -> tuple[int, bool] | None:
        """As `_least` where fitting need not grow with the index: one after the other, if they are few."""
        if count > _MOST_SCANNED:
            found = self._least(count, fits)
            return None if found is None else (found[0], False)
        proven = True
        for at in range(count):
            if self.desk.left() <= 0.01:
                return None
            fitting = fits(at)
            if fitting:
                return at, proven
            proven = proven and fitting is False
        return None

    @property
    def _one(self) -> Workload:
        return next(w for w in self.case.workloads if w.id == self.workload)

    def _wait(self) -> Iterator[Repair]:
        """The earliest expected end after which it fits (all work that is due to end by then gone)."""
        if self.causes and not self.give_way and not any(cause.kind == "running" for cause in self.causes):
            return
        case = self.case
        ends = sorted({one.expected_end_s for one in case.running if one.expected_end_s is not None})
        due = {one.workload.id: one.expected_end_s for one in case.running}

        def then(index: int) -> Case:
            left = tuple(one for one in case.running if not (due[one.workload.id] or ends[index] + 1) <= ends[index])
            return case.model_copy(update={"now_s": max(case.now_s, ends[index]), "running": left})

        def fits(index: int) -> bool | None:
            if self.give_way:
                return self._fits(then(index))
            kept = [name for name in question.running if (due[name] or ends[index] + 1) > ends[index]]
            return self._beside(question, kept)

        # Once the work has ended that it must be near to, admission rejects it.
        while ends and not self.desk.admits(then(len(ends) - 1), self.workload):
            ends.pop()
        question = self.desk.question(case, self.workload)
        # Maintenance comes and goes: what fits at one end need not fit at a later one.
        windows = any(node.maintenance for node in case.fleet.nodes)
        found = self._first(len(ends), lambda at: self._fits(then(at))) if windows else self._least(len(ends), fits)
        if found is None or not self._fits(then(found[0])):
            return
        at, least = found
        seconds = ends[at] - case.now_s
        last = min(name for name, end in due.items() if end == ends[at])
        text = (
            f"wait {seconds / 3600:.1f} h, until {last} is due to end" if seconds > 0 else f"wait for {last} (overdue)"
        )
        yield Repair(kind="wait", change=text, verified=True, least=least)

    def _shrink(self) -> Iterator[Repair]:
        """The most replicas of one role with which it fits."""
        one = self._one
        for sub in one.subgroups:
            for role in sub.roles:
                floor = role.min_count

                def fits(less: int, sub: Subgroup = sub, role: Role = role, floor: int = floor) -> bool | None:
                    count = floor - 1 - less
                    small = role.model_copy(update={"replicas": count, "min_replicas": None})
                    return self._fits(_with(self.case, _role(one, sub, role, small)))

                found = self._least(floor - 1, fits)
                if found is not None:
                    at, least = found
                    text = f"shrink role {role.name} from {floor} to {floor - 1 - at} replicas"
                    yield Repair(kind="shrink", change=text, verified=True, least=least)

    def _relax(self) -> Iterator[Repair]:
        """A required level one or more steps coarser, or none."""
        one = self._one
        levels = [*self.case.fleet.level_names]

        def coarser(
            proximity: Proximity, rebuild: Callable[[Proximity | None], Workload], what: str
        ) -> Iterator[Repair]:
            at = levels.index(proximity.level) if proximity.level in levels else len(levels)
            for level in [*reversed(levels[:at]), None]:
                new = None if level is None else proximity.model_copy(update={"level": level})
                if self._fits(_with(self.case, rebuild(new))):
                    text = f"{what}: {proximity.level} -> {level or 'anywhere'}"
                    yield Repair(kind="relax", change=text, verified=True)
                    return

        near = self._blames("topology")
        if near and one.proximity is not None and one.proximity.mode == "require":
            yield from coarser(one.proximity, lambda new: one.model_copy(update={"proximity": new}), "required level")
        for sub in one.subgroups:
            for role in sub.roles:
                if near and role.proximity is not None and role.proximity.mode == "require":

                    def rebuild(new: Proximity | None, sub: Subgroup = sub, role: Role = role) -> Workload:
                        return _role(one, sub, role, role.model_copy(update={"proximity": new}))

                    yield from coarser(role.proximity, rebuild, f"required level of role {role.name}")
                for name, rule in (("segment", "segments"), ("spread", "spread")):
                    if getattr(role, name) is not None and self._blames(rule):
                        loose = _role(one, sub, role, role.model_copy(update={name: None}))
                        if self._fits(_with(self.case, loose)):
                            yield Repair(kind="relax", change=f"role {role.name} without {name}", verified=True)

    def _amounts(self) -> Iterator[Repair]:
        """The least quota or borrowing limit of its tenant, or of one above, that lets it in, all others as now."""
        by_name = {tenant.name: tenant for tenant in self.case.tenants}
        tenant = by_name.get(self._one.tenant)
        while tenant is not None:
            for rule, what, words in (("quota", "quota", "quota"), ("borrowing", "borrowing_limit", "borrowing limit")):
                if self._blames(rule):
                    yield from self._amount(tenant, what, words)
            tenant = None if tenant.parent is None else by_name[tenant.parent]

    def _amount(self, tenant: Tenant, what: str, words: str) -> Iterator[Repair]:
        """One limit in all, and one per GPU model."""
        name, key = tenant.name, f"{what}_by_model"
        by_model: dict[str, int] = getattr(tenant, key)
        limits: list[tuple[str | None, int | None]] = [(None, getattr(tenant, f"{what}_gpu_milli")), *by_model.items()]
        one = self._one
        need = sum(r.replica_gpu_milli * r.min_count for s in one.subgroups for r in s.roles)
        used = sum(d.milli for r in self.case.running for p in r.replicas for d in p.devices)
        for model, limit in limits:
            if limit is None:
                continue

            def fits(step: int, model: str | None = model, limit: int = limit) -> bool | None:
                milli = limit + MILLI * step
                update = {f"{what}_gpu_milli": milli} if model is None else {key: by_model | {model: milli}}
                raised = tuple(t.model_copy(update=update) if t is tenant else t for t in self.case.tenants)
                return self._fits(self.case.model_copy(update={"tenants": raised}))

            found = self._least((need + used) // MILLI + 2, fits)
            if found is not None and (found[0] > 0 or not fits(0)):
                at, least = found
                gpus = f"{(limit + MILLI * at) / MILLI:g}"
                on, key_ = (f" on {model}", f".{model}") if model else ("", "")
                text = f"raise the {words} of {name}{on} by {at} GPUs, to {gpus}"
                setting = f"tenant.{name}.{what}{key_}={gpus}"
                yield Repair(kind="quota", change=text, setting=setting, verified=True, least=least)

    def _move(self) -> Iterator[Repair]:
        """One running workload elsewhere that may not be moved now, all else where it is."""
        held: dict[str, Any] = {"movable": False, "evictable": False}
        found = 0
        may = {one.workload.id for one in self.case.running if one.movable or one.evictable}
        for name in self.blocking:
            if name in may:
                continue
            if found >= _MOST_OF_A_KIND or self.desk.left() <= 0.01:
                return

            def changed(one: Running, name: str = name) -> Running:
                if one.workload.id == name:
                    return one.model_copy(update={"movable": True, "evictable": False})
                return one if self.give_way else one.model_copy(update=held)

            running = tuple(changed(one) for one in self.case.running)
            if self._permitted(self.case.model_copy(update={"running": running})):
                found += 1
                setting = f"running.{name}.movable=true"
                yield Repair(kind="move", change=f"move {name} elsewhere", setting=setting, verified=True)

    def _end(self) -> Iterator[Repair]:
        """One running workload less."""
        question = self.desk.question(self.case, self.workload)
        found = 0
        for name in self.blocking:
            kept = [other for other in question.running if other != name]
            if found < _MOST_OF_A_KIND and self.desk.ask(question.beside(kept)).plan is not None:
                found += 1
                yield Repair(kind="end", change=f"end {name}", verified=True)

    def _restore(self) -> Iterator[Repair]:
        """All nodes that are not healthy back in service."""
        ill = [node for node in self.case.fleet.nodes if node.health is not Health.HEALTHY or node.unhealthy_gpus]
        if not ill:
            return
        well = {"health": Health.HEALTHY, "unhealthy_gpus": ()}
        nodes = tuple(node.model_copy(update=well) for node in self.case.fleet.nodes)
        if self._fits(self.case.model_copy(update={"fleet": self.case.fleet.model_copy(update={"nodes": nodes})})):
            names = ", ".join(node.id for node in ill[:4]) + (f" and {len(ill) - 4} more" if len(ill) > 4 else "")
            yield Repair(kind="restore", change=f"bring {names} back to health", verified=True)


def _role(one: Workload, sub: Subgroup, role: Role, new: Role) -> Workload:
    roles = tuple(new if r is role else r for r in sub.roles)
    subgroups = tuple(s.model_copy(update={"roles": roles}) if s is sub else s for s in one.subgroups)
    return one.model_copy(update={"subgroups": subgroups})


def _with(case: Case, one: Workload) -> Case:
    return case.model_copy(update={"workloads": tuple(one if w.id == one.id else w for w in case.workloads)})
