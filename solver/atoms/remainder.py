"""Remainder: what a plan takes from the large free pieces of the bins (a state of each bin's content)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from solver.chunks import supply_per_bin
from solver.items import WHOLE, IntArray
from solver.plan import Plan
from solver.problem import Atom, Encoding, Problem

__all__ = ["Remainder"]


@dataclass(frozen=True, eq=False)
class Remainder(Atom):
    """Each lost free chunk of `sizes[k]` whole devices in bin b costs `values[b, k]`.

    Cost = sum over bins and sizes of values x (chunks free before - chunks free after). Exact where the encoding is
    exact; over merged unlike bins the cheapest value is taken, which is a valid underestimate.
    """

    rule: str
    tier: int
    sizes: tuple[int, ...]
    values: IntArray

    def items(self) -> Iterable[int]:
        """None by name: it speaks of bins."""
        return ()

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """Itself."""
        return self

    def validate(self, problem: Problem) -> None:
        """One non-negative value per bin and size."""
        if self.values.shape != (problem.bins.count, len(self.sizes)) or (self.values < 0).any():
            raise ValueError(f"{self.rule}: values are int64[bins, sizes] and not negative")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """The values."""
        for k in range(len(self.sizes)):
            yield self.values[:, k]

    def encode(self, into: Encoding) -> None:
        """Cost of the chunks of each cell that the plan can no longer offer."""
        for k, size in enumerate(self.sizes):
            for cell, members in enumerate(into.members):
                value = int(self.values[members, k].min())
                if not value:
                    continue
                offer = into.offer(cell, size)
                if offer is not None:
                    col, before = offer
                    into.model.constant(self.tier, value * before)
                    into.model.cost(self.tier, col, -value)

    def cost(self, problem: Problem, plan: Plan) -> int:
        """Value of the chunks lost, bin by bin."""
        flat = plan.flat
        changed = np.unique(flat.bins)
        free = problem.bins.devices[changed]
        after = free.copy()
        np.subtract.at(after, (np.searchsorted(changed, flat.bins[flat.seat]), flat.device), flat.milli)
        total = 0
        for k, size in enumerate(self.sizes):
            before = supply_per_bin(free, size * WHOLE)
            left = supply_per_bin(after, size * WHOLE)
            total += int(((before - left) * self.values[changed, k]).sum())
        return total
