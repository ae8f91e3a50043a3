"""First-fit: the first node that fits."""

from __future__ import annotations

import numpy as np

from bench.baselines.state import Demand, Ints, NodeState

__all__ = ["FirstFit"]


class FirstFit:
    """All nodes score alike, so the first row wins; a share goes to the first device that holds it."""

    name = "first-fit"

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Zeros."""
        return np.zeros(rows.size, np.int64)

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The devices of lowest index."""
        if demand.devices == 1:
            return (int(np.argmax(state.device[row] >= demand.milli)),)
        return state.whole_devices(row, demand.devices)
