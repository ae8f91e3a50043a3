"""stranded: large free pieces of nodes that a plan breaks up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

import numpy as np
from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.model.state import Device
from placement.model.workload import Role
from placement.rules.amounts import check_amount
from placement.rules.context import Context, Usage
from placement.rules.expected import Kind, Mix, expected_mix, kinds_of, known_wants, running_wants, short_groups
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import Idle, idle_now, pending_seats, running_seats
from placement.units import MICRO, MILLI, floor_div
from solver.atoms import Remainder
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Stranded", "StrandedParams"]

_SIZES = (1, 2, 4, 8)


class StrandedParams(Document):
    """Exchange rate."""

    rate_percent: Annotated[int, Field(ge=0, le=1000)] = 5
    """Value of a free GPU-hour as a part of the node's price, used where `gpu_hour_micro_usd` is 0."""
    gpu_hour_micro_usd: Natural = 0
    """Value of a free GPU-hour on every node; 0: `rate_percent` of the node's own price."""
    price_percent: Annotated[int, Field(ge=0, le=1000)] = 100
    """Price of a chunk that work for its GPU model is sure to lack, as a part of its GPUs' value; 0: no such prices."""
    horizon_percent: Annotated[int, Field(ge=0, le=1000)] = 100
    """How full the fleet is expected to become, in percent of its GPUs: so much work is still to come."""


class Stranded(ObjectiveRule[StrandedParams]):
    """Micro-USD per hour for every chunk of 1, 2, 4 or 8 whole free GPUs of a node that a plan takes away.

    A node with f whole free GPUs offers f // n chunks of n. A chunk is worth n x value of a GPU-hour x (the share of
    the GPU demand, running and pending, that asks for at least n GPUs per replica + price_percent x P(work that insists
    on GPUs of this model runs short of such chunks)), rounded down. Work that fits into what is broken already costs
    least: small pieces go beside small pieces; models that others insist on are left to them as soon as they may run
    short. P is the largest over the sets of models (`expected.short_groups`, by what runs and waits).
    """

    name = "stranded"
    params_type = StrandedParams
    unit = "USD/h"
    scale = MICRO

    def read(self, usage: Usage, fabric: Fabric) -> None:
        """What the running replicas ask for."""
        known_wants(usage)

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom over all nodes."""
        params, usage, fabric = self.params(spec), context.usage, context.fabric
        running = dict(enumerate(np.bincount(usage.flat.gpus, usage.flat.gpu_milli).astype(np.int64).tolist()))
        shares = {size: share for size, share in _shares(context.case, running).items() if share}
        idle = Idle(usage.free_devices, usage.free_resources, usage.used_devices)
        short = _short(expected_mix(context.case, (), known_wants(usage)), fabric, params, idle)
        nodes = list(zip(fabric.price_micro_usd_h.tolist(), kinds_of(fabric), strict=True))
        value_of = {
            (price, kind): [_worth(price, n, shares[n] + short.get((kind, n), 0), params) for n in shares]
            for price, kind in set(nodes)
        }
        check_amount(spec.weight * max((max(row, default=0) for row in value_of.values()), default=0))
        values = spec.weight * np.array([value_of[node] for node in nodes], np.int64)
        inside = context.fabric.gpu_count[:, None] >= np.array(list(shares), np.int64)[None, :]
        values = np.where(inside, values.reshape(inside.shape), 0)
        kept = [column for column in range(len(shares)) if values[:, column].any()]
        if not kept:
            return []
        sizes = tuple(list(shares)[column] for column in kept)
        return [Remainder(self.name, context.tier(spec.tier), sizes, values[:, kept])]

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Chunks lost, node by node."""
        params = self.params(spec)
        shares = _shares(case, _running(case))
        mix = expected_mix(case, (), running_wants(running_seats(case, fabric)))
        short = _short(mix, fabric, params, idle_now(case, fabric))
        kinds = kinds_of(fabric)
        running: dict[int, list[Device]] = {}
        for one in running_seats(case, fabric):
            for seat in one.seats:
                running.setdefault(seat.node, []).extend(seat.devices)
        new: dict[int, list[Device]] = {}
        for seat in pending_seats(case, fabric, placements):
            new.setdefault(seat.node, []).extend(seat.devices)
        total = 0
        for row, devices in new.items():
            node = fabric.nodes[row]
            usable = set(range(node.gpu_count)) - set(node.unhealthy_gpus)
            before = usable - {device.index for device in running.get(row, ())}
            after = before - {device.index for device in devices}
            for size, share in shares.items():
                lost = len(before) // size - len(after) // size
                worth = _worth(node.price_micro_usd_h, size, share + short.get((kinds[row], size), 0), params)
                total += lost * worth
        return spec.weight * total


def _short(mix: Mix, fabric: Fabric, params: StrandedParams, idle: Idle) -> dict[tuple[Kind, int], Fraction]:
    """(kind of node, chunk size) -> price of a chunk that may run short, as a part of the value of its GPUs.

    Of models only that some work insists on: the price of large pieces as such gains nothing on the replays of
    `bench/replay`, and moves running work for the sake of chunks. Rests of devices count as single ones.
    """
    if not params.price_percent or not any(want.models for want, _ in mix):
        return {}
    nodes = kinds_of(fabric)
    kinds = set(nodes)
    found: dict[tuple[Kind, int], Fraction] = {}
    for want, _, thousandths in short_groups(mix, idle, nodes, params.horizon_percent):
        size = max(n for n in _SIZES if n <= max(1, want.gpus))
        price = Fraction(thousandths * params.price_percent, 1000 * 100)
        for kind in kinds:
            if want.models and want.admits(*kind):
                found[kind, size] = max(price, found.get((kind, size), price))
    return found


def _asks(role: Role) -> int:
    """Whole GPUs of a replica; a share of 1000 milli is one."""
    return role.gpus if role.gpu_milli < MILLI else 1


def _running(case: Case) -> dict[int, int]:
    """Whole GPUs per replica -> GPU milli of all running replicas that ask for so many, read from the documents."""
    asked: Counter[int] = Counter()
    for one in case.running:
        roles = {(sub.name, role.name): role for sub in one.workload.subgroups for role in sub.roles}
        for replica in one.replicas:
            role = roles[replica.subgroup, replica.role]
            asked[_asks(role)] += role.replica_gpu_milli
    return asked


def _shares(case: Case, running: Mapping[int, int]) -> dict[int, Fraction]:
    """Chunk size -> share of the GPU demand that asks for at least so many whole GPUs per replica.

    `running` is the demand of running work: whole GPUs per replica -> GPU milli.
    """
    asked = Counter(running)
    for workload in case.workloads:
        for subgroup in workload.subgroups:
            for role in subgroup.roles:
                asked[_asks(role)] += role.replicas * role.replica_gpu_milli
    total = sum(asked.values())
    if not total:
        return {}
    return {size: Fraction(sum(m for n, m in asked.items() if n >= size), total) for size in _SIZES}


def _worth(price_micro_usd_h: int, size: int, share: Fraction, params: StrandedParams) -> int:
    """Micro-USD per hour of one chunk."""
    value = params.gpu_hour_micro_usd * 100 or price_micro_usd_h * params.rate_percent
    worth = size * share * value
    return floor_div(worth.numerator, worth.denominator * 100)
