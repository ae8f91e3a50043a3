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
        devices = np.zeros_like(problem.bins.devices)
        resources = np.zeros_like(problem.bins.resources)
        users: dict[int, set[int]] = {}
        found = []
        for item, parts in plan.seats.items():
            for part, seats in zip(problem.items[item].parts, parts, strict=True):
                for seat in seats:
                    if not holds_devices(problem, part.demand, seat):
                        detail = f"part {part.name} does not hold the devices it asks for"
                        found.append(Violation(self.rule, (item,), detail))
                        continue
                    for device, milli in seat.devices:
                        devices[seat.bin, device] += milli
                    for column, amount in enumerate(part.demand.resources):
                        resources[seat.bin, column] += amount
                    users.setdefault(seat.bin, set()).add(item)
        over = np.any(devices > problem.bins.devices, axis=1)
        short = np.any(resources > problem.bins.resources, axis=1)
        for b in np.flatnonzero(over | short).tolist():
            what = "devices" if over[b] else "resources"
            who = tuple(sorted(users.get(b, ())))
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
