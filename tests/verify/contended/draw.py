"""Random tiny cases in which quota, guarantees, loans, budgets, levels, power and running work meet."""

from random import Random

from placement.model import (
    Budget,
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
from topology.model import Fleet, Health, Level, Node, PowerCap

__all__ = ["contended_case"]

_LEVELS = (
    Level(name="block", latency_us=20, bandwidth_gbps=200),
    Level(name="rack", latency_us=5, bandwidth_gbps=400),
)
_NAMES = ("a", "b", "c")
_REQUIRED = ("health", "gpu_model", "topology", "quota", "guarantee", "borrowing", "power_cap")
_NOW_S = 1000


def contended_case(random: Random) -> Case:
    """Four to six nodes of two GPUs, two a rack; three or four running works, one or two that wait."""
    rows = random.choice((4, 4, 5, 6))
    nodes = tuple(_node(random, row) for row in range(rows))
    free = {node.id: list(range(node.gpu_count)) for node in nodes}
    running = []
    for number in range(random.choice((2, 3, 3, 4))):
        one = _running(random, f"run{number}", free)
        if one is not None:
            running.append(one)
    waiting = tuple(_workload(random, f"w{number}") for number in range(random.choice((1, 1, 2))))
    racks = sorted({f"{n.path['block']}/{n.path['rack']}" for n in nodes})
    caps = tuple(PowerCap(partition="rack", domain=r, cap_w=random.choice((2200, 2900))) for r in racks)
    fleet = Fleet(
        name="contended",
        levels=_LEVELS,
        nodes=nodes,
        power_caps=tuple(cap for cap in caps if random.random() < 0.15),
    )
    return Case(
        fleet=fleet,
        workloads=waiting,
        running=tuple(running),
        tenants=_tenants(random, tuple(running)),
        policy=_policy(random),
        budget=Budget(work=2000),
        now_s=_NOW_S,
    ).canonical()


def _node(random: Random, row: int) -> Node:
    ill = (Health.DEGRADED, Health.FAILED, Health.CORDONED)
    return Node(
        id=f"n{row}",
        path={"block": f"b{row // 4}", "rack": f"r{row // 2 % 2}"},
        gpu_model="A100" if random.random() < 0.15 else "H100",
        gpu_count=2,
        gpu_memory_mib=80_000,
        cpu_milli=64_000,
        memory_mib=512_000,
        nics=4,
        idle_power_w=500,
        gpu_power_w=700,
        health=random.choice(ill) if random.random() < 0.1 else Health.HEALTHY,
    )


def _running(random: Random, name: str, free: dict[str, list[int]]) -> Running | None:
    gpus, count = random.choice(((1, 1), (1, 1), (1, 2), (2, 1), (2, 2), (1, 3)))
    seats: list[Replica] = []
    for _ in range(count):
        rooms = [node for node, devices in free.items() if len(devices) >= gpus]
        if not rooms:
            break
        node = random.choice(rooms)
        # Any of its devices: what runs leaves holes.
        picks = sorted(random.sample(free[node], gpus))
        free[node] = [d for d in free[node] if d not in picks]
        seats.append(Replica(subgroup="s", role="r", node=node, devices=tuple(Device(index=d) for d in picks)))
    if not seats:
        return None
    least = random.choice((len(seats), 1))
    work = _gang(name, random, len(seats), gpus, None if least == len(seats) else least)
    return Running(
        workload=work.model_copy(update={"tier": random.choice((1, 2)), "priority": random.choice((10, 50))}),
        replicas=tuple(seats),
        start_s=random.choice((0, 0, 0, 990)),
        movable=random.random() < 0.5,
        evictable=random.random() < 0.5,
        expected_end_s=random.choice((None, 1600, 4600)),
    )


def _workload(random: Random, name: str) -> Workload:
    gpus, count = random.choice(((1, 2), (2, 1), (2, 2), (2, 2), (1, 3), (2, 3), (1, 4)))
    one = _gang(name, random, count, gpus, random.choice((None, None, 1)))
    near = random.choice((None, "rack", "rack", "block"))
    return one.model_copy(
        update={
            "tier": random.choice((0, 1, 2)),
            "priority": random.choice((10, 100)),
            "proximity": None if near is None else Proximity(level=near),
        }
    )


def _gang(name: str, random: Random, count: int, gpus: int, least: int | None) -> Workload:
    models = ("H100",) if random.random() < 0.1 else ()
    role = Role(name="r", replicas=count, min_replicas=least, gpus=gpus, gpu_models=models)
    kind = random.choice((Kind.TRAINING, Kind.INFERENCE))
    subgroup = Subgroup(name="s", roles=(role,))
    return Workload(id=name, kind=kind, tenant=random.choice(_NAMES), subgroups=(subgroup,))


def _tenants(random: Random, running: tuple[Running, ...]) -> tuple[Tenant, ...]:
    found = []
    for name in _NAMES[: random.choice((2, 3))]:
        used = 1000 * sum(len(p.devices) for r in running if r.workload.tenant == name for p in r.replicas)
        near = [max(0, used + 1000 * step) for step in (-1, 0, 1, 2, 3)]
        some = random.random
        found.append(
            Tenant(
                name=name,
                parent="a" if name == "b" and some() < 0.3 else None,
                quota_gpu_milli=random.choice(near) if some() < 0.5 else None,
                quota_by_model={"H100": random.choice(near)} if some() < 0.2 else {},
                guaranteed_gpu_milli=random.choice(near) if some() < 0.5 else None,
                guaranteed_by_model={"H100": random.choice(near)} if some() < 0.1 else {},
                borrowing_limit_gpu_milli=random.choice((0, 1000, 2000)) if some() < 0.2 else None,
                lending_limit_gpu_milli=random.choice((0, 1000)) if some() < 0.2 else None,
                disruption_budget=random.choice((0, 1, 1, 2)) if some() < 0.5 else None,
            )
        )
    return tuple(found)


def _policy(random: Random) -> Policy:
    rules = [RuleSpec(name=name, mode="require") for name in _REQUIRED]
    params = {"min_runtime_s": random.choice((0, 0, 100)), "max_disrupted": random.choice((1, 2, 1000))}
    return Policy(
        rules=(
            *rules,
            RuleSpec(name="preemption", mode="require", params=params),
            RuleSpec(name="refused", mode="prefer", tier=1),
            RuleSpec(name="eviction", mode="prefer", tier=1),
            RuleSpec(name="stability", mode="prefer", tier=2, params={"move_micro_usd_h": 10_000}),
            RuleSpec(name="stranded", mode="prefer", tier=2, params={"gpu_hour_micro_usd": 100_000}),
        )
    )
