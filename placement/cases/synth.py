"""Seeded synthetic cases: a reference fleet, partly used, and more pending work than fits."""

from __future__ import annotations

from collections import Counter
from random import Random

from pydantic import ValidationError

from placement.cases.demand import Demand
from placement.cases.occupancy import NOW_S, FreeFleet, occupy
from placement.errors import InputError
from placement.model import Budget, Case, Policy, Running, Tenant, default_policy
from placement.model.document import input_error
from placement.units import MAX_INT, floor_div
from topology.errors import TopologyError
from topology.fabric import Fabric
from topology.synth import FleetKind, synth_fleet

__all__ = ["MAX_OCCUPANCY", "synth_case"]

MAX_OCCUPANCY = 0.95
"""Above this share of the GPUs, cordoned nodes and unhealthy devices leave too little."""


def synth_case(
    fleet_kind: FleetKind,
    nodes: int,
    occupancy: float,
    pending: int,
    seed: int,
    *,
    budget: Budget | None = None,
    preemption: bool = False,
    policy: Policy | None = None,
    demand_percent: int = 0,
) -> Case:
    """A case on `synth_fleet(fleet_kind, nodes, seed)`: `occupancy` of its GPUs used, `pending` workloads.

    Running work is a seeded mix of shares, single nodes and gangs within capacity and power caps; pending
    work wants at most about 1.3 times the free GPUs, in gangs of up to 32 replicas. With `demand_percent` it wants
    at least that share of the free GPUs, in gangs of up to 256 replicas. 8 to 12 tenants, every third with a
    quota above what it runs. With `preemption` about a third of the running work may be moved, and half of that
    of tier 2 and later may be evicted; without it all stays as it is. The same arguments give the same case.
    InputError for arguments out of range.
    """
    if not 0 <= occupancy <= MAX_OCCUPANCY:
        raise InputError("occupancy", f"{occupancy} is out of range", f"use a number from 0 to {MAX_OCCUPANCY}")
    if not 0 <= pending <= 100_000:
        raise InputError("pending", f"{pending} is out of range", "use a number from 0 to 100000")
    if not 0 <= demand_percent <= 200:
        raise InputError("demand_percent", f"{demand_percent} is out of range", "use a number from 0 to 200")
    if not 0 <= seed <= MAX_INT:
        raise InputError("seed", f"{seed} is out of range", f"use a number from 0 to {MAX_INT}")
    try:
        fleet = synth_fleet(fleet_kind, nodes, seed)
    except TopologyError as error:
        raise InputError(error.field, error.problem, error.mend) from None
    fabric = Fabric.from_fleet(fleet)
    random = Random(f"{fleet_kind}/{nodes}/{occupancy}/{pending}/{seed}")
    names = [f"tenant-{row:02d}" for row in range(random.randrange(8, 13))]
    free = FreeFleet(fabric)
    running = occupy(free, occupancy, names, random, preemption=preemption)
    free_milli = sum(sum(devices) for devices in free.free)
    source = Demand(fabric, free_milli, running, names, random, at_least_percent=demand_percent)
    workloads = source.draw(pending)
    try:
        return Case(
            fleet=fleet,
            workloads=tuple(workloads),
            running=tuple(running),
            tenants=tuple(_tenants(names, running, fabric, free_milli, random)),
            policy=policy or default_policy(),
            budget=budget or Budget(wall_ms=2000),
            seed=seed,
            now_s=NOW_S,
        )
    except ValidationError as error:
        raise input_error(error, "case") from None


def _tenants(names: list[str], running: list[Running], fabric: Fabric, free_milli: int, random: Random) -> list[Tenant]:
    """Weights 1 to 4; every third tenant has a quota that leaves it some of its share of the free GPUs."""
    used: Counter[str] = Counter()
    used_by_model: Counter[tuple[str, str]] = Counter()
    for work in running:
        for replica in work.replicas:
            milli = sum(device.milli for device in replica.devices)
            used[work.workload.tenant] += milli
            model = fabric.nodes[fabric.index[replica.node]].gpu_model or ""
            used_by_model[work.workload.tenant, model] += milli
    tenants = []
    for row, name in enumerate(names):
        room = max(1000, floor_div(free_milli * random.randrange(50, 200), 100 * len(names)))
        by_model = {}
        if row % 5 == 2 and len(fabric.gpu_models) > 1:
            model = random.choice(fabric.gpu_models)
            by_model = {model: used_by_model[name, model] + room}
        tenants.append(
            Tenant(
                name=name,
                weight=random.randrange(1, 5),
                quota_gpu_milli=used[name] + room if row % 3 == 0 else None,
                quota_by_model=by_model,
            )
        )
    return tenants
