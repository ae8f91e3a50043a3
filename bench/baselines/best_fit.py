"""Best-fit: the node that is left with least."""

from __future__ import annotations

import numpy as np

from bench.baselines.state import Demand, Ints, NodeState

__all__ = ["BestFit", "fullest_devices"]


class BestFit:
    """int(100 x (1 - (free cpu after / largest cpu + free milli after / largest milli) / 2)).

    Largest: of any node of the fleet when it was read. A share goes to the fullest device that fits.
    """

    name = "best-fit"

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Scores from 0 to 100."""
        cpu = (state.cpu[rows] - demand.cpu) / state.most_cpu
        milli = (state.milli[rows] - demand.total_milli) / state.most_milli
        return (100 * (1 - (cpu + milli) / 2)).astype(np.int64)

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The fullest device that fits, or the whole ones of lowest index."""
        return fullest_devices(state, demand, row)


def fullest_devices(state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
    """A share on the fullest device that fits, the first on ties; whole devices of lowest index."""
    if demand.devices == 1:
        return (state.fullest_device(row, demand.milli),)
    return state.whole_devices(row, demand.devices)
