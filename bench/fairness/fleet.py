"""The fleet of the replay: equal nodes of 8 GPUs in racks of 10, and what is free on them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.suites.philly import Job
from topology.model import Fleet, Level, Node

__all__ = ["NODE_GPUS", "Free", "Seat", "fleet_of", "shape"]

NODE_GPUS = 8
_RACK_NODES = 10


@dataclass(frozen=True)
class Seat:
    """GPUs of one node that one replica holds."""

    node: int
    devices: tuple[int, ...]


def fleet_of(nodes: int) -> Fleet:
    """So many nodes of 8 GPUs; CPU and memory are never short."""
    return Fleet(
        name=f"fairness-{nodes}",
        levels=(Level(name="rack", latency_us=5, bandwidth_gbps=3200),),
        nodes=tuple(
            Node(
                id=f"n{row:03d}",
                path={"rack": f"r{row // _RACK_NODES:02d}"},
                gpu_model="P100",
                gpu_count=NODE_GPUS,
                cpu_milli=64_000,
                memory_mib=524_288,
            )
            for row in range(nodes)
        ),
    )


def shape(job: Job) -> tuple[int, int]:
    """(replicas, GPUs of each): up to 8 GPUs in one node, more in whole nodes, or of 4 where 8 do not divide it."""
    each = min(job.gpus, NODE_GPUS) if job.gpus <= NODE_GPUS or job.gpus % NODE_GPUS == 0 else NODE_GPUS // 2
    return max(1, job.gpus // each), each


class Free:
    """Free GPUs of every node."""

    def __init__(self, nodes: int) -> None:
        """All are free."""
        self.nodes = [list(range(NODE_GPUS)) for _ in range(nodes)]

    @property
    def count(self) -> int:
        """All that are free."""
        return sum(len(devices) for devices in self.nodes)

    def find(self, job: Job) -> tuple[Seat, ...] | None:
        """Best-fit of all replicas of a job; None if they do not fit."""
        replicas, each = shape(job)
        left = {row: len(devices) for row, devices in enumerate(self.nodes) if len(devices) >= each}
        used: dict[int, int] = {}
        seats = []
        for _ in range(replicas):
            row = min((r for r in left if left[r] >= each), key=lambda r: (left[r], r), default=None)
            if row is None:
                return None
            first = used.get(row, 0)
            seats.append(Seat(row, tuple(self.nodes[row][first : first + each])))
            used[row] = first + each
            left[row] -= each
        return tuple(seats)

    def take(self, seats: tuple[Seat, ...]) -> None:
        """Occupy GPUs that are free; ValueError if one is not."""
        for seat in seats:
            for device in seat.devices:
                self.nodes[seat.node].remove(device)

    def give(self, seats: tuple[Seat, ...]) -> None:
        """Give GPUs back."""
        for seat in seats:
            self.nodes[seat.node] = sorted((*self.nodes[seat.node], *seat.devices))
