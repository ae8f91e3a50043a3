"""Capacity of the bins, exact to the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from solver.items import WHOLE, Demand
from solver.plan import Plan, Seat
from solver.problem import Atom, Encoding, Problem, Violation

__all__ = ["Capacity", "holds_devices"]


@dataclass(frozen=True)
class Capacity(Atom):
    """No device and no resource of a bin is used beyond what is free; a whole device is never shared.

    The rows are written by the encoding itself (`solver.cells`), because their form depends on how bins are merged.
    """

    rule: str = "capacity"
    tier: int = field(default=-1, init=False)

    def items(self) -> Iterable[int]:
        """None by name: it speaks of all."""
        return ()

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """Itself."""
        return self

    def encode(self, into: Encoding) -> None:
        """Written by the encoding."""

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """Over-used devices and resources, and seats whose devices do not match the demand."""
        flat, free = plan.flat, problem.bins
        if not flat.bins.size:
            return []
        count, width = free.devices.shape
        sizes = [n for _, _, n in flat.owners]
        demands = [problem.items[item].parts[part].demand for item, part, _ in flat.owners]
        asked = np.array([(max(d.devices, int(d.milli > 0)), d.milli or WHOLE) for d in demands], np.int64)
        pairs, each = np.repeat(asked, sizes, axis=0).T
        fits = np.bincount(flat.seat, minlength=flat.bins.size) == pairs
        fits &= (flat.bins >= 0) & (flat.bins < count)
        odd = (flat.milli != each[flat.seat]) | (flat.device < 0) | (flat.device >= width)
        fits[flat.seat[odd]] = False
        names = np.sort(flat.seat * width + np.clip(flat.device, 0, width - 1))
        fits[names[1:][names[1:] == names[:-1]] // width] = False
        owner = np.repeat(np.arange(len(sizes)), sizes)
        found = []
        for row in owner[~fits].tolist():
            item, part, _ = flat.owners[row]
            detail = f"part {problem.items[item].parts[part].name} does not hold the devices it asks for"
            found.append(Violation(self.rule, (item,), detail))
        # Sums of floats that are whole numbers below 2**53 are exact.
        held = fits[flat.seat]
        spots = (flat.bins[flat.seat] * width + flat.device)[held]
        taken = np.bincount(spots, flat.milli[held], minlength=count * width).reshape(count, width)
        over = np.any(taken > free.devices, axis=1)
        short = np.zeros(count, np.bool_)
        for column in range(free.resources.shape[1]):
            amounts = np.repeat(np.array([d.resources[column] for d in demands], np.float64), sizes)
            short |= np.bincount(flat.bins[fits], amounts[fits], minlength=count) > free.resources[:, column]
        for b in np.flatnonzero(over | short).tolist():
            what = "devices" if over[b] else "resources"
            who = tuple(sorted({flat.owners[row][0] for row in owner[fits & (flat.bins == b)].tolist()}))
            found.append(Violation(self.rule, who, f"bin {b} is over its free {what}"))
        return found


def holds_devices(problem: Problem, demand: Demand, seat: Seat) -> bool:
    """Whether a seat names a bin and devices that exist, each once, as many as the demand asks for."""
    named = {device for device, _ in seat.devices}
    if not 0 <= seat.bin < problem.bins.count or len(named) != len(seat.devices):
        return False
    if any(not 0 <= device < problem.bins.devices.shape[1] for device in named):
        return False
    shares = [milli for _, milli in seat.devices]
    if demand.milli:
        return shares == [demand.milli]
    return shares == [WHOLE] * demand.devices
