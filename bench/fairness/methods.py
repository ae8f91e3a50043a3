"""Who starts next: first in first out, dominant resource fairness by water filling, and `decide`."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.fairness.fleet import Free, Seat, fleet_of, shape
from bench.requirements import requirements
from bench.suites.philly import Job
from placement.engine import decide
from placement.model import (
    Case,
    Device,
    Placement,
    Policy,
    Replica,
    Role,
    RuleSpec,
    Running,
    Subgroup,
    Tenant,
    Workload,
    default_policy,
)
from placement.snapshot import Snapshot
from solver.workers import Workers
from topology.fabric import Fabric

__all__ = ["Drf", "Fifo", "Moment", "Ours", "Sharing"]

_MOST_EACH = 64
"""Most waiting jobs of one tenant that `decide` is shown at once."""
_LEVELS = ((25, 5), (50, 10), (100, 20))
"""Per cent of what is due in tiers 1, 2 and 3, and the steps on the way there."""
_PRIORITY, _MOST_PRIORITY = 100, 1000
Started = list[tuple[Job, tuple[Seat, ...]]]


@dataclass
class Moment:
    """What a method sees: waiting jobs by tenant, the oldest first; what is free; who runs where."""

    now_s: int
    waiting: Mapping[str, deque[Job]]
    free: Free
    running: Mapping[str, tuple[Job, tuple[Seat, ...], int]]
    """By job: the job, its seats, its start in seconds."""
    used: Mapping[str, int]
    """GPUs by tenant."""


class Sharing(Protocol):
    """A method. It must not change what it sees."""

    @property
    def name(self) -> str:
        """As the tables call it."""

    def start(self, moment: Moment) -> Started:
        """Jobs to start now, with free seats."""


class Fifo:
    """All tenants in one line; who does not fit makes all behind wait."""

    name = "fifo"

    def start(self, moment: Moment) -> Started:
        """From the head of the line on, best-fit."""
        line = heapq.merge(*moment.waiting.values(), key=lambda job: (job.start_s, job.name))
        free = _copied(moment.free)
        started: Started = []
        for job in line:
            seats = free.find(job)
            if seats is None:
                break
            free.take(seats)
            started.append((job, seats))
        return started


@dataclass(frozen=True)
class Drf:
    """Progressive filling: again and again the tenant with the least dominant share starts its oldest job.

    A tenant whose oldest job does not fit waits for the next moment; with `backfill` it starts the oldest that fits.
    """

    backfill: bool = False

    @property
    def name(self) -> str:
        """Two methods."""
        return "drf-backfill" if self.backfill else "drf"

    def start(self, moment: Moment) -> Started:
        """Best-fit."""
        free = _copied(moment.free)
        started: Started = []
        used = {name: moment.used.get(name, 0) for name in moment.waiting}
        lines = {name: iter(jobs) for name, jobs in moment.waiting.items()}
        too_large: dict[str, set[int]] = {name: set() for name in lines}
        while lines:
            name = min(lines, key=lambda one: (used[one], one))
            job = next((job for job in lines[name] if job.gpus not in too_large[name]), None)
            if job is None:
                del lines[name]
                continue
            seats = free.find(job)
            if seats is not None:
                free.take(seats)
                used[name] += job.gpus
                started.append((job, seats))
            elif self.backfill:
                too_large[name].add(job.gpus)
            else:
                del lines[name]
        return started


@dataclass
class Ours:
    """`decide` on what runs and on the oldest jobs of every tenant, as many as could use all that is free.

    `fair_first`: fair shares before all else (tiers 1 to 3: up to 25, 50 and 100 % of what tenants are due, each in
    steps of 5 %), then no GPU idle and who waits longest; otherwise the default policy, with refused work first.
    """

    nodes: int
    workers: Workers
    batch_ms: int
    tenants: tuple[str, ...]
    fair_first: bool
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Compile the fleet once."""
        self.name = "moorage-fair-first" if self.fair_first else "moorage"
        self._fabric = Fabric.from_fleet(fleet_of(self.nodes))
        self._policy = _fair_first() if self.fair_first else default_policy()
        self._tenants = tuple(Tenant(name=name) for name in self.tenants)
        self.proven = 0
        """Decisions in which every tier was proven."""
        self.took_ms: list[float] = []
        """Time of every decision, the fleet compiled before."""

    def start(self, moment: Moment) -> Started:
        """Nothing is asked while no GPU is free: running work is not disturbed."""
        room = moment.free.count
        shown = {job.name: job for jobs in moment.waiting.values() for job in _oldest(jobs, moment.free)}
        if not room or not shown:
            return []
        case = Case(
            fleet=self._fabric.fleet,
            workloads=tuple(self._pending(job, moment.now_s) for job in shown.values()),
            running=tuple(self._running(*one) for one in moment.running.values()),
            tenants=self._tenants,
            policy=self._policy,
            now_s=moment.now_s,
        )
        began = time.monotonic()
        end = began + self.batch_ms / 1e3
        decision = decide(Snapshot.of(case, self._fabric), clock=time.monotonic, workers=self.workers, deadline=end)
        self.took_ms.append((time.monotonic() - began) * 1e3)
        self.proven += decision.gap_tier is None
        return [(shown[placement.workload], self._seats(placement)) for placement in decision.placements]

    def _pending(self, job: Job, now_s: int) -> Workload:
        """A waiting job; the longer it waits the dearer, where refused work comes after fair shares."""
        waited_h = (now_s - job.start_s) // 3600
        return _workload(job, min(waited_h, _MOST_PRIORITY) if self.fair_first else _PRIORITY)

    def _seats(self, placement: Placement) -> tuple[Seat, ...]:
        index = self._fabric.index
        return tuple(Seat(index[r.node], tuple(device.index for device in r.devices)) for r in placement.replicas)

    def _running(self, job: Job, seats: tuple[Seat, ...], start_s: int) -> Running:
        replicas = tuple(
            Replica(
                subgroup="main",
                role="main",
                node=self._fabric.nodes[seat.node].id,
                devices=tuple(Device(index=device) for device in seat.devices),
            )
            for seat in seats
        )
        return Running(workload=_workload(job, _PRIORITY), replicas=replicas, start_s=start_s)


def _oldest(jobs: deque[Job], free: Free) -> list[Job]:
    """The first jobs of a line that fit by themselves and together could use what is free."""
    room, total = free.count, 0
    found: list[Job] = []
    fits: dict[int, bool] = {}
    for job in jobs:
        if total >= room or len(found) == _MOST_EACH:
            break
        if job.gpus not in fits:
            fits[job.gpus] = free.find(job) is not None
        if fits[job.gpus]:
            found.append(job)
            total += job.gpus
    return found


def _workload(job: Job, priority: int) -> Workload:
    replicas, each = shape(job)
    role = Role(name="main", replicas=replicas, gpus=each)
    return Workload(
        id=job.name, tenant=job.tenant, priority=priority, subgroups=(Subgroup(name="main", roles=(role,)),)
    )


def _fair_first() -> Policy:
    rules = list(requirements())
    for tier, (level, steps) in enumerate(_LEVELS, 1):
        params = {"level_percent": level, "steps": steps}
        rules.append(RuleSpec(name="fairness", mode="prefer", tier=tier, params=params))
    rules.append(RuleSpec(name="refused", mode="prefer", tier=len(_LEVELS) + 1))
    return Policy(name="fair-first", rules=tuple(rules))


def _copied(free: Free) -> Free:
    copy = Free(0)
    copy.nodes = [list(devices) for devices in free.nodes]
    return copy
