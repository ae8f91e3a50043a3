"""Variants of a case: what a conflict leaves of it, and what a repair makes of it."""

from collections.abc import Iterable

from placement.model import Case, Running
from placement.model.diagnosis import Cause, Diagnosis, Repair, Scope
from placement.whatif.settings import set_one
from tests.verify.contended.truth import Truth
from topology.model import Health

__all__ = ["beside", "least_less", "repaired"]

_OWN = frozenset(("health", "gpu_model", "topology"))
"""Requirements of one workload by itself."""
_LAWS = frozenset(("capacity", "gang", "preemption"))


def beside(case: Case, found: Diagnosis, causes: Iterable[Cause]) -> Truth:
    """The workload under just these causes of the diagnosis' scope (and what was taken as given)."""
    members: set[tuple[str, str]] = {(cause.kind, cause.name) for cause in causes}
    rules = {name for kind, name in members if kind == "rule"}
    hard = {spec.name for spec in case.policy.rules if spec.mode != "prefer"} - _LAWS
    if found.scope is Scope.PERMITTED:
        floors = frozenset(name.removeprefix("guarantee: ") for _, name in members if name.startswith("guarantee: "))
        return Truth(_limited(case, found.workload, members), found.workload, frozenset(_OWN - rules), floors)
    kept = {name for kind, name in members if kind == "running"} | set(found.background)
    running = tuple(_frozen(one) for one in case.running if one.workload.id in kept)
    dropped = hard - rules - _OWN
    policy = case.policy.model_copy(
        update={"rules": tuple(spec for spec in case.policy.rules if spec.name not in dropped)}
    )
    left = case.model_copy(update={"running": running, "policy": policy})
    return Truth(left, found.workload, frozenset(_OWN - rules))


def _frozen(one: Running) -> Running:
    return one.model_copy(update={"movable": False, "evictable": False})


def _limited(case: Case, workload: str, members: set[tuple[str, str]]) -> Case:
    """The case with just these limits on what may be disturbed."""
    tenants = []
    family = Truth(case).family
    mine = next(w.tenant for w in case.workloads if w.id == workload)

    def holds(rule: str, name: str) -> bool:
        return ("limit", f"{rule}: {name}") in members

    for tenant in case.tenants:
        name = tenant.name
        others = ("rule", "quota") in members and mine not in family[name]
        update: dict[str, object] = {
            "quota_by_model": {
                m: n for m, n in tenant.quota_by_model.items() if holds("quota", f"{name} on {m}") or others
            },
        }
        if not (holds("quota", name) or others):
            update["quota_gpu_milli"] = None
        if not holds("preemption", f"tenant {name}"):
            update["disruption_budget"] = None
        tenants.append(tenant.model_copy(update=update))
    rules = []
    for spec in case.policy.rules:
        if spec.name == "preemption" and not holds("preemption", "max_disrupted"):
            params = {key: value for key, value in spec.params.items() if key != "max_disrupted"}
            rules.append(spec.model_copy(update={"params": params}))
        elif spec.name in {"borrowing", "power_cap"} and ("rule", spec.name) not in members:
            continue
        else:
            rules.append(spec)
    policy = case.policy.model_copy(update={"rules": tuple(rules)})
    return case.model_copy(update={"tenants": tuple(tenants), "policy": policy})


def repaired(case: Case, found: Diagnosis, repair: Repair) -> Truth:
    """The case once the repair is made; all running work stays where it is unless it may give way."""
    changed = _with(case, found.workload, repair)
    if not found.gives_way and repair.kind != "move":
        changed = changed.model_copy(update={"running": tuple(map(_frozen, changed.running))})
    elif not found.gives_way:
        name = repair.setting.split(".")[1]
        running = tuple(one if one.workload.id == name else _frozen(one) for one in changed.running)
        changed = changed.model_copy(update={"running": running})
    return Truth(changed, found.workload)


def _with(case: Case, workload: str, repair: Repair) -> Case:
    if repair.setting:
        name, _, value = repair.setting.partition("=")
        known: object = {"true": True}.get(value, value)
        if name.endswith(("disruption_budget", "max_disrupted")):
            known = int(value)
        return set_one(case, name, known)
    words = repair.change.split()
    match repair.kind:
        case "wait":
            last = words[words.index("until" if "until" in words else "for") + 1]
            end = next(r.expected_end_s or 0 for r in case.running if r.workload.id == last)
            left = tuple(r for r in case.running if r.expected_end_s is None or r.expected_end_s > end)
            return case.model_copy(update={"now_s": max(case.now_s, end), "running": left})
        case "end":
            left = tuple(r for r in case.running if r.workload.id != words[-1])
            return case.model_copy(update={"running": left})
        case "shrink":
            return _sized(case, workload, int(words[-2]))
        case "relax":
            return _relaxed(case, workload, words[-1])
        case _:
            well = {"health": Health.HEALTHY, "unhealthy_gpus": ()}
            nodes = tuple(node.model_copy(update=well) for node in case.fleet.nodes)
            return case.model_copy(update={"fleet": case.fleet.model_copy(update={"nodes": nodes})})


def _sized(case: Case, workload: str, count: int) -> Case:
    changed = []
    for one in case.workloads:
        if one.id == workload:
            [sub] = one.subgroups
            [role] = sub.roles
            small = role.model_copy(update={"replicas": count, "min_replicas": None})
            one = one.model_copy(update={"subgroups": (sub.model_copy(update={"roles": (small,)}),)})  # noqa: PLW2901
        changed.append(one)
    return case.model_copy(update={"workloads": tuple(changed)})


def _relaxed(case: Case, workload: str, level: str) -> Case:
    changed = []
    for one in case.workloads:
        if one.id == workload and one.proximity is not None:
            near = None if level == "anywhere" else one.proximity.model_copy(update={"level": level})
            one = one.model_copy(update={"proximity": near})  # noqa: PLW2901
        changed.append(one)
    return case.model_copy(update={"workloads": tuple(changed)})


def least_less(case: Case, found: Diagnosis, repair: Repair) -> Truth | None:
    """The same repair by one step less, where it has steps; no such may work."""
    if repair.kind == "shrink":
        count = int(repair.change.split()[-2])
        text = repair.change.replace(f"to {count} ", f"to {count + 1} ")
        return repaired(case, found, repair.model_copy(update={"change": text}))
    if repair.kind not in ("quota", "budget", "guarantee"):
        return None
    name, _, value = repair.setting.partition("=")
    step = 1 if repair.kind == "guarantee" else -1
    amount = float(value) + step
    if amount < 0:
        return None
    return repaired(case, found, repair.model_copy(update={"setting": f"{name}={amount:g}"}))
