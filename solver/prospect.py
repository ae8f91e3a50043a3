"""Prospect: what a plan in the making can still reach at best, so that a greedy pass that cannot win is cut short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.atoms.charge import RefuseCharge
from solver.ground import Ground
from solver.items import BoolArray, IntArray
from solver.problem import Problem

__all__ = ["Prospect"]

_CHECKS, _LEAST = 32, 8
"""How often in a pass it is looked whether the plan can still win, and after how many items at least."""
_SLACK = 1e-9
"""Sums are floats: a plan is given up only if it is worse by more than so small a part."""


@dataclass(frozen=True)
class _Asked:
    """The parts that wait and cost something in the first tier if refused, dearest per volume first."""

    item: IntArray
    cost: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]


def _asked(problem: Problem) -> _Asked:
    rows: list[tuple[float, int, int, int]] = []
    for atom in problem.of(RefuseCharge):
        for (i, p), each in atom.each.items() if atom.tier == 0 else ():
            if i not in problem.homes:
                part = problem.items[i].parts[p]
                volume, cost = part.demand.volume * part.count, each * part.count
                rows.append((-cost / volume if volume else -np.inf, i, cost, volume))
    rows.sort()
    item = np.array([i for _, i, _, _ in rows], np.int64)
    return _Asked(item, np.array([c for _, _, c, _ in rows], np.float64), np.array([v for *_, v in rows], np.float64))


class Prospect:
    """A lower bound on the value of the first tier that a pass can still reach which moves nothing that it has placed.

    It is the sum of what the placed items cost by themselves, what the refused ones cost, and what the others would
    cost if replicas were placed in any fraction wherever a thousandth of a device is free, dearest per volume first
    (Dantzig's bound of a knapsack). No cost is negative, so all else counts as nothing.
    """

    def __init__(self, ground: Ground, beat: float) -> None:
        self.ground = ground
        self.beat = beat
        """The value that the pass must not be above."""
        self._asked = ground.problem.recall("asked", lambda: _asked(ground.problem))
        items = len(ground.problem.items)
        self._waits: BoolArray = np.ones(items, np.bool_)
        for item in (*ground.seats, *ground.problem.homes):
            self._waits[item] = False
        self._sure = 0
        self._every = max(_LEAST, items // _CHECKS)
        self._turns = 0

    def tried(self, item: int) -> None:
        """The item, which had no place, has one now, or stays refused."""
        if self._waits[item]:
            self._waits[item] = False
            self._sure += self.ground.tally.own_cost(item)[0]

    def hopeless(self) -> bool:
        """Whether the pass ends above the value that it must beat; looked up now and then only."""
        self._turns += 1
        return self._turns % self._every == 0 and self.least() * (1 - _SLACK) > self.beat

    def least(self) -> float:
        """The bound now."""
        asked = self._asked
        rows = self._waits[asked.item].nonzero()[0]
        cost, volume = asked.cost[rows], asked.volume[rows]
        used, free = volume.cumsum(), float(self.ground.free.milli.sum())
        whole = int(used.searchsorted(free, side="right"))
        if whole == rows.size:
            return float(self._sure)
        left = free - (float(used[whole - 1]) if whole else 0.0)
        return self._sure + float(cost[whole:].sum() - left * cost[whole] / volume[whole])
