"""left_value: what a plan takes from the worth of the nodes to work that is expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from placement.errors import InputError
from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.rules.amounts import check_amount
from placement.rules.context import Context
from placement.rules.expected import (
    ExpectedClass,
    Mix,
    Want,
    expected_mix,
    frequent,
    kinds_of,
    known_wants,
    running_wants,
    short_groups,
)
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import Idle, idle_now, pending_seats, running_seats
from placement.units import MICRO, MILLI, floor_div
from solver.atoms import LeftValue as LeftValueAtom
from solver.items import Demand
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["LeftValue", "LeftValueParams"]

_GRID = 100_000
"""Steps in which the shares of classes are counted."""
_SCALE = _GRID * MILLI
_MOST = 2**62

_Percent = Annotated[int, Field(ge=0, le=100)]


class LeftValueParams(Document):
    """Exchange rate and expectation."""

    rate_percent: Annotated[int, Field(ge=0, le=1000)] = 5
    """Value of a free GPU-hour as a part of the node's price, used where `gpu_hour_micro_usd` is 0."""
    gpu_hour_micro_usd: Natural = 0
    """Value of a free GPU-hour on every node that all expected work could use; 0: `rate_percent` of its own price."""
    slots_percent: _Percent = 70
    """How much counts how many replicas fit, the rest whether one does."""
    typical_percent: Annotated[int, Field(ge=1, le=100)] = 95
    """Part of the expected replicas, the most frequent kinds first, by which nodes are valued."""
    price_percent: Annotated[int, Field(ge=0, le=1000)] = 100
    """Price of a piece that is sure to run short, as a part of the value of its devices; 0: no such prices."""
    horizon_percent: Annotated[int, Field(ge=0, le=1000)] = 100
    """How full the fleet is expected to become, in percent of its GPUs: so much work is still to come."""
    mix: tuple[ExpectedClass, ...] = ()
    """Work that is expected; none: the kinds that run or wait in the case, by their numbers."""


class _Worth(NamedTuple):
    """One expected want: value per usable milli and per slot, in steps of 1/_SCALE of a GPU's value."""

    want: Want
    usable: int
    slots: int


class LeftValue(ObjectiveRule[LeftValueParams]):
    """Micro-USD per hour that a plan takes from the value of what is left free on the nodes.

    V(node) = value of a GPU-hour / 1000 x [sum over frequent classes c of share_c x ((1 - a) x usable_c + a x slots_c
    x milli_c) + sum over groups g of price x P(demand_g >= supply_g) x (slots_g x milli_g, or usable_g)], rounded down.
    slots: how many replicas fit by CPU, memory, NICs and devices. usable: free GPU milli on devices that have what c
    asks of one, if a replica fits. Groups: see `expected.short_groups`; supply is that of the case before the plan.
    What is free on nodes that may not be used now (cordoned, of a taint) counts as supply. Without a `mix` the first
    small batch on an idle fleet knows no more than itself: give one, or let the fleet fill by other rules first.
    Sources: FGD (Weng et al., USENIX ATC 2023) for usable; slots and prices as measured in bench/replay.
    """

    name = "left_value"
    params_type = LeftValueParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom over all nodes."""
        params, fabric, usage = self.params(spec), context.fabric, context.usage
        mix = expected_mix(context.case, params.mix, known_wants(usage))
        worths = _worths(mix, fabric, params, Idle(usage.free_devices, usage.free_resources, usage.used_devices))
        unit = np.array([spec.weight * _unit(price, params) for price in fabric.price_micro_usd_h.tolist()], np.int64)
        if not worths or not unit.any():
            return []
        check_amount(int(unit.max()))
        kinds = sorted(set(kinds_of(fabric)), key=lambda one: (one[0] or "", one[1]))
        number = {kind: row for row, kind in enumerate(kinds)}
        most = int(usage.free_devices.sum(axis=1).max(initial=0))
        if sum(one.usable * most + one.slots * (most // one.want.milli) for one in worths) * int(unit.max()) >= _MOST:
            raise InputError("policy.rules", f"{self.name!r} is valued too high to count", "lower its weight or rate")
        atom = LeftValueAtom(
            self.name,
            context.tier(spec.tier),
            tuple(
                Demand(w.gpus, w.share_milli, (w.cpu_milli, w.memory_mib, w.nics)) for w in (one.want for one in worths)
            ),
            usable=np.array([one.usable for one in worths], np.int64),
            slots=np.array([one.slots for one in worths], np.int64),
            allowed=np.array([[one.want.admits(*kind) for kind in kinds] for one in worths], np.bool_),
            kind=np.array([number[kind] for kind in kinds_of(fabric)], np.int64),
            unit=unit,
            scale=_SCALE,
        )
        return [atom]

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Value lost, node by node, in plain numbers."""
        params = self.params(spec)
        idle = idle_now(case, fabric)
        free, left = idle.devices, idle.resources
        mix = expected_mix(case, params.mix, running_wants(running_seats(case, fabric)))
        worths = _worths(mix, fabric, params, idle)
        after, rest = free.copy(), left.copy()
        touched = set()
        for seat in pending_seats(case, fabric, placements):
            touched.add(seat.node)
            for device in seat.devices:
                after[seat.node, device.index] -= device.milli
            rest[seat.node] -= (seat.role.cpu_milli, seat.role.memory_mib, seat.role.nics)
        total = 0
        for row in sorted(touched):
            node = fabric.nodes[row]
            unit = spec.weight * _unit(node.price_micro_usd_h, params)
            here = [one for one in worths if one.want.admits(node.gpu_model, int(fabric.gpu_memory_mib[row]))]
            before = _value(here, free[row].tolist(), left[row].tolist())
            now = _value(here, [max(0, m) for m in after[row].tolist()], [max(0, m) for m in rest[row].tolist()])
            total += floor_div(unit * before, _SCALE) - floor_div(unit * now, _SCALE)
        return total


def _unit(price_micro_usd_h: int, params: LeftValueParams) -> int:
    """Micro-USD per hour of a free GPU that all expected work could use."""
    return params.gpu_hour_micro_usd or floor_div(price_micro_usd_h * params.rate_percent, 100)


def _worths(mix: Mix, fabric: Fabric, params: LeftValueParams, idle: Idle) -> list[_Worth]:
    """Expected wants and what they make of a node."""
    typical = frequent(mix, params.typical_percent)
    total = sum(count for _, count in typical)
    found = []
    for want, count in typical:
        slots = floor_div(_GRID * count * params.slots_percent, 100 * total)
        usable = floor_div(_GRID * count * (100 - params.slots_percent), 100 * total)
        found.append(_Worth(want, usable, slots * want.milli))
    if params.price_percent and mix:
        for want, rest, chance in short_groups(mix, idle, kinds_of(fabric), params.horizon_percent):
            price = floor_div(_GRID * chance * params.price_percent, 100 * 1000)
            found.append(_Worth(want, price, 0) if rest else _Worth(want, 0, price * want.milli))
    return [one for one in found if one.usable or one.slots]


def _value(worths: Sequence[_Worth], devices: Sequence[int], resources: Sequence[int]) -> int:
    """V of one node in steps of 1/_SCALE."""
    total = 0
    whole = sum(1 for free in devices if free == MILLI)
    for want, usable, slots in worths:
        need = want.share_milli or MILLI
        many = whole // want.gpus if want.gpus else sum(free // need for free in devices)
        for free, amount in zip(resources, (want.cpu_milli, want.memory_mib, want.nics), strict=True):
            many = min(many, free // amount) if amount else many
        if many > 0:
            total += usable * sum(free for free in devices if free >= need) + slots * many
    return total
