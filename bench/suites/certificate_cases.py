"""One gang of 80 GPUs on 500 nodes that are nearly full: a rack, a queue and disruption rules stand in its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

from bench.requirements import requirements
from placement.model import (
    Case,
    Device,
    Kind,
    Policy,
    Proximity,
    Replica,
    Role,
    RuleSpec,
    Running,
    Subgroup,
    Tenant,
    Workload,
)
from topology.model import Fleet, Level, Node

__all__ = ["GANG", "RULES", "certificate_case", "under"]

GANG = "gang"
"""Id of the one pending workload."""
RULES = ("rack", "queue", "disruption")
"""What stands in its way; see `under`."""
_RACK_NODES, _GPUS = 20, 8
_SHAPES = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 4), (2, 8), (4, 2))
_SHAPE_WEIGHTS = (42, 26, 17, 7, 3, 2, 3)
"""Of running gangs (replicas, GPUs each): about 1,300 on 500 nodes."""
_QUEUES = 8
_NOW_S = 1_800_000_000


def certificate_case(nodes: int, seed: int) -> Case:
    """`nodes` nodes of 8 GPUs in racks of 20, 97 % used by small gangs of 8 queues, and a gang of 10 whole nodes.

    The gang insists on one rack. Its queue has a quota that is too small unless it ends work of its own; the other
    queues have guarantees; every queue has a disruption budget, and all together have one. What is evictable or
    movable, and how tight the limits are, is drawn from the seed, so that each of the three alone leaves room: they
    meet in the budgets, which a rack and the quota draw on together. The policy has all requirements, then refused and
    evicted work (tier 1), then the price of disturbance (tier 2). The same arguments give the same case.
    """
    random = Random(f"certificate/{nodes}/{seed}")
    fleet = Fleet(
        name=f"racks-{nodes}",
        levels=(Level(name="rack", latency_us=5, bandwidth_gbps=3200),),
        nodes=tuple(
            Node(
                id=f"r{row // _RACK_NODES:03d}n{row % _RACK_NODES:02d}",
                path={"rack": f"r{row // _RACK_NODES:03d}"},
                gpu_model="H100",
                gpu_count=_GPUS,
                cpu_milli=192_000,
                memory_mib=2_097_152,
            )
            for row in range(nodes)
        ),
    )
    evictable, movable = random.choice((75, 90)), random.choice((30, 50))
    running = tuple(_fill(fleet, evictable, movable, random))
    tenants = tuple(_queues(running, random))
    most = random.choice((10, 12, 14, 16))
    return Case(
        fleet=fleet,
        workloads=(_gang(),),
        running=running,
        tenants=tenants,
        policy=_policy(most),
        seed=seed,
        now_s=_NOW_S,
    )


def under(case: Case, rules: Iterable[str]) -> Case:
    """The case with only these of its RULES: the required rack, quotas and guarantees, disruption budgets.

    Whether work is evictable or movable at all stays as it is.
    """
    kept = set(rules)
    update: dict[str, Any] = {}
    if "rack" not in kept:
        update["workloads"] = tuple(w.model_copy(update={"proximity": None}) for w in case.workloads)
    dropped: dict[str, Any] = {}
    if "queue" not in kept:
        dropped |= {"quota_gpu_milli": None, "guaranteed_gpu_milli": None}
    if "disruption" not in kept:
        dropped |= {"disruption_budget": None}
        update["policy"] = _policy(None)
    update["tenants"] = tuple(tenant.model_copy(update=dropped) for tenant in case.tenants)
    return case.model_copy(update=update)


def _gang() -> Workload:
    role = Role(name="main", replicas=10, gpus=_GPUS)
    return Workload(
        id=GANG,
        tenant="queue-0",
        tier=0,
        priority=500,
        subgroups=(Subgroup(name="main", roles=(role,)),),
        proximity=Proximity(level="rack", mode="require"),
    )


def _policy(max_disrupted: int | None) -> Policy:
    rules = [rule for rule in requirements() if rule.name != "preemption"]
    params = {} if max_disrupted is None else {"max_disrupted": max_disrupted}
    rules += [
        RuleSpec(name="preemption", mode="require", params=params),
        RuleSpec(name="refused", mode="prefer", tier=1),
        RuleSpec(name="eviction", mode="prefer", tier=1),
        RuleSpec(name="stability", mode="prefer", tier=2),
    ]
    return Policy(name="certificate", rules=tuple(rules))


def _fill(fleet: Fleet, evictable: int, movable: int, random: Random) -> Iterable[Running]:
    """Gangs rack by rack at random, best-fit inside, until 97 % are used or many did not fit."""
    free = [list(range(_GPUS)) for _ in fleet.nodes]
    left = sum(len(one) for one in free) * 97 // 100
    racks = [range(at, min(at + _RACK_NODES, len(free))) for at in range(0, len(free), _RACK_NODES)]
    misses = number = 0
    while left > 0 and misses < 200:
        replicas, gpus = random.choices(_SHAPES, _SHAPE_WEIGHTS)[0]
        rows = sorted((row for row in random.choice(racks) if len(free[row]) >= gpus), key=lambda r: (len(free[r]), r))
        if len(rows) < replicas:
            misses += 1
            continue
        misses = 0
        seats = []
        for row in rows[:replicas]:
            seats.append(
                Replica(
                    subgroup="main",
                    role="main",
                    node=fleet.nodes[row].id,
                    devices=tuple(Device(index=index) for index in free[row][:gpus]),
                )
            )
            del free[row][:gpus]
        left -= replicas * gpus
        yield _running(f"run-{number:05d}", replicas, gpus, tuple(seats), evictable, movable, random)
        number += 1


def _running(
    name: str, replicas: int, gpus: int, seats: tuple[Replica, ...], evictable: int, movable: int, random: Random
) -> Running:
    role = Role(name="main", replicas=replicas, gpus=gpus)
    workload = Workload(
        id=name,
        kind=Kind.TRAINING if replicas > 1 else random.choice((Kind.FINE_TUNE, Kind.BATCH_INFERENCE)),
        tenant=f"queue-{random.randrange(_QUEUES)}",
        tier=random.choice((1, 2, 2, 3)),
        priority=random.choice((50, 100, 200)),
        subgroups=(Subgroup(name="main", roles=(role,)),),
    )
    return Running(
        workload=workload,
        replicas=seats,
        start_s=_NOW_S - random.randrange(600, 86_400),
        expected_end_s=_NOW_S + random.randrange(600, 86_400),
        restart_cost_micro_usd=1000 * replicas * gpus * random.randrange(200, 1500),
        movable=random.randrange(100) < movable,
        evictable=workload.tier > 1 and random.randrange(100) < evictable,
    )


def _queues(running: tuple[Running, ...], random: Random) -> Iterable[Tenant]:
    used: Counter[str] = Counter()
    for one in running:
        used[one.workload.tenant] += sum(device.milli for replica in one.replicas for device in replica.devices)
    for row in range(_QUEUES):
        name = f"queue-{row}"
        room = 80 - random.choice((8, 16, 24, 32))
        yield Tenant(
            name=name,
            quota_gpu_milli=used[name] + 1000 * room if row == 0 else None,
            guaranteed_gpu_milli=None if row == 0 else max(0, used[name] - 1000 * random.choice((4, 8, 16, 32))),
            disruption_budget=random.choice((1, 2, 3, 4)),
        )
