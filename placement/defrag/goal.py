"""What shall be free, and the case that asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from placement.errors import InputError
from placement.model import Case, Policy, RuleSpec, Running, Tenant
from topology.errors import TopologyError
from topology.levels import NODE, nested_domain_names
from topology.parts import Parts

__all__ = ["Goal", "asking", "read_goal"]

_MOVE_MICRO_USD_H = 10_000
"""Least price of a moved replica where freeing comes before money: fewer are better even where they cost nothing."""
_MOST_TIERS = 9
_COUNTED = re.compile(r"(?P<level>[^:=]+)[:=](?P<count>\d{1,5})")


@dataclass(frozen=True)
class Goal:
    """`domains` (paths) of a level that shall be free, all of them; none named: any `wanted` of the level."""

    level: str
    domains: tuple[str, ...]
    wanted: int


def read_goal(case: Case, texts: Sequence[str], field: str = "--free") -> Goal:
    """The goal of texts such as `rack:site-a/b0/r3`, `r3` (where only one domain ends so), a node id, or `rack=2`.

    `rack:2` is the domain of that name if there is one, else the same as `rack=2`. InputError names a part that is not
    there, or parts that do not go together: all are of one level.
    """
    fleet = case.fleet
    levels = (*fleet.level_names, NODE)
    parts = Parts(fleet.level_names, fleet.nodes)
    found: dict[str, list[str]] = {}
    for text in texts:
        counted = _COUNTED.fullmatch(text)
        if counted is not None and ("=" in text or not _named(parts, text, field)):
            if len(texts) > 1:
                raise InputError(field, f"{text!r} stands beside other parts", "ask for a number, or for names")
            return _counted(case, counted["level"], int(counted["count"]), levels, field)
        try:
            part = parts.find(text, field)
        except TopologyError as error:
            raise InputError(field, error.problem, f"{error.mend}, or LEVEL=COUNT") from None
        found.setdefault(part.partition, []).append(part.domain)
    if not found:
        raise InputError(field, "nothing is named that shall be free", "name a node, a domain, or LEVEL=COUNT")
    if len(found) != 1:
        named = ", ".join(sorted(found))
        raise InputError(field, f"the parts are of several levels: {named}", "name domains of one level")
    [(level, domains)] = found.items()
    names = tuple(sorted(set(domains)))
    return Goal(level, names, len(names))


def _named(parts: Parts, text: str, field: str) -> bool:
    """Whether a text such as `rack:2` is the name of a domain."""
    try:
        parts.find(text, field)
    except TopologyError:
        return False
    return True


def _counted(case: Case, level: str, count: int, levels: tuple[str, ...], field: str) -> Goal:
    if level not in levels:
        raise InputError(field, f"{level!r} is not a level", f"use one of: {', '.join(levels)}")
    ids = [node.id for node in case.fleet.nodes]
    names = ids
    if level != NODE:
        names = nested_domain_names(case.fleet.level_names, ids, [node.path for node in case.fleet.nodes])[level]
    there = len(set(names))
    if not 1 <= count <= there:
        raise InputError(field, f"{count} of level {level!r} cannot be free", f"ask for 1 to {there}")
    return Goal(level, (), count)


def asking(
    case: Case,
    goal: Goal,
    *,
    max_moves: int | None = None,
    budgets: Mapping[str, int] | None = None,
    value_micro_usd_h: int | None = None,
) -> Case:
    """The case in which running work is only moved, nothing is placed or grows, and the policy wants the goal.

    Without a value, freeing comes after the policy's first tier and before all else; then the least disturbance (each
    moved replica at 0.01 USD/h at least), then the rest. With a value per hour it is weighed in the tier of
    `stability`, or in the last one. `budgets` are tenant -> most of its workloads moved. InputError for a tenant
    without work, or a policy that has no room for it.
    """
    params = {"level": goal.level, "domains": list(goal.domains), "wanted": goal.wanted}
    # What running work breaks elsewhere is not repaired on the way.
    rules = [rule.model_copy(update={"tier": 0}) if rule.mode == "hold" else rule for rule in case.policy.rules]
    if value_micro_usd_h is None:
        rules = _before_money(rules, params)
    else:
        rules = _priced(rules, params | {"value_micro_usd_h": value_micro_usd_h})
    running = tuple(_as_it_runs(one) for one in case.running)
    return case.model_copy(
        update={
            "workloads": (),
            "running": running,
            "tenants": _with_budgets(case, budgets or {}),
            "policy": Policy(name=case.policy.name, rules=tuple(_limited(rules, max_moves))),
        }
    )


def _as_it_runs(one: Running) -> Running:
    """Running work that may not be evicted, and wants no more replicas than it has."""
    update: dict[str, object] = {"evictable": False} if one.evictable else {}
    if one.lacking:
        counts = one.counts
        subgroups = tuple(
            subgroup.model_copy(
                update={
                    "roles": tuple(
                        role.model_copy(update={"replicas": counts[subgroup.name, role.name]})
                        for role in subgroup.roles
                    )
                }
            )
            for subgroup in one.workload.subgroups
            if any(counts[subgroup.name, role.name] for role in subgroup.roles)
        )
        update["workload"] = one.workload.model_copy(update={"subgroups": subgroups})
    return one.model_copy(update=update) if update else one


def _before_money(rules: list[RuleSpec], params: dict[str, object]) -> list[RuleSpec]:
    tiers = sorted({rule.tier for rule in rules if rule.mode == "prefer"})
    first = tiers[0] if tiers else 0
    head = 1 if tiers else 0
    new = {tier: head + 2 + place for place, tier in enumerate(tiers[1:], start=1)} | {first: head}
    if max(new.values()) > _MOST_TIERS or head + 2 > _MOST_TIERS:
        raise InputError(
            "policy.rules",
            f"the objectives fill {len(tiers)} tiers, and freeing takes two more",
            f"use at most {_MOST_TIERS - 2} tiers, or give a value per hour",
        )
    own = next((rule for rule in rules if rule.name == "stability" and rule.mode == "prefer"), None)
    held = {} if own is None else dict(own.params)
    least = held.get("move_micro_usd_h", 0)
    held["move_micro_usd_h"] = max(least, _MOVE_MICRO_USD_H) if isinstance(least, int) else least
    found = []
    for rule in rules:
        if rule.mode != "prefer":
            found.append(rule)
        elif rule is not own or rule.tier == first:
            found.append(rule.model_copy(update={"tier": new[rule.tier]}))
    weight = 1 if own is None else max(1, own.weight)
    found.append(RuleSpec(name="vacancy", mode="prefer", tier=head + 1, params=params))
    found.append(RuleSpec(name="stability", mode="prefer", tier=head + 2, weight=weight, params=held))
    return found


def _priced(rules: list[RuleSpec], params: dict[str, object]) -> list[RuleSpec]:
    tiers = [rule.tier for rule in rules if rule.mode == "prefer"]
    tier = next(
        (rule.tier for rule in rules if rule.name == "stability" and rule.mode == "prefer"), max(tiers, default=1)
    )
    if any(rule.name == "vacancy" and rule.tier == tier for rule in rules):
        raise InputError(
            "policy.rules", f"tier {tier} has a price for vacancy already", "leave out the value, or that rule"
        )
    return [*rules, RuleSpec(name="vacancy", mode="prefer", tier=tier, params=params)]


def _limited(rules: list[RuleSpec], max_moves: int | None) -> list[RuleSpec]:
    if max_moves is None:
        return rules
    own = next((rule for rule in rules if rule.name == "preemption"), RuleSpec(name="preemption", mode="require"))
    most = own.params.get("max_disrupted")
    limit = min(most, max_moves) if isinstance(most, int) else max_moves
    held = own.model_copy(update={"params": {**own.params, "max_disrupted": limit}})
    return [*(rule for rule in rules if rule.name != "preemption"), held]


def _with_budgets(case: Case, budgets: Mapping[str, int]) -> tuple[Tenant, ...]:
    listed = {tenant.name: tenant for tenant in case.tenants}
    known = listed.keys() | {one.workload.tenant for one in case.running}
    for name, most in budgets.items():
        if name not in known:
            raise InputError("--budget", f"there is no tenant {name!r}", f"name one of: {', '.join(sorted(known)[:8])}")
        tenant = listed.get(name, Tenant(name=name))
        own = tenant.disruption_budget
        limit = most if own is None else min(own, most)
        listed[name] = tenant.model_copy(update={"disruption_budget": limit})
    return tuple(listed.values())
