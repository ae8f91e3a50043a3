"""Placements and running work joined with what they speak of: the ground of every native oracle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from placement.errors import InputError
from placement.model.case import Case
from placement.model.decision import Placement
from placement.model.state import Device, Running
from placement.model.workload import Role, Workload
from placement.units import MILLI
from topology.fabric import Fabric

__all__ = ["Idle", "Seated", "Settled", "idle_now", "pending_seats", "running_seats", "seats_of", "settled"]


_Ints: TypeAlias = NDArray[np.int64]


class Idle(NamedTuple):
    """What is free on the nodes, never below zero, and what running work holds.

    `devices` int64[N, D] free milli of healthy devices, `resources` int64[N, 3] (CPU milli, MiB, NICs), `used` milli.
    """

    devices: _Ints
    resources: _Ints
    used: _Ints


@dataclass(frozen=True)
class Seated:
    """One replica in its place: `node` is a row of the fabric."""

    workload: Workload
    subgroup: str
    role: Role
    node: int
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class Settled:
    """One workload and the seats of its replicas."""

    workload: Workload
    seats: tuple[Seated, ...]

    def domains(self, fabric: Fabric, level: str) -> set[int]:
        """Domains of a level in which the workload has a replica."""
        labels = fabric.partition(level).domain_of
        return {int(labels[seat.node]) for seat in self.seats}


def settled(case: Case, fabric: Fabric, placements: tuple[Placement, ...]) -> tuple[Settled, ...]:
    """The placed pending workloads in order of their ids; InputError for names that do not exist."""
    workloads = {workload.id: workload for workload in case.workloads}
    found = []
    for row, placement in enumerate(placements):
        workload = workloads.get(placement.workload)
        if workload is None:
            raise InputError(
                f"placements[{row}].workload",
                f"{placement.workload!r} is not pending in this case",
                "name a pending workload",
            )
        roles = {(sub.name, role.name): role for sub in workload.subgroups for role in sub.roles}
        seats = []
        for at, replica in enumerate(placement.replicas):
            role = roles.get((replica.subgroup, replica.role))
            field = f"placements[{row}].replicas[{at}]"
            if role is None:
                raise InputError(
                    f"{field}.role",
                    f"{workload.id!r} has no role {replica.role!r} in subgroup {replica.subgroup!r}",
                    "name a subgroup and a role of the workload",
                )
            node = fabric.index.get(replica.node)
            if node is None:
                raise InputError(f"{field}.node", f"there is no node {replica.node!r}", "name a node")
            seats.append(Seated(workload, replica.subgroup, role, node, replica.devices))
        found.append(Settled(workload, tuple(seats)))
    return tuple(sorted(found, key=lambda one: one.workload.id))


def pending_seats(case: Case, fabric: Fabric, placements: tuple[Placement, ...]) -> Iterator[Seated]:
    """All replicas of the placed pending workloads."""
    for one in settled(case, fabric, placements):
        yield from one.seats


def running_seats(case: Case, fabric: Fabric) -> tuple[Settled, ...]:
    """The running work of a case in order of ids."""
    return seats_of(case.running, fabric)


def seats_of(work: Iterable[Running], fabric: Fabric) -> tuple[Settled, ...]:
    """Running work in order of ids."""
    found = []
    for running in work:
        roles = {(sub.name, role.name): role for sub in running.workload.subgroups for role in sub.roles}
        seats = tuple(
            Seated(
                running.workload,
                replica.subgroup,
                roles[replica.subgroup, replica.role],
                fabric.index[replica.node],
                replica.devices,
            )
            for replica in running.replicas
        )
        found.append(Settled(running.workload, seats))
    return tuple(sorted(found, key=lambda one: one.workload.id))


def idle_now(case: Case, fabric: Fabric) -> Idle:
    """What is free beside the running work, read from the documents alone."""
    devices = np.zeros((len(fabric.nodes), int(fabric.gpu_count.max(initial=0))), np.int64)
    for row, node in enumerate(fabric.nodes):
        for index in set(range(node.gpu_count)) - set(node.unhealthy_gpus):
            devices[row, index] = MILLI
    left = np.stack([fabric.cpu_milli, fabric.memory_mib, fabric.nics], axis=1)
    used = np.zeros_like(devices)
    for one in running_seats(case, fabric):
        for seat in one.seats:
            for device in seat.devices:
                used[seat.node, device.index] += device.milli
            left[seat.node] -= (seat.role.cpu_milli, seat.role.memory_mib, seat.role.nics)
    return Idle(np.maximum(devices - used, 0), np.maximum(left, 0), used)
