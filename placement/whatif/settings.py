"""One setting of a case by its name, such as `policy.price.weight` or `tenant.a.quota`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import NoReturn

from pydantic import TypeAdapter, ValidationError

from placement.errors import InputError
from placement.model import Budget, Case, Policy, Role, RuleSpec, Running, Tenant, Workload
from placement.model.document import input_error
from placement.model.fields import Natural
from placement.rules.registry import LAWS, RULES, active_rules, rule_named
from placement.units import MILLI, capacity_units

__all__ = ["FORMS", "set_one"]

_AMOUNTS = ("quota", "guaranteed", "borrowing_limit", "lending_limit")

FORMS = (
    "policy.RULE.weight",
    "policy.RULE.tier",
    "policy.RULE.mode",
    "policy.RULE.params.NAME",
    "tenant.NAME.weight",
    "tenant.NAME.disruption_budget",
    *(f"tenant.NAME.{what}{model}" for what in _AMOUNTS for model in ("", ".MODEL")),
    "budget.wall_ms",
    "budget.work",
    "seed",
    "workload.ID.FIELD",
    "running.ID.movable",
    "running.ID.evictable",
)
"""Names that can be set. Quotas are in GPUs (`none` = no limit), mode `off` drops a rule, ID `*` means all."""

_ALL = "*"
_WORKLOAD_FIELDS = (
    *("kind", "tenant", "tier", "priority", "min_subgroups", "expected_duration_s"),
    *("state_mib", "message_mib", "group"),
)
_ROLE_FIELDS = (
    *("replicas", "min_replicas", "gpus", "gpu_milli", "gpu_memory_mib", "cpu_milli", "memory_mib", "nics"),
)
_RULE_NAMES = tuple(rule.name for rule in RULES)


def set_one(case: Case, name: str, value: object) -> Case:
    """The case with one setting changed. InputError for `set.NAME` if there is none, or if the value does not fit."""
    field = f"set.{name}"
    for pattern, setter in _SETTERS:
        found = pattern.fullmatch(name)
        if found is not None:
            try:
                return setter(case, field, value, **found.groupdict())
            except ValidationError as error:
                told = input_error(error, field)
                raise InputError(field, told.problem, told.mend) from None
    near = get_close_matches(name, FORMS, n=2, cutoff=0.4)
    raise InputError(field, f"{name!r} is nothing that can be set", f"use {' or '.join(near or FORMS)}")


def _refuse(field: str, problem: str, mend: str) -> NoReturn:
    raise InputError(field, problem, mend)


def _set_rule(case: Case, field: str, value: object, *, rule: str, what: str) -> Case:
    """`policy.RULE.weight`, `.tier`, `.mode` or `.params.X`."""
    known = rule_named(rule)
    if known is None:
        near = get_close_matches(rule, _RULE_NAMES, n=3) or _RULE_NAMES
        _refuse(field, f"there is no rule {rule!r}", f"use {', '.join(near)}")
    rows = [row for row, spec in enumerate(case.policy.rules) if spec.name == rule]
    if len(rows) > 1:
        _refuse(field, f"the policy lists {rule!r} {len(rows)} times", "give the whole policy with --policy instead")
    rules = list(case.policy.rules)
    if what == "mode" and value == "off":
        if rule in LAWS:
            _refuse(field, f"{rule!r} always holds", "choose another rule")
        return _with_policy(case, field, [spec for spec in rules if spec.name != rule])
    if rows:
        fields = rules[rows[0]].model_dump()
    elif what == ("mode" if known.kind == "hard" else "tier"):
        fields = {"name": rule, "mode": "require" if known.kind == "hard" else "prefer"}
    else:
        first = f"policy.{rule}.mode=require" if known.kind == "hard" else f"policy.{rule}.tier=3"
        _refuse(field, f"the policy does not use the rule {rule!r}", f"set {first} first")
    if what.startswith("params."):
        fields["params"] = {**fields["params"], what.removeprefix("params."): value}
    else:
        fields[what] = value
    if what == "weight" and fields["mode"] != "prefer":
        _refuse(field, f"the requirement {rule!r} has no weight", "set the weight of a preferred rule")
    changed = RuleSpec.model_validate(fields)
    if rows:
        rules[rows[0]] = changed
    else:
        rules.append(changed)
    return _with_policy(case, field, rules)


def _with_policy(case: Case, field: str, rules: list[RuleSpec]) -> Case:
    """The case under a policy of these rules, checked against the registry."""
    policy = Policy(name=case.policy.name, rules=tuple(rules))
    try:
        active_rules(policy)
    except InputError as error:
        raise InputError(field, error.problem, error.mend) from None
    return case.model_copy(update={"policy": policy})


def _set_tenant(case: Case, field: str, value: object, *, tenant: str, what: str, model: str | None = None) -> Case:
    """A tenant's weight or disruption budget, or a quota, guarantee or limit in GPUs, of all or of one GPU model."""
    listed = {one.name: one for one in case.tenants}
    held = listed.get(tenant)
    if held is None:
        names = {w.tenant for w in case.workloads} | {r.workload.tenant for r in case.running}
        if tenant not in names:
            _refuse_name(field, "tenant", tenant, names | listed.keys())
        held = Tenant(name=tenant)
    fields = held.model_dump()
    if what in ("weight", "disruption_budget"):
        fields[what] = None if value == "none" and what != "weight" else value
    elif model is None:
        fields[f"{what}_gpu_milli"] = _gpu_milli(field, value)
    else:
        models = {node.gpu_model for node in case.fleet.nodes if node.gpu_model is not None}
        if model not in models:
            _refuse_name(field, "GPU model", model, models)
        limit = _gpu_milli(field, value)
        others = {name: milli for name, milli in fields[f"{what}_by_model"].items() if name != model}
        fields[f"{what}_by_model"] = others if limit is None else others | {model: limit}
    changed = Tenant.model_validate(fields)
    others_ = tuple(one for one in case.tenants if one.name != tenant)
    return case.model_copy(update={"tenants": (*others_, changed)})


def _gpu_milli(field: str, value: object) -> int | None:
    """GPUs as thousandths, rounded down; None for `none`."""
    if value == "none":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        _refuse(field, f"{value!r} is no number of GPUs", "write a number such as 64 or 0.5, or none")
    try:
        milli = capacity_units(value, MILLI)
    except InputError as error:
        raise InputError(field, error.problem, "write a number of GPUs such as 64 or 0.5, or none") from None
    if milli < 0:
        _refuse(field, f"{value} GPUs are less than none", "write 0 or more, or none")
    return milli


def _set_budget(case: Case, _field: str, value: object, *, what: str) -> Case:
    """`budget.wall_ms` or `budget.work`: the one replaces the other."""
    return case.model_copy(update={"budget": Budget.model_validate({what: value})})


def _set_seed(case: Case, _field: str, value: object) -> Case:
    seed = TypeAdapter[int](Natural).validate_python(value, strict=True)
    return case.model_copy(update={"seed": seed})


def _set_workload(case: Case, field: str, value: object, *, workload: str, what: str) -> Case:
    """`workload.ID.FIELD` of pending work; a field of a role where the workload has only one."""
    if what not in _WORKLOAD_FIELDS + _ROLE_FIELDS:
        near = get_close_matches(what, _WORKLOAD_FIELDS + _ROLE_FIELDS, n=3) or _WORKLOAD_FIELDS
        _refuse(field, f"{what!r} of a workload cannot be set", f"use {', '.join(near)}")
    change = partial(_changed_workload, field=field, what=what, value=value)
    if workload == _ALL:
        return case.model_copy(update={"workloads": tuple(change(one) for one in case.workloads)})
    _find(field, "pending workload", workload, [one.id for one in case.workloads])
    changed = tuple(change(one) if one.id == workload else one for one in case.workloads)
    return case.model_copy(update={"workloads": changed})


def _changed_workload(workload: Workload, *, field: str, what: str, value: object) -> Workload:
    if what in _WORKLOAD_FIELDS:
        cleared = value == "none" and what in {"group", "min_subgroups"}
        fields = workload.model_dump(mode="json") | {what: None if cleared else value}
        # As JSON, as in a file: there a kind is its text.
        return Workload.model_validate_json(json.dumps(fields))
    roles = [(sub, role) for sub in workload.subgroups for role in sub.roles]
    if len(roles) != 1:
        _refuse(field, f"{workload.id!r} has {len(roles)} roles", "change the case file: only a single role can be set")
    subgroup, role = roles[0]
    cleared = value == "none" and what == "min_replicas"
    changed = Role.model_validate({**dict(role), what: None if cleared else value})
    return workload.model_copy(update={"subgroups": (subgroup.model_copy(update={"roles": (changed,)}),)})


def _set_running(case: Case, field: str, value: object, *, workload: str, what: str) -> Case:
    """`running.ID.movable` or `running.ID.evictable`."""
    if not isinstance(value, bool):
        _refuse(field, f"{value!r} is neither true nor false", "write true or false")
    if workload != _ALL:
        _find(field, "running workload", workload, [one.workload.id for one in case.running])

    def change(one: Running) -> Running:
        return one.model_copy(update={what: value}) if workload in (_ALL, one.workload.id) else one

    return case.model_copy(update={"running": tuple(change(one) for one in case.running)})


def _find(field: str, kind: str, name: str, known: Iterable[str]) -> None:
    names = set(known)
    if name not in names:
        _refuse_name(field, kind, name, names)


def _refuse_name(field: str, kind: str, name: str, known: Iterable[str]) -> NoReturn:
    near = get_close_matches(name, sorted(known), n=3)
    mend = f"did you mean {', '.join(near)}?" if near else f"name a {kind} of the case"
    _refuse(field, f"there is no {kind} {name!r}", mend)


_SETTERS: tuple[tuple[re.Pattern[str], Callable[..., Case]], ...] = (
    (re.compile(r"policy\.(?P<rule>[^.]+)\.(?P<what>weight|tier|mode|params\.[^.]+)"), _set_rule),
    (re.compile(r"tenant\.(?P<tenant>.+)\.(?P<what>weight|disruption_budget)"), _set_tenant),
    (re.compile(rf"tenant\.(?P<tenant>.+?)\.(?P<what>{'|'.join(_AMOUNTS)})(?:\.(?P<model>.+))?"), _set_tenant),
    (re.compile(r"budget\.(?P<what>wall_ms|work)"), _set_budget),
    (re.compile(r"seed"), _set_seed),
    (re.compile(r"workload\.(?P<workload>.+)\.(?P<what>[^.]+)"), _set_workload),
    (re.compile(r"running\.(?P<workload>.+)\.(?P<what>movable|evictable)"), _set_running),
)
