"""GPU clustering: beside work that asks for GPUs in the same way.

Source: the description of the method in Weng et al., USENIX ATC 2023, section 6 (after Xiao et al., "Gandiva", OSDI
2018). It does not tell what "the same" is for shares of a GPU: here they are one way, and every number of whole GPUs
is another. Work without GPUs takes the first node.
"""

from __future__ import annotations

import numpy as np

from bench.baselines.best_fit import fullest_devices
from bench.baselines.state import Demand, Ints, NodeState

__all__ = ["GpuClustering"]

_LEVEL = 100_000
"""More than the milli of any node."""


class GpuClustering:
    """Nodes that host work of the same way first, then nodes without GPU work, then the others; each fullest first.

    A node counts for every way that it hosts.
    """

    name = "GPU clustering"

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Three bands of scores, one per level."""
        if not demand.devices:
            return np.zeros(rows.size, np.int64)
        hosted = state.hosted[rows]
        level = np.where(hosted[:, demand.way] > 0, 2, np.where(hosted.any(axis=1), 0, 1))
        score: Ints = level * _LEVEL + _LEVEL - 1 - state.milli[rows]
        return score

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The fullest device that fits, or the whole ones of lowest index."""
        return fullest_devices(state, demand, row)
