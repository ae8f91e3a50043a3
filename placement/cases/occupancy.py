"""Running work for a synthetic fleet: shares, single nodes and gangs, placed until enough GPUs are used."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from placement.model import Device, Kind, Proximity, Replica, Role, Running, Subgroup, Workload
from placement.units import floor_div
from topology.fabric import Fabric
from topology.model import Health

__all__ = ["MAIN", "NOW_S", "FreeFleet", "PerGpu", "occupy", "per_gpu"]

MAIN = "main"
"""Name of the only subgroup and the only role of a synthetic workload."""
NOW_S = 1_800_000_000
"""The moment of every synthetic case, epoch seconds."""

_SAMPLE = 24
_SIZES_MILLI = (125, 250, 500, 1000, 2000, 4000, 8000)
_SIZE_WEIGHTS = (12, 10, 8, 22, 12, 12, 24)
_GANG_PERCENT = 12


class PerGpu(NamedTuple):
    """What every node with GPUs has at least per GPU, so that GPUs bind first; NICs per whole node."""

    cpu_milli: int
    memory_mib: int
    nics_per_node: int


def per_gpu(fabric: Fabric) -> PerGpu:
    """The smallest CPU and memory per GPU and NICs per node, over the nodes with GPUs."""
    rows = [node for node in fabric.nodes if node.gpu_count]
    return PerGpu(
        cpu_milli=min(floor_div(node.cpu_milli, node.gpu_count) for node in rows),
        memory_mib=min(floor_div(node.memory_mib, node.gpu_count) for node in rows),
        nics_per_node=min(node.nics for node in rows),
    )


class FreeFleet:
    """Free milli of every usable device, by node row, and the watts left under the cap of each rack."""

    def __init__(self, fabric: Fabric) -> None:
        """Start empty: cordoned and failed nodes and unhealthy devices offer nothing."""
        self.fabric = fabric
        self.total_milli = 1000 * int(fabric.gpu_count.sum())
        self.used_milli = 0
        self.free: list[list[int]] = []
        for node in fabric.nodes:
            usable = node.health in (Health.HEALTHY, Health.DEGRADED)
            broken = set(node.unhealthy_gpus)
            self.free.append([1000 * (usable and slot not in broken) for slot in range(node.gpu_count)])
        self.rows = [row for row, devices in enumerate(self.free) if any(devices)]
        racks = fabric.partition("rack")
        self.rack_of = [int(domain) for domain in racks.domain_of]
        caps = {cap.domain: cap.cap_w for cap in fabric.fleet.power_caps if cap.partition == "rack"}
        self.watts = [caps.get(name, 2**53) for name in racks.domain_names]
        for row, domain in enumerate(self.rack_of):
            self.watts[domain] -= int(fabric.idle_power_w[row])
        self.racks: list[list[int]] = [[] for _ in racks.domain_names]
        for row in self.rows:
            self.racks[self.rack_of[row]].append(row)
        self.racks = [rows for rows in self.racks if rows]

    def pick(self, row: int, size_milli: int) -> list[int] | None:
        """Devices for one replica on a node: the fullest that fits a share, else the first idle ones."""
        free = self.free[row]
        if size_milli < 1000:
            fitting = [slot for slot, left in enumerate(free) if left >= size_milli]
            slots = [min(fitting, key=lambda slot: free[slot])] if fitting else []
        else:
            count = size_milli // 1000
            idle = [slot for slot, left in enumerate(free) if left == 1000]
            slots = idle[:count] if len(idle) >= count else []
        woken = sum(1 for slot in slots if free[slot] == 1000)
        power_w = woken * int(self.fabric.gpu_power_w[row])
        return slots if slots and power_w <= self.watts[self.rack_of[row]] else None

    def take(self, row: int, slots: list[int], size_milli: int) -> Replica:
        """Use devices of a node for one replica."""
        milli = min(size_milli, 1000)
        woken = sum(1 for slot in slots if self.free[row][slot] == 1000)
        self.watts[self.rack_of[row]] -= woken * int(self.fabric.gpu_power_w[row])
        for slot in slots:
            self.free[row][slot] -= milli
        self.used_milli += milli * len(slots)
        devices = tuple(Device(index=slot, milli=milli) for slot in slots)
        return Replica(subgroup=MAIN, role=MAIN, node=self.fabric.nodes[row].id, devices=devices)

    def place_one(self, size_milli: int, random: Random, *, everywhere: bool = False) -> list[Replica]:
        """One replica on a node of a random sample (now and then not the fullest: that is what fragments)."""
        rows = self.rows if everywhere else random.sample(self.rows, min(_SAMPLE, len(self.rows)))
        found = [(row, slots) for row in rows if (slots := self.pick(row, size_milli)) is not None]
        if not found:
            return []
        if random.randrange(100) < 65:
            row, slots = min(found, key=lambda pair: sum(self.free[pair[0]]))
        else:
            row, slots = found[0]
        return [self.take(row, slots, size_milli)]

    def place_gang(self, replicas: int, random: Random) -> tuple[int, list[Replica]]:
        """Whole idle nodes of one GPU count, rack after rack from a random one: (GPUs per node, replicas)."""
        start = random.randrange(len(self.racks))
        size = len(self.free[self.racks[start][0]])
        chosen: list[tuple[int, list[int]]] = []
        for turn in range(len(self.racks)):
            for row in self.racks[(start + turn) % len(self.racks)]:
                if len(self.free[row]) == size and (slots := self.pick(row, 1000 * size)) is not None:
                    chosen.append((row, slots))
                if len(chosen) == replicas:
                    return size, self._take_gang(chosen, size)
        return size, []

    def _take_gang(self, chosen: list[tuple[int, list[int]]], size: int) -> list[Replica]:
        """Take all nodes of a gang, or none if together they break the power cap of a rack."""
        need: dict[int, int] = {}
        for row, slots in chosen:
            power_w = len(slots) * int(self.fabric.gpu_power_w[row])
            need[self.rack_of[row]] = need.get(self.rack_of[row], 0) + power_w
        if any(power_w > self.watts[rack] for rack, power_w in need.items()):
            return []
        return [self.take(row, slots, 1000 * size) for row, slots in chosen]


def occupy(
    fleet: FreeFleet, share: float, tenants: list[str], random: Random, *, preemption: bool = False
) -> list[Running]:
    """Place running work until `share` of all GPUs is used, or nothing more fits.

    `preemption`: some of it may be moved or evicted.
    """
    target = int(share * fleet.total_milli)
    amounts = per_gpu(fleet.fabric)
    largest = 1000 * max(len(devices) for devices in fleet.free)
    most_nodes = max(1, len(fleet.rows) // 8)
    running: list[Running] = []
    misses = 0
    while fleet.used_milli < target and misses < 400:
        left = target - fleet.used_milli
        replicas: list[Replica] = []
        size = min(random.choices(_SIZES_MILLI, _SIZE_WEIGHTS)[0], largest)
        gang = min(random.choice((2, 2, 3, 4, 4, 8, 16)), most_nodes)
        if random.randrange(100) < _GANG_PERCENT and gang > 1 and gang * largest <= left:
            gpus, replicas = fleet.place_gang(gang, random)
            size = 1000 * gpus
        else:
            while size > max(left, _SIZES_MILLI[0]):
                size = _SIZES_MILLI[_SIZES_MILLI.index(size) - 1]
            # After many misses the fleet is nearly full: look at every node for the smallest pieces.
            replicas = fleet.place_one(size, random, everywhere=misses > 50)
        misses = 0 if replicas else misses + 1
        if replicas:
            running.append(
                _running(f"run-{len(running):06d}", size, replicas, amounts, tenants, random, preemption=preemption)
            )
    return running


def _running(
    name: str,
    size_milli: int,
    replicas: list[Replica],
    amounts: PerGpu,
    tenants: list[str],
    random: Random,
    *,
    preemption: bool,
) -> Running:
    """Dress placed replicas as a workload with an age, an end and a price of being moved."""
    gang = len(replicas) > 1
    share = random.choice((25, 50, 75)) * size_milli
    role = Role(
        name=MAIN,
        replicas=len(replicas),
        gpus=size_milli // 1000,
        gpu_milli=size_milli % 1000,
        cpu_milli=floor_div(amounts.cpu_milli * share, 100_000),
        memory_mib=floor_div(amounts.memory_mib * share, 100_000),
    )
    if gang:
        kind = Kind.TRAINING
    elif size_milli < 1000:
        kind = random.choice((Kind.INFERENCE, Kind.EMBEDDING))
    else:
        kind = random.choice((Kind.FINE_TUNE, Kind.INFERENCE, Kind.BATCH_INFERENCE))
    tier = random.choices((0, 1, 2, 3), (10, 50, 30, 10))[0]
    age_s = random.randrange(600, 3 * 86_400)
    rest_s = random.randrange(600, 2 * 86_400)
    workload = Workload(
        id=name,
        kind=kind,
        tenant=random.choice(tenants),
        tier=tier,
        subgroups=(Subgroup(name=MAIN, roles=(role,)),),
        proximity=Proximity(level="rack", mode="prefer") if gang else None,
        labels={"app": random.choice(("chat", "search", "rank", "vision", "lab"))},
        expected_duration_s=age_s + rest_s,
        message_mib=random.choice((64, 256, 1024)) if gang else 0,
    )
    return Running(
        workload=workload,
        replicas=tuple(replicas),
        start_s=NOW_S - age_s,
        expected_end_s=NOW_S + rest_s,
        last_checkpoint_s=NOW_S - random.randrange(0, min(age_s, 7200)) if kind is Kind.TRAINING else None,
        restart_cost_micro_usd=len(replicas) * size_milli * random.randrange(200, 1500),
        movable=random.randrange(100) < 30 and preemption,
        evictable=tier >= 2 and random.randrange(100) < 50 and preemption,
    )
