"""FGD with slots: how many replicas of the expected mix still fit, not only whether one does.

A proposal for a rule of our own, measured here first. FGD asks "does one fit?": a node with 8 idle devices and CPU for
one replica counts as whole, and 530 idle milli hold one share of 470, not two. Counting slots sees both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.baselines.scoring import ByTrials
from bench.baselines.state import WHOLE, Bools, Demand, Floats, Ints, NodeState

__all__ = ["Slots"]

_SLOTS = 0.5
"""Weight of slots against FGD's usable milli; 0.5 to 0.8 make no difference."""


class Slots(ByTrials):
    """Score = int(100 x sigmoid((V after - V before) / 1000)), V the value of what is left of a node in GPU milli.

    V = sum over typical classes with GPUs of share x [(1 - a) x usable + a x slots x milli of one replica], a = 0.5.
    usable: idle milli on devices with at least the class's milli left, if one replica fits (idle less FGD's fragment).
    slots: how many replicas fit by CPU, memory, and devices counted one by one. A share takes the device of the best
    score, the first on ties.
    """

    name = "fgd-slots"

    def __init__(self, classes: Sequence[tuple[Demand, float]], models: int) -> None:
        """`classes`: the expected demands with their shares; `models`: number of model codes."""
        asking = [(one, share) for one, share in classes if one.devices]
        column = np.array([[d.cpu, d.memory, d.devices, d.milli] for d, _ in asking], np.int64).reshape(-1, 4)
        self._cpu, self._memory, self._devices, self._milli = column.T
        self._share: Floats = np.array([share for _, share in asking])
        # The last column stands for nodes without a GPU (code -1).
        self._allowed: Bools = np.array(
            [[not d.models or code in d.models for code in range(models)] + [False] for d, _ in asking]
        ).reshape(-1, models + 1)
        left = np.arange(WHOLE + 1)[:, None]
        self._usable: Ints = np.where(left >= self._milli, left, 0)
        """[milli left on a device, class] -> milli that the class could use of it."""
        self._fit: Ints = left // self._milli
        """[milli left on a device, class] -> replicas that it holds."""

    def value(self, cpu: Ints, memory: Ints, model: Ints, device: Ints) -> Floats:
        """float[K]: V of K node states; `device` is [K, D], the others [K]."""
        usable = sum(self._usable[device[:, slot]] for slot in range(device.shape[1]))
        shares = sum(self._fit[device[:, slot]] for slot in range(device.shape[1]))
        whole = (device == WHOLE).sum(axis=1)
        slots = np.where(self._devices > 1, whole[:, None] // self._devices, shares)
        slots = np.minimum(slots, cpu[:, None] // np.maximum(self._cpu, 1))
        slots = np.minimum(slots, memory[:, None] // np.maximum(self._memory, 1))
        slots = np.where(self._allowed[:, model].T, slots, 0)
        whole_value = slots * (self._devices * self._milli)
        value: Floats = ((1 - _SLOTS) * np.where(slots > 0, usable, 0) + _SLOTS * whole_value) @ self._share
        return value

    def trials(self, state: NodeState, demand: Demand, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Ways to place on the rows: index into `rows`, device (of a share), score. Equal devices are tried once."""
        device, model = state.device[rows], state.model[rows]
        before = self.value(state.cpu[rows], state.memory[rows], model, device)
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
        cpu, memory = (state.cpu[rows] - demand.cpu)[at], (state.memory[rows] - demand.memory)[at]
        gain = self.value(cpu, memory, model[at], left) - before[at]
        return at, chosen, (100 / (1 + np.exp(-gain / 1000))).astype(np.int64)
