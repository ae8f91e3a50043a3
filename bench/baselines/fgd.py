"""Fragmentation gradient descent (FGD): place where the fragments of the node grow least.

Source: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent",
USENIX ATC 2023, sections 3 and 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from bench.baselines.scoring import ByTrials
from bench.baselines.state import WHOLE, Bools, Demand, Floats, Ints, NodeState

__all__ = ["Fgd", "typical"]


class Fgd(ByTrials):
    """Score = int(100 x sigmoid((fragment before - fragment after) / 1000)), fragments in GPU milli.

    The fragment of a node = sum over typical classes of share x
    (all idle milli, if the class asks for no GPU or the node cannot host one replica of it by model, CPU or devices;
    else the idle milli of the devices with less left than the class asks of a device).

    A share tries every device and takes the one of the best score, the first on ties. Memory is no part of the
    measure, as in the paper.

    The truncation makes the last bit of a fragment matter: moves that change nothing score 50 or 49. So the sum runs
    as in the paper, over the kinds of fragments first (no access by model, too little of CPU, of devices, of both, no
    GPU asked), in the order of the classes. Another order moves the allocation by up to 0.2 points on one sequence.
    """

    name = "FGD"

    def __init__(self, classes: Sequence[tuple[Demand, float]], models: int) -> None:
        """`classes`: the expected demands with their shares; `models`: number of model codes."""
        column = np.array([[one.cpu, one.devices, one.milli] for one, _ in classes], np.int64).reshape(-1, 3)
        self._cpu, self._devices, milli = (column[:, [at]] for at in range(3))
        self._share: Floats = np.array([[share] for _, share in classes])
        # The last column stands for nodes without a GPU (code -1).
        self._allowed: Bools = np.array(
            [[not one.models or code in one.models for code in range(models)] + [False] for one, _ in classes]
        )
        left = np.arange(WHOLE + 1)
        self._usable: Ints = np.where((left >= milli) & (self._devices > 0), left, 0)
        """[class, milli left on a device] -> milli that the class could use of it."""

    def fragment(self, state: NodeState, rows: Ints) -> Floats:
        """GPU milli of each row that the expected mix cannot use."""
        return self._fragment(state.cpu[rows], state.model[rows], state.device[rows])

    def trials(self, state: NodeState, demand: Demand, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Ways to place on the rows: index into `rows`, device (of a share), score. Equal devices are tried once."""
        device, cpu = state.device[rows], state.cpu[rows] - demand.cpu
        before = self.fragment(state, rows)
        at = np.arange(rows.size)
        chosen = np.zeros_like(at)
        left = device.copy()
        if demand.devices == 1:
            earlier = np.tril(np.ones((device.shape[1],) * 2, np.bool_), -1)
            again = ((device[:, :, None] == device[:, None, :]) & earlier).any(axis=2)
            at, chosen = np.nonzero((device >= demand.milli) & ~again)
            left = device[at]
            left[np.arange(at.size), chosen] -= demand.milli
        elif demand.devices:
            left[(device == WHOLE) & (np.cumsum(device == WHOLE, axis=1) <= demand.devices)] = 0
        gain = before[at] - self._fragment(cpu[at], state.model[rows][at], left)
        return at, chosen, (100 / (1 + np.exp(-gain / 1000))).astype(np.int64)

    def _fragment(self, cpu: Ints, model: Ints, device: Ints) -> Floats:
        """float[K] of K node states: `cpu`, `model` are [K], `device` is [K, D]."""
        idle = device.sum(axis=1)
        usable = sum(self._usable[:, device[:, slot]] for slot in range(device.shape[1]))
        whole = (device == WHOLE).sum(axis=1)
        access = self._allowed[:, model]
        enough_cpu = cpu >= self._cpu
        room = (usable > 0) & ((whole >= self._devices) | (self._devices < 2))
        none = self._devices == 0
        asks = access & ~none
        lost = idle * self._share
        small = (idle - usable) * self._share
        total = np.zeros(cpu.size)
        few_devices = np.where(asks & enough_cpu, np.where(room, small, lost), 0.0)
        kinds = (
            np.where(asks & ~enough_cpu & ~room, lost, 0.0),
            few_devices,
            np.where(none & enough_cpu, lost, 0.0),
            np.where(none & ~enough_cpu, lost, 0.0),
            np.where(~access & ~none, lost, 0.0),
            np.where(asks & ~enough_cpu & room, lost, 0.0),
        )
        total = np.zeros(cpu.size)
        for kind in kinds:
            # A sum over the first axis adds row by row, in the order of the classes.
            total += kind.sum(axis=0)
        return total


def typical(demands: Iterable[Demand], percent: int = 95, *, memory: bool = False) -> list[tuple[Demand, float]]:
    """The most frequent demands that make up `percent` of the list, shares normalised to 1.

    Memory tells classes apart only if asked to, the order in which models are named does. Of equally frequent classes
    those that insist on models come first, then those seen first.
    """
    counts = Counter(demand if memory else demand._replace(memory=0) for demand in demands)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], not one[0].models))
    total, reached, found = sum(counts.values()), 0, []
    for demand, count in ordered:
        found.append((demand, count))
        reached += count
        if 100 * reached >= percent * total:
            break
    return [(demand, count / reached) for demand, count in found]
