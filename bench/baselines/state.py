"""Free amounts of a fleet as arrays, and what one replica asks of one node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["WHOLE", "Bools", "Demand", "Floats", "Ints", "NodeState"]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

WHOLE = 1000
"""Milli of a whole device."""


class Demand(NamedTuple):
    """What one replica takes from one node.

    `milli` of each of `devices` devices: below 1000 only with one device. `models` are codes of `NodeState.model`,
    none = any. `memory_per_device_mib` is what each device must have.
    """

    cpu: int
    memory: int
    devices: int
    milli: int
    models: tuple[int, ...] = ()
    nics: int = 0
    memory_per_device_mib: int = 0

    @property
    def total_milli(self) -> int:
        """GPU milli over all devices."""
        return self.devices * self.milli

    @property
    def way(self) -> int:
        """How GPUs are asked for: the number of whole ones, 0 for a share of one."""
        return self.devices if self.milli == WHOLE else 0


@dataclass
class NodeState:
    """What is free on N nodes of at most D devices; rows stand in the order that breaks ties. Made of idle nodes."""

    cpu: Ints
    """int64[N], milli-cores."""
    memory: Ints
    """int64[N], MiB."""
    nics: Ints
    """int64[N]."""
    device: Ints
    """int64[N, D], free milli of each device; 0 where there is none."""
    model: Ints
    """int64[N], code of the GPU model; -1 where there is no GPU."""
    device_memory: Ints
    """int64[N], MiB that each device of the node has."""

    def __post_init__(self) -> None:
        """Count what the idle nodes offer: the unit of shares in scores."""
        self.milli: Ints = self.device.sum(axis=1)
        """int64[N], free milli of all devices."""
        self.count: Ints = (self.device > 0).sum(axis=1)
        """int64[N], devices that the idle node offers."""
        self.hosted: Ints = np.zeros((self.cpu.size, self.device.shape[1] + 1), np.int64)
        """int64[N, D + 1], replicas with GPUs on the node by `Demand.way`."""
        self.most_cpu = max(1, int(self.cpu.max(initial=1)))
        self.most_milli = max(1, int(self.milli.max(initial=1)))

    def fits(self, demand: Demand, rows: Ints | slice) -> Bools:
        """Which of the rows can host the demand now."""
        fits: Bools = (self.cpu[rows] >= demand.cpu) & (self.memory[rows] >= demand.memory)
        if demand.nics:
            fits &= self.nics[rows] >= demand.nics
        if demand.devices == 1:
            fits &= self.device[rows].max(axis=1) >= demand.milli
        elif demand.devices:
            fits &= (self.device[rows] == WHOLE).sum(axis=1) >= demand.devices
        if demand.devices:
            if demand.models:
                fits &= np.isin(self.model[rows], demand.models)
            if demand.memory_per_device_mib:
                fits &= self.device_memory[rows] >= demand.memory_per_device_mib
        return fits

    def whole_devices(self, row: int, count: int) -> tuple[int, ...]:
        """The fully idle devices of lowest index."""
        return tuple(np.flatnonzero(self.device[row] == WHOLE)[:count].tolist())

    def fullest_device(self, row: int, milli: int) -> int:
        """The device with the least free milli that still holds so many; the first on ties."""
        free = self.device[row]
        return int(np.argmin(np.where(free >= milli, free, WHOLE + 1)))

    def take(self, row: int, devices: tuple[int, ...], demand: Demand, sign: int = 1) -> None:
        """Occupy the devices and the resources of a node; `sign` -1 gives them back."""
        self.cpu[row] -= sign * demand.cpu
        self.memory[row] -= sign * demand.memory
        self.nics[row] -= sign * demand.nics
        for device in devices:
            self.device[row, device] -= sign * demand.milli
        self.milli[row] -= sign * demand.total_milli
        if demand.devices:
            self.hosted[row, demand.way] += sign
