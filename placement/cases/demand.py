"""Pending work for a synthetic fleet: gangs, services, shares, some CPU work, and the rules they bring."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from placement.cases.occupancy import MAIN, PerGpu, per_gpu
from placement.model import (
    Affinity,
    Kind,
    Mode,
    Proximity,
    Role,
    Running,
    Segment,
    Spread,
    Subgroup,
    Workload,
)
from placement.units import floor_div
from topology.fabric import Fabric

__all__ = ["Demand"]

_SIZES_MILLI = (125, 250, 500, 1000, 2000, 4000, 8000)
_SIZE_WEIGHTS = (8, 8, 8, 22, 14, 16, 24)
_REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16, 32)
_REPLICA_WEIGHTS = (34, 18, 8, 16, 6, 12, 2, 3, 1)
_SHAPE_LEVELS = ("nvlink", "rack", "leaf", "block")
_DEMAND_PERCENT = 130
_MOST_REPLICAS = 256
_GIB = 1024


class Demand:
    """A seeded source of pending workloads for one fleet."""

    def __init__(
        self,
        fabric: Fabric,
        free_milli: int,
        running: list[Running],
        tenants: list[str],
        random: Random,
        *,
        at_least_percent: int = 0,
    ) -> None:
        """Sizes are drawn so that the workloads together want at most about 1.3 times `free_milli`.

        What they want is often less; with `at_least_percent` gangs are then made larger until it is that share of
        `free_milli`.
        """
        self._least_milli = floor_div(free_milli * at_least_percent, 100)
        self._random = random
        self._tenants = tenants
        self._running = running
        self._budget_milli = floor_div(free_milli * _DEMAND_PERCENT, 100)
        self._amounts: PerGpu = per_gpu(fabric)
        self._models = fabric.gpu_models
        self._fleet_milli = 1000 * int(fabric.gpu_count.sum())
        self._node_milli = 1000 * int(fabric.gpu_count.max())
        self._gpu_nodes = [node.id for node in fabric.nodes if node.gpu_count]
        self._pools = sorted({node.labels["pool"] for node in fabric.nodes if node.gpu_count})
        self._room: dict[str, int] = {}
        for level in _SHAPE_LEVELS:
            milli: Counter[int] = Counter()
            for domain, count in zip(fabric.partition(level).domain_of, fabric.gpu_count, strict=True):
                milli[int(domain)] += 1000 * int(count)
            self._room[level] = max(milli.values())

    def draw(self, count: int) -> list[Workload]:
        """`count` workloads, two or three of them (at most a third) without GPUs."""
        cpu_only = min(self._random.choice((2, 3)), count // 3)
        workloads = [self._cpu(f"job-{turn:06d}") for turn in range(cpu_only)]
        sizes = self._enlarged(count - cpu_only) if self._least_milli else None
        for turn in range(cpu_only, count):
            replicas, size = self._size(count - turn) if sizes is None else sizes[turn - cpu_only]
            workloads.append(self._workload(f"job-{turn:06d}", replicas, size, workloads))
        return workloads

    def _enlarged(self, count: int) -> list[tuple[int, int]]:
        """Replicas and GPU milli of `count` workloads; some gangs doubled until all want enough."""
        sizes = [self._size(count - turn) for turn in range(count)]
        total = sum(replicas * size for replicas, size in sizes)
        small = list(range(count))
        while total < self._least_milli and small:
            at = self._random.randrange(len(small))
            replicas, size = sizes[small[at]]
            if 2 * replicas > _MOST_REPLICAS or 2 * replicas * size > self._fleet_milli // 4:
                small[at] = small[-1]
                small.pop()
                continue
            sizes[small[at]] = (2 * replicas, size)
            total += replicas * size
        return sizes

    def _size(self, remaining: int) -> tuple[int, int]:
        """Replicas and GPU milli of each: natural, but no more than some times the average that is left."""
        random = self._random
        size = min(random.choices(_SIZES_MILLI, _SIZE_WEIGHTS)[0], self._node_milli)
        replicas = random.choices(_REPLICAS, _REPLICA_WEIGHTS)[0]
        times = 20 if self._chance(10) else 4
        most = min(times * max(0, self._budget_milli) // remaining, self._fleet_milli // 4)
        while replicas > 1 and replicas * size > most:
            replicas = _REPLICAS[_REPLICAS.index(replicas) - 1]
        while size > _SIZES_MILLI[0] and size > most:
            size = _SIZES_MILLI[_SIZES_MILLI.index(size) - 1]
        self._budget_milli -= replicas * size
        return replicas, size

    def _chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def _cpu(self, name: str) -> Workload:
        random = self._random
        cores = random.choice((4, 8, 16, 32))
        role = Role(
            name=MAIN,
            replicas=random.choice((1, 1, 2, 4)),
            cpu_milli=1000 * cores,
            memory_mib=4 * _GIB * cores,
        )
        return Workload(
            id=name,
            kind=Kind.CPU,
            tenant=random.choice(self._tenants),
            tier=random.choice((1, 2)),
            subgroups=(Subgroup(name=MAIN, roles=(role,)),),
            expected_duration_s=3600 * random.choice((1, 4, 24)),
        )

    def _workload(self, name: str, replicas: int, size: int, before: list[Workload]) -> Workload:
        """One GPU workload: kind by size, then shape, models, state and neighbours by chance."""
        random = self._random
        if size < 1000:
            kind = random.choice((Kind.INFERENCE, Kind.INFERENCE, Kind.EMBEDDING))
        elif replicas > 1:
            kind = random.choice(
                (Kind.TRAINING, Kind.TRAINING, Kind.FINE_TUNE, Kind.INFERENCE, Kind.INFERENCE, Kind.PIPELINE)
            )
        else:
            kind = random.choice((Kind.FINE_TUNE, Kind.INFERENCE, Kind.BATCH_INFERENCE, Kind.TRAINING))
        gang = replicas > 1 and kind in (Kind.TRAINING, Kind.FINE_TUNE, Kind.PIPELINE)
        shape = self._gang_shape(replicas, size) if gang else {}
        proximity = shape.pop("proximity", None)
        tenant = random.choice(self._tenants)
        extra = self._state() | self._neighbours(tenant, before)
        if len(self._pools) > 1 and self._chance(4) and size <= 4000:
            extra["node_selector"] = {"pool": tuple(random.sample(self._pools, 2))}
        return Workload(
            id=name,
            kind=kind,
            tenant=tenant,
            tier=random.choices((0, 1, 2, 3), (10, 50, 30, 10))[0],
            priority=random.choice((50, 100, 100, 100, 200, 500)),
            subgroups=(Subgroup(name=MAIN, roles=(self._role(replicas, size, gang, shape),)),),
            proximity=proximity,
            labels={"app": random.choice(("chat", "search", "rank", "vision", "lab"))},
            expected_duration_s=3600 * random.choice((1, 2, 4, 8, 24, 72)),
            message_mib=random.choice((64, 256, 1024, 4096)) if gang and self._chance(80) else 0,
            **extra,
        )

    def _role(self, replicas: int, size: int, gang: bool, shape: dict[str, Any]) -> Role:
        """The replicas: amounts below what every node has per GPU, models and spread by chance."""
        random = self._random
        share = random.choice((25, 50, 75)) * size
        if not gang and replicas > 1 and self._chance(50):
            level = random.choice(("node", "rack", "rack", "leaf"))
            mode: Mode = "require" if self._chance(50) else "prefer"
            shape["spread"] = Spread(level=level, max_per_domain=-(-replicas // 2), mode=mode)
        if self._chance(15):
            # GPUs of these models must come in nodes that are large enough for a replica.
            models = [model for model in self._models if model != "GB200" or size <= 4000]
            shape["gpu_models"] = tuple(sorted(random.sample(models, min(len(models), random.choice((1, 2))))))
        if replicas > 2 and self._chance(12) and "segment" not in shape:
            shape["min_replicas"] = -(-replicas // 2)
        return Role(
            name=MAIN,
            replicas=replicas,
            gpus=size // 1000,
            gpu_milli=size % 1000,
            cpu_milli=floor_div(self._amounts.cpu_milli * share, 100_000),
            memory_mib=floor_div(self._amounts.memory_mib * share, 100_000),
            nics=self._amounts.nics_per_node if gang and size == self._node_milli else 0,
            gpu_memory_mib=random.choice((0, 0, 0, 16 * _GIB, 40 * _GIB)),
            **shape,
        )

    def _gang_shape(self, replicas: int, size: int) -> dict[str, Any]:
        """Proximity or segments at the finest level with room for them, or the next coarser one."""
        fitting = [level for level in _SHAPE_LEVELS if self._room[level] >= replicas * size]
        level = self._random.choice(fitting[:2]) if fitting else None
        dice = self._random.randrange(100)
        if dice < 12 and level is not None:
            return {"proximity": Proximity(level=level, mode="require")}
        if dice < 24 and replicas >= 4:
            segment = self._random.choice([count for count in (2, 4) if count * size <= self._room["rack"]] or [1])
            shape: dict[str, Any] = {"segment": Segment(size=segment, level="rack")}
            if level is not None:
                shape["proximity"] = Proximity(level=level, mode="prefer")
            return shape
        if dice < 85:
            return {"proximity": Proximity(level=level or "block", mode="prefer")}
        return {}

    def _state(self) -> dict[str, Any]:
        """Weights or a checkpoint to fetch, and now and then nodes that have them."""
        if not self._chance(30):
            return {}
        state: dict[str, Any] = {"state_mib": _GIB * self._random.choice((8, 16, 70, 140))}
        if self._chance(50):
            count = min(self._random.choice((1, 2, 4)), len(self._gpu_nodes))
            state["state_nodes"] = tuple(sorted(self._random.sample(self._gpu_nodes, count)))
        return state

    def _neighbours(self, tenant: str, before: list[Workload]) -> dict[str, Any]:
        """Now and then apart from an earlier or a running workload, or near a running one."""
        others = [workload.id for workload in before if workload.tenant == tenant]
        found: dict[str, Any] = {}
        if others and self._chance(8):
            level = self._random.choice(("node", "rack"))
            other = self._random.choice(others)
            found["anti_affinity"] = (Affinity(level=level, workloads=(other,)),)
        elif self._chance(3):
            found["anti_affinity"] = (Affinity(level="node", match={"app": "vision"}, mode="prefer"),)
        if self._running and self._chance(6):
            other = self._random.choice(self._running).workload.id
            found["affinity"] = (Affinity(level="leaf", workloads=(other,), mode="prefer"),)
        return found
