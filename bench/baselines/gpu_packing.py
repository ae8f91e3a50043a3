"""GPU packing: occupied GPUs first, then idle GPUs of occupied nodes, then idle nodes.

Source: the description of the method in Weng et al., USENIX ATC 2023, section 6, and in Weng et al., "MLaaS in the
Wild", NSDI 2022. Neither tells how equal nodes are ordered: here the one with less idle milli goes first, and work
without GPUs, which packs no GPU, takes the first node.
"""

from __future__ import annotations

import numpy as np

from bench.baselines.best_fit import fullest_devices
from bench.baselines.state import WHOLE, Demand, Ints, NodeState

__all__ = ["GpuPacking"]

_LEVEL = 100_000
"""More than the milli of any node."""


class GpuPacking:
    """Three levels; within the first the least milli left on the device, within the others on the node.

    A node is occupied if a device of it is in use.
    """

    name = "GPU packing"

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Three bands of scores, one per level."""
        if not demand.devices:
            return np.zeros(rows.size, np.int64)
        device = state.device[rows]
        occupied = (device == WHOLE).sum(axis=1) < state.count[rows]
        score: Ints = np.where(occupied, _LEVEL, 0) + _LEVEL - 1 - state.milli[rows]
        if demand.devices == 1 and demand.milli < WHOLE:
            shared = np.where((device >= demand.milli) & (device < WHOLE), device, WHOLE).min(axis=1)
            score = np.where(shared < WHOLE, 3 * _LEVEL - 1 - shared, score)
        return score

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The fullest device that fits, or the whole ones of lowest index."""
        return fullest_devices(state, demand, row)
