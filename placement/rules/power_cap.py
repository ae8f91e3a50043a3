"""power_cap: the nodes of a domain draw no more watts together than its cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.policy import RuleSpec
from placement.rules.context import Context
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import pending_seats, running_seats
from placement.units import MILLI, ceil_div
from solver.atoms import Share
from solver.items import BoolArray, PartKey
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import PowerCap as Cap

__all__ = ["PowerCap"]


class PowerCap(HardRule[NoParams]):
    """Draw of a domain = idle draw of its nodes + draw of running work + draw of new work <= cap.

    Running work draws the power of its node's GPUs. A new replica is counted, wherever in the domain it sits, at
    the highest GPU power that its role may meet there (they differ only where a domain mixes models); each
    replica is rounded up to a watt. A domain above its cap takes no new draw (hold).
    """

    name = "power_cap"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One share per cap that could be exceeded."""
        kinds: dict[tuple[tuple[str, ...], int], int] = {}
        asking: list[tuple[PartKey, int]] = []
        count: dict[PartKey, int] = {}
        for key, ref in context.parts():
            if ref.role.replica_gpu_milli:
                kind = kinds.setdefault((ref.role.gpu_models, ref.role.replica_gpu_milli), len(kinds))
                asking.append((key, kind))
                count[key] = ref.role.replicas
        # A share of a device is rounded up by less than a watt.
        fractions = sum(n for key, n in count.items() if context.part(key).role.gpu_milli)
        atoms: list[Atom] = []
        for domain in context.recall(self.name, lambda: _domains(context)):
            if domain.base_w + domain.room_w + fractions <= domain.cap.cap_w:
                continue
            inside = domain.inside(context.fabric)
            power_w = _power_by_model(context.fabric, inside)
            rated = {models: _rated_w(power_w, models) for models in {models for models, _ in kinds}}
            watts = tuple(ceil_div(rated[models] * milli, MILLI) for models, milli in kinds)
            # Domains whose GPUs draw alike share one table of uses.
            use = context.recall((self.name, watts), partial(_use, asking, watts))
            most = context.recall((self.name, watts, "most"), partial(_most, use, count))
            if domain.base_w + most > domain.cap.cap_w:
                bins = context.mask((self.name, domain.name), partial(np.copy, inside))
                atoms.append(Share(self.name, domain.name, use, bins, domain.base_w, domain.cap.cap_w))
        return atoms

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Domains that are above their cap already."""
        return [
            Hold(
                rule=self.name,
                subject=domain.name,
                detail=f"idle nodes and running work draw {domain.base_w} W, the cap is {domain.cap.cap_w} W",
            )
            for domain in context.recall(self.name, lambda: _domains(context))
            if domain.base_w > domain.cap.cap_w
        ]

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Domains that new work takes above their cap."""
        seats = list(pending_seats(case, fabric, placements))
        found = []
        for cap in fabric.fleet.power_caps:
            partition = fabric.partition(cap.partition)
            inside = [
                row for row, domain in enumerate(partition.domain_of) if partition.domain_names[domain] == cap.domain
            ]
            total = sum(fabric.nodes[row].idle_power_w for row in inside)
            for one in running_seats(case, fabric):
                for seat in one.seats:
                    if seat.node in inside:
                        watts = fabric.nodes[seat.node].gpu_power_w
                        total += ceil_div(watts * seat.role.replica_gpu_milli, MILLI)
            new = 0
            for seat in seats:
                if seat.node in inside:
                    models = seat.role.gpu_models
                    powers = [
                        fabric.nodes[row].gpu_power_w
                        for row in inside
                        if not models or fabric.nodes[row].gpu_model in models
                    ]
                    rated = max(powers, default=0)
                    new += ceil_div(rated * seat.role.replica_gpu_milli, MILLI)
            if new and total + new > cap.cap_w:
                found.append(f"{cap.partition} {cap.domain} draws {total + new} W, its cap is {cap.cap_w} W")
        return found


@dataclass(frozen=True)
class _Domain:
    """A capped domain: what it draws before anything is placed, and at most more if all its free GPUs are busy."""

    cap: Cap
    base_w: int
    room_w: int

    @property
    def name(self) -> str:
        return f"{self.cap.partition} {self.cap.domain}"

    def inside(self, fabric: Fabric) -> BoolArray:
        """Its nodes, bool[N]."""
        partition = fabric.partition(self.cap.partition)
        mask: BoolArray = partition.domain_of == partition.domain_names.index(self.cap.domain)
        return mask


def _domains(context: Context) -> tuple[_Domain, ...]:
    fabric = context.fabric
    drawn = fabric.idle_power_w.copy()
    for one in context.usage.running:
        for seat in one.seats:
            watts = int(fabric.gpu_power_w[seat.node])
            drawn[seat.node] += ceil_div(watts * seat.role.replica_gpu_milli, MILLI)
    free = context.usage.free_devices.sum(axis=1)
    found: dict[Cap, _Domain] = {}
    for name in sorted({cap.partition for cap in fabric.fleet.power_caps}):
        partition = fabric.partition(name)
        size = len(partition.domain_names)
        base, room, highest = (np.zeros(size, np.int64) for _ in range(3))
        np.add.at(base, partition.domain_of, drawn)
        np.add.at(room, partition.domain_of, free)
        np.maximum.at(highest, partition.domain_of, fabric.gpu_power_w)
        number = {domain: row for row, domain in enumerate(partition.domain_names)}
        for cap in fabric.fleet.power_caps:
            if cap.partition == name:
                row = number[cap.domain]
                room_w = ceil_div(int(room[row]) * int(highest[row]), MILLI)
                found[cap] = _Domain(cap, int(base[row]), room_w)
    return tuple(found[cap] for cap in fabric.fleet.power_caps)


def _use(asking: list[tuple[PartKey, int]], watts: tuple[int, ...]) -> dict[PartKey, int]:
    """Watts per replica of every part that draws some."""
    return {key: watts[kind] for key, kind in asking if watts[kind]}


def _most(use: Mapping[PartKey, int], count: Mapping[PartKey, int]) -> int:
    """Watts if every replica were placed."""
    return sum(each * count[key] for key, each in use.items())


def _power_by_model(fabric: Fabric, inside: BoolArray) -> dict[str, int]:
    """GPU model -> highest power of one of its GPUs in the domain."""
    found: dict[str, int] = {}
    for row in np.flatnonzero(inside):
        if fabric.gpu_model[row] >= 0:
            model = fabric.gpu_models[fabric.gpu_model[row]]
            found[model] = max(found.get(model, 0), int(fabric.gpu_power_w[row]))
    return found


def _rated_w(power_w: Mapping[str, int], models: tuple[str, ...]) -> int:
    """Highest power among these models, or among all if none is named."""
    return max((watts for model, watts in power_w.items() if not models or model in models), default=0)
