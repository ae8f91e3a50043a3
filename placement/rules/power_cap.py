"""power_cap: the nodes of a domain draw no more watts together than its cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.policy import RuleSpec
from placement.model.workload import Role, Workload
from placement.rules.context import Context, Usage
from placement.rules.disturbance import at_home, mobile
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import pending_seats, running_seats, seats_of
from placement.units import MILLI, ceil_div
from solver.atoms import Caps
from solver.items import IntArray, PartKey
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import PowerCap as Cap

__all__ = ["PowerCap"]


class PowerCap(HardRule[NoParams]):
    """Draw of a domain = idle draw of its nodes + draw of running work + draw of new work <= cap.

    Running work draws the power of its node's GPUs. A new replica is counted, wherever in the domain it sits, at
    the highest GPU power that its role may meet there (they differ only where a domain mixes models): of the models it
    names, of all where the policy lacks `gpu_model` or it is disturbed work that runs on another model already. Each
    replica is rounded up to a watt. A domain above its cap draws no more than it does (hold). Held in a tier, every
    watt above a cap costs, where some of the work may be disturbed.
    """

    name = "power_cap"
    params_type = NoParams
    excess_unit = "W above caps"

    def read(self, usage: Usage, fabric: Fabric) -> None:
        """The draw of every capped domain."""
        _domains(usage, fabric)

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom per partition with caps that could be exceeded."""
        # A share of a device is rounded up by less than a watt.
        fractions = sum(ref.role.replicas for _, ref in context.parts() if ref.role.gpu_milli)
        tight: dict[str, list[_Domain]] = {}
        for domain in _domains(context.usage, context.fabric):
            if domain.base_w + domain.room_w + fractions > domain.cap.cap_w:
                tight.setdefault(domain.cap.partition, []).append(domain)
        if not tight:
            return []
        kinds: dict[tuple[tuple[str, ...], int], list[PartKey]] = {}
        meets = _Meets(context.case, context.fabric)
        for key, ref in context.parts():
            if ref.role.replica_gpu_milli:
                kinds.setdefault((meets.models(ref.workload, ref.role), ref.role.replica_gpu_milli), []).append(key)
        return [_caps(context, partition, domains, kinds) for partition, domains in tight.items()] if kinds else []

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Domains that are above their cap already."""
        return [
            Hold(
                rule=self.name,
                subject=domain.name,
                detail=f"idle nodes and running work draw {domain.base_w} W, the cap is {domain.cap.cap_w} W",
            )
            for domain in _domains(context.usage, context.fabric)
            if domain.base_w > domain.cap.cap_w
        ]

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Domains that new work takes above their cap, and above what they drew."""
        before = [total + new for _, total, new in _draws(case, fabric, at_home(case))]
        return [
            f"{cap.partition} {cap.domain} draws {total + new} W, its cap is {cap.cap_w} W"
            for (cap, total, new), known in zip(_draws(case, fabric, placements), before, strict=True)
            if new and total + new > max(cap.cap_w, known)
        ]

    def excess(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Watts above the caps of domains in which work that may be disturbed takes part in exceeding them."""
        known = _draws(case, fabric, at_home(case))
        return sum(
            max(0, total + new - cap.cap_w)
            for (cap, total, new), (_, _, loose) in zip(_draws(case, fabric, placements), known, strict=True)
            if loose and total + loose > cap.cap_w
        )


class _Meets:
    """Which GPU models a role may meet."""

    def __init__(self, case: Case, fabric: Fabric) -> None:
        self._holds = any(spec.name == "gpu_model" for spec in case.policy.rules)
        self._strange = frozenset(
            one.workload.id
            for one in seats_of(mobile(case), fabric)
            if any(s.role.gpu_models and fabric.nodes[s.node].gpu_model not in s.role.gpu_models for s in one.seats)
        )

    def models(self, workload: Workload, role: Role) -> tuple[str, ...]:
        """Their names; none stand for all."""
        return role.gpu_models if self._holds and workload.id not in self._strange else ()


def _draws(case: Case, fabric: Fabric, placements: Placements) -> list[tuple[Cap, int, int]]:
    """Each cap, the watts of idle nodes and running work in its domain, and those of the placements."""
    members: dict[tuple[str, str], list[int]] = {}
    for name in {cap.partition for cap in fabric.fleet.power_caps}:
        partition = fabric.partition(name)
        for row, number in enumerate(partition.domain_of.tolist()):
            members.setdefault((name, partition.domain_names[number]), []).append(row)
    before: dict[int, int] = {}
    for one in running_seats(case, fabric):
        for seat in one.seats:
            watts = ceil_div(fabric.nodes[seat.node].gpu_power_w * seat.role.replica_gpu_milli, MILLI)
            before[seat.node] = before.get(seat.node, 0) + watts
    arriving: dict[int, list[tuple[tuple[str, ...], int]]] = {}
    meets = _Meets(case, fabric)
    for seat in pending_seats(case, fabric, placements):
        asked = meets.models(seat.workload, seat.role), seat.role.replica_gpu_milli
        arriving.setdefault(seat.node, []).append(asked)
    found = []
    for cap in fabric.fleet.power_caps:
        inside = members[cap.partition, cap.domain]
        total = sum(fabric.nodes[row].idle_power_w + before.get(row, 0) for row in inside)
        new = 0
        for models, milli in (asked for row in inside for asked in arriving.get(row, ())):
            powers = [
                fabric.nodes[row].gpu_power_w
                for row in inside
                if fabric.nodes[row].gpu_model is not None and (not models or fabric.nodes[row].gpu_model in models)
            ]
            new += ceil_div(max(powers, default=0) * milli, MILLI)
        found.append((cap, total, new))
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


def _domains(usage: Usage, fabric: Fabric) -> tuple[_Domain, ...]:
    return usage.recall(PowerCap.name, lambda: _counted(usage, fabric))


def _counted(usage: Usage, fabric: Fabric) -> tuple[_Domain, ...]:
    drawn = fabric.idle_power_w.copy()
    flat = usage.flat
    np.add.at(drawn, flat.node, -((-fabric.gpu_power_w[flat.node] * flat.gpu_milli) // MILLI))
    free = usage.free_devices.sum(axis=1)
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


def _caps(
    context: Context,
    name: str,
    domains: list[_Domain],
    kinds: Mapping[tuple[tuple[str, ...], int], list[PartKey]],
) -> Caps:
    """The caps of one partition; roles of one kind share one array of watts per replica, int64[G]."""
    fabric = context.fabric
    partition = fabric.partition(name)
    number = {domain: row for row, domain in enumerate(partition.domain_names)}
    group_of = np.full(len(partition.domain_names), -1, np.int64)
    group_of[[number[domain.cap.domain] for domain in domains]] = np.arange(len(domains))
    labels: IntArray = group_of[partition.domain_of]
    use: dict[PartKey, IntArray] = {}
    for (models, milli), keys in kinds.items():
        wanted = [row for row, model in enumerate(fabric.gpu_models) if not models or model in models]
        rows = np.flatnonzero((labels >= 0) & np.isin(fabric.gpu_model, wanted))
        rated_w = np.zeros(len(domains), np.int64)
        np.maximum.at(rated_w, labels[rows], fabric.gpu_power_w[rows])
        watts = -((-rated_w * milli) // MILLI)
        use.update(dict.fromkeys(keys, watts))
    return Caps(
        rule=PowerCap.name,
        names=tuple(domain.name for domain in domains),
        labels=labels,
        use=use,
        base=np.array([domain.base_w for domain in domains], np.int64),
        limit=np.array([domain.cap.cap_w for domain in domains], np.int64),
    )
