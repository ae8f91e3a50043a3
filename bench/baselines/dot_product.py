"""Dot-product: avoid nodes whose free amounts point the same way as the demand."""

from __future__ import annotations

import numpy as np

from bench.baselines.best_fit import fullest_devices
from bench.baselines.state import Demand, Ints, NodeState

__all__ = ["DotProduct"]


class DotProduct:
    """int(100 x (1 - (free cpu x cpu + free milli x milli) / 2)), each as a share of the largest node's amount."""

    name = "dot-product"

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Scores from 0 to 100."""
        cpu = state.cpu[rows] / state.most_cpu * (demand.cpu / state.most_cpu)
        milli = state.milli[rows] / state.most_milli * (demand.total_milli / state.most_milli)
        return (100 * (1 - (cpu + milli) / 2)).astype(np.int64)

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The fullest device that fits, or the whole ones of lowest index."""
        return fullest_devices(state, demand, row)
