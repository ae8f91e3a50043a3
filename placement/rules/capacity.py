"""capacity: no device and no resource of a node is used twice; replicas hold the devices they ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import Seated, Settled, pending_seats, running_seats
from placement.units import MILLI
from solver.atoms import Capacity as CapacityAtom
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Capacity"]

_RESOURCES = ("CPU milli", "MiB of memory", "NICs")


class Capacity(HardRule[NoParams]):
    """A law of nature: it holds even where the policy does not list it.

    A node offers 1000 milli on each healthy GPU, its CPU, memory and NICs, less what running work takes. Running
    work that takes more than there is stays (hold); nothing new goes there.
    """

    name = "capacity"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom; the encoding writes its rows."""
        return [CapacityAtom()]

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Devices and resources that running work over-commits."""
        fabric, usage = context.fabric, context.usage
        found: _Use = Counter()
        # Few of many: devices that are not simply taken within what is there, looked at one by one below.
        ill = fabric.healthy_gpus < fabric.gpu_count
        odd = ill[:, None] | (usage.used_devices + usage.free_devices != MILLI)
        for row, slot in np.argwhere(odd & (usage.used_devices > 0)).tolist():
            found[row, slot] = int(usage.used_devices[row, slot])
        offered = np.stack([fabric.cpu_milli, fabric.memory_mib, fabric.nics], axis=1)
        for row, column in np.argwhere(usage.used_resources > offered).tolist():
            found[row, -1 - column] = int(usage.used_resources[row, column])
        return [Hold(rule=self.name, subject=f"node {node}", detail=detail) for node, detail in _overuse(fabric, found)]

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Over-used nodes with new work on them, and replicas with other devices than their role asks for."""
        new = list(pending_seats(case, fabric, placements))
        found = []
        for seat in new:
            held = sorted(device.milli for device in seat.devices)
            asked = [seat.role.gpu_milli] if seat.role.gpu_milli else [MILLI] * seat.role.gpus
            if held != asked or len({device.index for device in seat.devices}) < len(held):
                node = fabric.nodes[seat.node].id
                found.append(f"{seat.workload.id} role {seat.role.name} on {node} holds {held}, asks {asked} milli")
        before = _used(running_seats(case, fabric))
        after = before.copy()
        _add(after, new)
        touched = {key for key, amount in after.items() if amount > before[key]}
        found += [
            f"node {node}: {detail}" for node, detail in _overuse(fabric, Counter({k: after[k] for k in touched}))
        ]
        return found


_Use = Counter[tuple[int, int]]
"""(node row, device index, or -1 - column for a resource) -> amount."""


def _add(use: _Use, seats: Iterable[Seated]) -> None:
    for seat in seats:
        role = seat.role
        for device in seat.devices:
            use[seat.node, device.index] += device.milli
        for column, amount in enumerate((role.cpu_milli, role.memory_mib, role.nics)):
            use[seat.node, -1 - column] += amount


def _used(running: tuple[Settled, ...]) -> _Use:
    use: _Use = Counter()
    for one in running:
        _add(use, one.seats)
    return use


def _overuse(fabric: Fabric, use: _Use) -> list[tuple[str, str]]:
    """(node id, what is over-used), in node order."""
    found = []
    for (row, slot), amount in sorted(use.items()):
        node = fabric.nodes[row]
        if slot >= 0:
            usable = slot < node.gpu_count and slot not in node.unhealthy_gpus
            room, what = (MILLI if usable else 0), f"milli of GPU {slot}"
        else:
            column = -1 - slot
            room = (node.cpu_milli, node.memory_mib, node.nics)[column]
            what = _RESOURCES[column]
        if amount > room:
            found.append((node.id, f"{amount} {what} in use, {room} there"))
    return found
