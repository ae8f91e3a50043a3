"""Repairs of limits: by how little one limit of a conflict has to be raised, all else as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from placement.compile import Lowered
from placement.diagnosis.desk import Desk
from placement.diagnosis.permitted import Limit, Limits
from placement.model import Case, RuleSpec, Tenant
from placement.model.diagnosis import Repair
from placement.units import MILLI
from solver.atoms import Disruptions, Floor, Share
from solver.check import check
from solver.permitted import Refusal, permitted
from solver.plan import Plan
from solver.problem import Problem

__all__ = ["raised"]

_ALL = "max_disrupted"


def raised(desk: Desk, lowered: Lowered, workload: str, limits: Limits) -> Iterator[Repair]:
    """For each limit of the conflict a change of it alone that lets the workload in, the least as far as time allows.

    Each is verified by a plan for the case with that change, lowered anew.
    """
    problem, item = lowered.problem, lowered.context.item_of[workload]
    for member in limits.members:
        limit = member.limit
        if limit is None or desk.left() <= 0.01:
            continue
        found = _least(desk, problem, item, limit, limits.seen)
        if found is None:
            continue
        to, plan, proven = found
        case, repair = _changed(desk.snapshot.case, limit, to)
        anew = desk.lowered(case, workload)
        if not check(anew.problem, plan).violations:
            yield repair.model_copy(update={"least": proven})


def _least(
    desk: Desk, problem: Problem, item: int, limit: Limit, seen: tuple[Plan, ...]
) -> tuple[Limit, Plan, bool] | None:
    """(the least limit known to do, a plan that keeps it and all else, whether less was proven not to do).

    None if none is known to do.
    """
    others = tuple(atom for atom in problem.atoms if atom is not limit)
    without = replace(problem, atoms=others)
    known = [(_as_far(problem, limit, plan), plan) for plan in seen if not check(without, plan).violations]
    if not known:
        found = permitted(without, item, desk.workers, desk.left)
        if not isinstance(found, Plan):
            return None
        known = [(_as_far(problem, limit, found), found)]
    best, plan = min(known, key=lambda one: _amount(limit, one[0]))
    low = limit
    while (less := _between(low, best)) is not None:
        if desk.left() <= 0.01:
            return best, plan, False
        found = permitted(replace(problem, atoms=(*others, less)), item, desk.workers, desk.left)
        if isinstance(found, Plan):
            best, plan = _as_far(problem, limit, found), found
        elif isinstance(found, Refusal):
            low = less
        else:
            return best, plan, False
    return best, plan, True


def _as_far(problem: Problem, limit: Limit, plan: Plan) -> Limit:
    """The limit changed just so far that the plan keeps it; one of GPUs by whole GPUs."""
    match limit:
        case Disruptions():
            return replace(limit, limit=limit.base + len(limit.disturbed(problem, plan)))
        case Floor():
            return replace(limit, least=max(0, limit.least - _whole(limit.least - limit.load(plan))))
        case Share():
            return replace(limit, limit=(limit.limit or 0) + _whole(limit.load(plan) - (limit.limit or 0)))


def _whole(milli: int) -> int:
    return -(-milli // MILLI) * MILLI


def _amount(limit: Limit, to: Limit) -> int:
    """How far one limit is from another: disturbed workloads, or GPU milli."""
    return abs(_figure(to) - _figure(limit))


def _figure(limit: Limit) -> int:
    return limit.least if isinstance(limit, Floor) else limit.limit or 0


def _between(low: Limit, high: Limit) -> Limit | None:
    """A limit half-way between one that will not do and one that does; None if there is none between them."""
    step = 1 if isinstance(low, Disruptions) else MILLI
    first, last = _figure(low), _figure(high)
    half = abs(last - first) // step // 2 * step
    if not half:
        return None
    at = first + half if last > first else first - half
    return replace(low, least=at) if isinstance(low, Floor) else replace(low, limit=at)


def _changed(case: Case, limit: Limit, to: Limit) -> tuple[Case, Repair]:
    """The case with the limit changed, and the change in words."""
    much = _amount(limit, to)
    if isinstance(limit, Disruptions):
        return _budget(case, limit.name, _figure(to), much)
    floor = isinstance(limit, Floor)
    name, _, model = limit.name.partition(" on ")
    field, verb, word = ("guaranteed", "lower", "guarantee") if floor else ("quota", "raise", "quota")
    milli, on = _figure(to), f" on {model}" if model else ""
    tenant = next(one for one in case.tenants if one.name == name)
    if model:
        key = f"{field}_by_model"
        update = {key: getattr(tenant, key) | {model: milli}}
    else:
        update = {f"{field}_gpu_milli": milli}
    text = f"{verb} the {word} of {name}{on} by {much / MILLI:g} GPUs, to {milli / MILLI:g}"
    setting = f"tenant.{name}.{field}{f'.{model}' if model else ''}={milli / MILLI:g}"
    repair = Repair(kind="guarantee" if floor else "quota", change=text, setting=setting, verified=True)
    return _with_tenant(case, tenant, update), repair


def _budget(case: Case, name: str, most: int, much: int) -> tuple[Case, Repair]:
    if name == _ALL:
        spec = next(spec for spec in case.policy.rules if spec.name == "preemption")
        wider = RuleSpec.model_validate({**dict(spec), "params": {**spec.params, _ALL: most}})
        rules = tuple(wider if one is spec else one for one in case.policy.rules)
        changed = case.model_copy(update={"policy": case.policy.model_copy(update={"rules": rules})})
        text = f"let {much} more be disturbed in all, {most}"
        setting = f"policy.preemption.params.{_ALL}={most}"
        return changed, Repair(kind="budget", change=text, setting=setting, verified=True)
    whose = name.removeprefix("tenant ")
    tenant = next(one for one in case.tenants if one.name == whose)
    text = f"raise the disruption budget of {whose} by {much}, to {most}"
    setting = f"tenant.{whose}.disruption_budget={most}"
    changed = _with_tenant(case, tenant, {"disruption_budget": most})
    return changed, Repair(kind="budget", change=text, setting=setting, verified=True)


def _with_tenant(case: Case, tenant: Tenant, update: dict[str, object]) -> Case:
    new = tenant.model_copy(update=update)
    return case.model_copy(update={"tenants": tuple(new if one is tenant else one for one in case.tenants)})
