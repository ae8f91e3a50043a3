"""Suite `philly`: moments of the Philly job list on a synthetic fleet: tenants, gangs, arrivals in order."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from bench.instance import CaseInstance, Spec
from bench.suite import Grid, MakeMethod, Suite, data_file, points
from placement.cases.occupancy import MAIN, NOW_S, FreeFleet, per_gpu
from placement.errors import InputError
from placement.model import Case, Kind, Replica, Role, Running, Subgroup, Tenant, Workload
from topology.fabric import Fabric
from topology.synth import synth_fleet

__all__ = ["Job", "philly", "philly_case", "read_jobs"]

_NODE_GPUS = 8


@dataclass(frozen=True)
class Job:
    """One line of the list, in seconds since the first arrival."""

    name: str
    tenant: str
    gpus: int
    start_s: int
    duration_s: int


def philly(methods: Mapping[str, MakeMethod]) -> Suite:
    """Fleets on which tenants compete: the jobs of the list keep 626 GPUs busy in the median."""
    return Suite(
        name="philly",
        about="moments of the Philly job list on 64 or 128 HGX nodes: tenants and arrivals in order (needs data)",
        grid={"nodes": (64, 128), "occupancy": (0.7,), "pending": (50, 200), "seed": tuple(range(10))},
        quick={"nodes": (64,), "pending": (50,), "seed": (0, 1)},
        specs=_specs,
        methods=methods,
        limits_s=(1.0, 10.0),
        quick_limits_s=(2.0,),
        needs_data=True,
        tiers=("refused work", "fairness", "money"),
    )


def _specs(data: Path | None, grid: Grid) -> list[Spec]:
    path = data_file(data, "workloads/philly_jobs.csv.gz")
    return [Spec(point, partial(_made, path, point)) for point in points(grid)]


def _made(path: Path, point: Mapping[str, Any]) -> CaseInstance:
    key = (point["nodes"], point["occupancy"], point["pending"], point["seed"])
    return CaseInstance(philly_case(read_jobs(path), *key))


def read_jobs(path: Path) -> list[Job]:
    """The jobs in order of arrival; InputError if the file cannot be read."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        told = [
            (datetime.fromisoformat(row["timestamp"]), number, row["cluster"], int(row["num_gpus"]), row["duration"])
            for number, row in enumerate(rows)
        ]
        told.sort()
        return [
            Job(f"philly-{number:05d}", tenant, gpus, int((at - told[0][0]).total_seconds()), int(float(duration)))
            for at, number, tenant, gpus, duration in told
        ]
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise InputError(path.name, f"it is no such job list: {error}", "use the file as published") from None


def philly_case(jobs: list[Job], nodes: int, occupancy: float, pending: int, seed: int) -> Case:
    """The moment before a seeded arrival of the middle third of the list.

    Of the jobs that run then in the list the oldest run here, first-fit in order of arrival, until `occupancy` of the
    GPUs are used; the others and the next arrivals wait, `pending` in all. A job of more than 8 GPUs is a gang of whole
    nodes (of 4 GPUs each where 8 do not divide it). Durations are those of the list; every virtual cluster is a tenant
    of the same weight.
    """
    fabric = Fabric.from_fleet(synth_fleet("hgx", nodes, seed))
    first = Random(f"philly/{seed}").randrange(len(jobs) // 3, 2 * len(jobs) // 3)
    now_s = jobs[first].start_s
    free = FreeFleet(fabric)
    running, waiting = [], []
    for job in jobs[:first]:
        if job.start_s + job.duration_s > now_s:
            workload = _workload(job, fabric)
            full = free.used_milli >= occupancy * free.total_milli
            replicas = () if full else _seats(free, workload.subgroups[0].roles[0])
            if replicas:
                start_s = NOW_S - (now_s - job.start_s)
                ended = start_s + job.duration_s
                running.append(Running(workload=workload, replicas=replicas, start_s=start_s, expected_end_s=ended))
            else:
                waiting.append(job)
    waiting = [*waiting, *jobs[first : first + pending]][:pending]
    return Case(
        fleet=fabric.fleet,
        workloads=tuple(_workload(job, fabric) for job in waiting),
        running=tuple(running),
        tenants=tuple(Tenant(name=name) for name in sorted({job.tenant for job in jobs})),
        seed=seed,
        now_s=NOW_S,
    )


def _workload(job: Job, fabric: Fabric) -> Workload:
    each = min(job.gpus, _NODE_GPUS) if job.gpus <= _NODE_GPUS or job.gpus % _NODE_GPUS == 0 else 4
    amounts = per_gpu(fabric)
    role = Role(
        name=MAIN,
        replicas=max(1, job.gpus // each),
        gpus=each,
        cpu_milli=amounts.cpu_milli * each // 2,
        memory_mib=amounts.memory_mib * each // 2,
    )
    return Workload(
        id=job.name,
        kind=Kind.TRAINING,
        tenant=job.tenant,
        subgroups=(Subgroup(name=MAIN, roles=(role,)),),
        expected_duration_s=job.duration_s,
    )


def _seats(free: FreeFleet, role: Role) -> tuple[Replica, ...]:
    """First-fit of all replicas, none if they do not all fit; a gang of whole nodes takes a node each."""
    chosen: list[tuple[int, list[int]]] = []
    for row in free.rows:
        slots = free.pick(row, 1000 * role.gpus)
        if slots is not None:
            chosen.append((row, slots))
        if len(chosen) == role.replicas:
            return tuple(free.take(at, devices, 1000 * role.gpus) for at, devices in chosen)
    return ()
