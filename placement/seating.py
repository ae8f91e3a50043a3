"""Devices for placements that name nodes only, as other schedulers report them."""

from __future__ import annotations

from collections.abc import Iterator

from placement.model import Device, PlacedReplica, Placement, Role
from placement.snapshot import Snapshot
from placement.units import MILLI
from solver.pack import pack_bin

__all__ = ["with_devices"]

_Spot = tuple[int, int]
"""(row of the placement, row of the replica)."""


def with_devices(snapshot: Snapshot, placements: tuple[Placement, ...]) -> tuple[Placement, ...]:
    """The placements with devices for every replica that asks for GPUs and names none.

    Per node an assignment is found if there is one (exact search over its devices); where there is none the replicas
    stay without, which the check then reports. Unknown names are left for the check as well.
    """
    roles = {
        (w.id, sub.name, role.name): role for w in snapshot.case.workloads for sub in w.subgroups for role in sub.roles
    }
    free = {row: devices.tolist() for row, devices in enumerate(snapshot.usage.free_devices)}
    bare: dict[int, list[tuple[_Spot, Role]]] = {}
    for spot, replica, workload in _replicas(placements):
        node = snapshot.fabric.index.get(replica.node)
        role = roles.get((workload, replica.subgroup, replica.role))
        if node is None or role is None:
            continue
        for device in replica.devices:
            if device.index < len(free[node]):
                free[node][device.index] = max(0, free[node][device.index] - device.milli)
        if not replica.devices and (role.gpus or role.gpu_milli):
            bare.setdefault(node, []).append((spot, role))
    found: dict[_Spot, tuple[Device, ...]] = {}
    for node, asking in bare.items():
        found.update(_seat(free[node], asking))
    return tuple(
        placement.model_copy(
            update={
                "replicas": tuple(
                    replica.model_copy(update={"devices": found[row, at]}) if (row, at) in found else replica
                    for at, replica in enumerate(placement.replicas)
                )
            }
        )
        for row, placement in enumerate(placements)
    )


def _replicas(placements: tuple[Placement, ...]) -> Iterator[tuple[_Spot, PlacedReplica, str]]:
    for row, placement in enumerate(placements):
        for at, replica in enumerate(placement.replicas):
            yield (row, at), replica, placement.workload


def _seat(free: list[int], asking: list[tuple[_Spot, Role]]) -> dict[_Spot, tuple[Device, ...]]:
    shares = [(spot, role.gpu_milli) for spot, role in asking if 0 < role.gpu_milli < MILLI]
    whole = [(spot, role.gpus or 1) for spot, role in asking if role.gpus or role.gpu_milli == MILLI]
    seats = pack_bin(free, sum(count for _, count in whole), [milli for _, milli in shares])
    if seats is None:
        return {}
    found: dict[_Spot, tuple[Device, ...]] = {
        spot: (Device(index=device, milli=milli),) for (spot, milli), device in zip(shares, seats, strict=True)
    }
    idle = iter(d for d, left in enumerate(free) if left == MILLI and d not in set(seats))
    for spot, count in whole:
        found[spot] = tuple(Device(index=next(idle), milli=MILLI) for _ in range(count))
    return found
