"""Online placement by scores: one replica after another, each on the node of the highest score.

All nodes that fit are scored with integers, the highest wins, ties go to the first row. A score depends on nothing
but the demand and the state of its own node, so only nodes that changed since the last equal demand are scored again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.baselines.state import Bools, Demand, Ints, NodeState

__all__ = ["ByTrials", "Placer", "Scoring"]

_MISFIT = np.int64(-(2**62))


class Scoring(Protocol):
    """A rule that rates nodes for a demand."""

    @property
    def name(self) -> str:
        """How tables call it."""

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Integer scores of rows that fit, higher is better."""

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The devices that the demand takes on the node."""


class ByTrials(ABC):
    """A scoring that tries the devices of a node for a share and takes the one of the best score, the first on ties."""

    @abstractmethod
    def trials(self, state: NodeState, demand: Demand, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Ways to place on the rows: index into `rows`, device (of a share), score from 0 to 100."""

    def score(self, state: NodeState, demand: Demand, rows: Ints) -> Ints:
        """Scores from 0 to 100."""
        at, _, scores = self.trials(state, demand, rows)
        best = np.full(rows.size, -1)
        np.maximum.at(best, at, scores)
        return best

    def devices(self, state: NodeState, demand: Demand, row: int) -> tuple[int, ...]:
        """The device of the best score, or the whole ones of lowest index."""
        if demand.devices != 1:
            return state.whole_devices(row, demand.devices)
        _, device, scores = self.trials(state, demand, np.array([row]))
        return (int(device[np.argmax(scores)]),)


@dataclass
class _Scores:
    values: Ints
    seen: int
    """Length of the log of changes when the values were made."""


class Placer:
    """A state and a scoring at work on it."""

    def __init__(self, state: NodeState, scoring: Scoring) -> None:
        """Take over the state: it changes with every placement."""
        self.state = state
        self.scoring = scoring
        self._log: list[int] = []
        self._scores: dict[Demand, _Scores] = {}

    def place(self, demand: Demand, allowed: Bools | None = None) -> tuple[int, tuple[int, ...]] | None:
        """Place one replica on the best row (of the allowed ones) and tell its row and devices; None if none fits."""
        values = self._current(demand)
        if allowed is not None:
            values = np.where(allowed, values, _MISFIT)
        row = int(np.argmax(values))
        if values[row] == _MISFIT:
            return None
        devices = self.scoring.devices(self.state, demand, row)
        self.state.take(row, devices, demand)
        self._log.append(row)
        return row, devices

    def occupy(self, row: int, devices: tuple[int, ...], demand: Demand) -> None:
        """Take a place that is known: what was given back returns."""
        self.state.take(row, devices, demand)
        self._log.append(row)

    def give_back(self, row: int, devices: tuple[int, ...], demand: Demand) -> None:
        """Undo a placement."""
        self.state.take(row, devices, demand, -1)
        self._log.append(row)

    def fitting(self, demand: Demand) -> Bools:
        """bool[N]: which rows fit now."""
        fits: Bools = self._current(demand) != _MISFIT
        return fits

    def _current(self, demand: Demand) -> Ints:
        known = self._scores.get(demand)
        count = self.state.cpu.size
        if known is None:
            known = self._scores[demand] = _Scores(np.full(count, _MISFIT), len(self._log))
            self._refresh(known.values, demand, np.arange(count))
        elif known.seen < len(self._log):
            self._refresh(known.values, demand, np.unique(np.array(self._log[known.seen :])))
            known.seen = len(self._log)
        return known.values

    def _refresh(self, values: Ints, demand: Demand, rows: Ints) -> None:
        values[rows] = _MISFIT
        rows = rows[self.state.fits(demand, rows)]
        if rows.size:
            values[rows] = self.scoring.score(self.state, demand, rows)
