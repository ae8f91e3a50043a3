"""Contended cases: full fleets, gangs that insist on one rack, quotas, guarantees, budgets, evictable work."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from bench.requirements import without_repairs
from placement.cases.synth import synth_case
from placement.model import Budget, Case, Proximity, Running, Tenant, Workload
from topology.synth import FleetKind

__all__ = ["joint_case"]

_DEMAND_PERCENT = 200
_EVICTABLE_PERCENT = (0, 45, 80, 90)
"""Of the running work, by its tier."""
_MOVABLE_PERCENT = 40
_RACK_PERCENT = 60
"""Of the pending gangs that fit into one rack: those that insist on one."""


def joint_case(fleet: FleetKind, nodes: int, occupancy: float, pending: int, seed: int) -> Case:
    """A case of `synth_case(..., preemption=True)` on which quota, topology and preemption contend.

    More of the running work may be evicted (the less important, the more of it) or moved; pending gangs are more
    important than most of it, and three in five of those that fit insist on one rack; every second tenant has a
    quota close to what it uses, every third a guarantee, two in three a disruption budget of 1 to 4. Work on ill nodes
    may stay there at no price. The same arguments give the same case.
    """
    case = synth_case(
        fleet,
        nodes,
        occupancy,
        pending,
        seed,
        policy=without_repairs(),
        budget=Budget(wall_ms=2000),
        preemption=True,
        demand_percent=_DEMAND_PERCENT,
    )
    random = Random(f"joint/{fleet}/{nodes}/{occupancy}/{pending}/{seed}")
    racks: Counter[str] = Counter()
    for node in case.fleet.nodes:
        racks[node.path["rack"]] += 1000 * node.gpu_count
    largest = max(racks.values())
    return case.model_copy(
        update={
            "running": tuple(_loose(one, random) for one in case.running),
            "workloads": tuple(_insisting(one, largest, random) for one in case.workloads),
            "tenants": _tenants(case, random),
        }
    )


def _loose(one: Running, random: Random) -> Running:
    percent = _EVICTABLE_PERCENT[min(one.workload.tier, len(_EVICTABLE_PERCENT) - 1)]
    workload = one.workload.model_copy(update={"priority": random.choice((20, 50, 100, 100, 200))})
    return one.model_copy(
        update={
            "workload": workload,
            "evictable": random.randrange(100) < percent,
            "movable": random.randrange(100) < _MOVABLE_PERCENT,
        }
    )


def _insisting(one: Workload, rack_milli: int, random: Random) -> Workload:
    role = one.subgroups[0].roles[0]
    if role.replicas == 1 or not role.gpus:
        return one
    update: dict[str, Any] = {"tier": random.choice((0, 1, 1)), "priority": random.choice((100, 200, 500))}
    if one.gpu_milli_total <= rack_milli and role.segment is None and random.randrange(100) < _RACK_PERCENT:
        update["proximity"] = Proximity(level="rack", mode="require")
    return one.model_copy(update=update)


def _tenants(case: Case, random: Random) -> tuple[Tenant, ...]:
    used: Counter[str] = Counter()
    for one in case.running:
        used[one.workload.tenant] += sum(d.milli for replica in one.replicas for d in replica.devices)
    wanted: Counter[str] = Counter()
    for workload in case.workloads:
        wanted[workload.tenant] += workload.gpu_milli_total
    found = []
    for row, tenant in enumerate(case.tenants):
        name = tenant.name
        room = wanted[name] * random.randrange(20, 80) // 100
        update: dict[str, Any] = {"quota_gpu_milli": used[name] + room if row % 2 == 0 else None}
        if row % 3 == 0:
            update["guaranteed_gpu_milli"] = used[name] * random.randrange(50, 100) // 100
        if row % 3 != 1:
            update["disruption_budget"] = random.randrange(1, 5)
        found.append(tenant.model_copy(update=update))
    return tuple(found)
