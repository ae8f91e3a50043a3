"""state_fetch: GPUs that wait for weights, checkpoints or data to arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.model.workload import Workload
from placement.rules.context import Context, PartRef
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import pending_seats
from placement.rules.unit_charges import Graded, Grades, unit_charges
from placement.units import MICRO, MILLI, ceil_div
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["StateFetch", "StateFetchParams"]

_BITS_PER_MIB = 8 * 2**20
_BITS_PER_GBIT = 10**9


class StateFetchParams(Document):
    """Exchange rate and the speed of a node's own fetching."""

    fetch_gbps: Annotated[int, Field(ge=1, le=10**8)] = 25
    """What a node can take in, and what it gets from outside the fleet."""
    gpu_hour_micro_usd: Natural = 2_000_000
    """Value of one GPU-hour."""


class StateFetch(ObjectiveRule[StateFetchParams]):
    """Micro-USD per hour = seconds of the fetch / expected duration x GPUs of the replica x value of a GPU-hour.

    A node that holds the state pays nothing. Any other takes it from the nearest holder (the one with which it shares
    the finest domain) at the bandwidth of the coarsest level that they do not share, at most `fetch_gbps`. State
    that no node of the fleet holds comes from outside at `fetch_gbps`. Rounded up per replica.
    """

    name = "state_fetch"
    params_type = StateFetchParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge per part with GPUs and state."""
        params = self.params(spec)

        def alike(ref: PartRef) -> tuple[object, ...] | None:
            workload, milli = ref.workload, ref.role.replica_gpu_milli
            if not workload.state_mib or not milli:
                return None
            return milli, workload.state_mib, workload.state_nodes, workload.expected_duration_s

        def each(ref: PartRef) -> Graded:
            known = context.recall(("fetch", ref.workload.state_nodes), lambda: _crossed(context, ref.workload))
            levels, present = known
            price = _pricing(context.fabric, ref.workload, ref.role.replica_gpu_milli, params)
            return Graded(levels, {level + 2: price(level) for level in present})

        return unit_charges(context, spec, alike, each)

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Waiting of every replica, one by one."""
        params = self.params(spec)
        total = 0
        for seat in pending_seats(case, fabric, placements):
            workload, node = seat.workload, fabric.nodes[seat.node]
            holders = [fabric.index[name] for name in workload.state_nodes if name in fabric.index]
            if node.id in workload.state_nodes or not workload.state_mib:
                continue
            speed = params.fetch_gbps
            if holders:
                # The nearest holder: shares the most levels, counted from the coarsest.
                domains = [fabric.partition(level.name).domain_of for level in fabric.levels]
                shared = max(sum(labels[row] == labels[seat.node] for labels in domains) for row in holders)
                if shared < len(domains):
                    speed = min(speed, fabric.levels[shared].bandwidth_gbps)
            bits = workload.state_mib * _BITS_PER_MIB
            worth = seat.role.replica_gpu_milli * params.gpu_hour_micro_usd
            total += ceil_div(bits * worth, speed * _BITS_PER_GBIT * workload.expected_duration_s * MILLI)
        return spec.weight * total


_HOLDER = -2
_OUTSIDE = -1


def _crossed(context: Context, workload: Workload) -> tuple[Grades, list[int]]:
    """Per node the coarsest level not shared with the nearest holder, plus 2, uint8[N]; and the levels that occur.

    The number of levels stands for a node that shares all of them.
    """
    fabric = context.fabric
    rows = [fabric.index[name] for name in workload.state_nodes if name in fabric.index]
    levels = np.full(len(fabric.nodes), 2 if rows else 2 + _OUTSIDE, np.uint8)
    for number, level in enumerate(fabric.levels if rows else (), start=1):
        # Levels are nested: what is shared at one is shared at all coarser ones.
        if context.domain_count(level.name) == 1:
            levels.fill(2 + number)
            continue
        labels = context.labels(level.name)
        for domain in {int(labels[row]) for row in rows}:
            levels[context.nodes_in(level.name, domain)] = 2 + number
    levels[rows] = 2 + _HOLDER
    known = levels.tobytes()
    return levels, [grade - 2 for grade in range(len(fabric.levels) + 3) if grade in known]


def _pricing(fabric: Fabric, workload: Workload, milli: int, params: StateFetchParams) -> Callable[[int], int]:
    """Level as `_crossed` gives it -> micro-USD per hour for one replica."""
    worth = workload.state_mib * _BITS_PER_MIB * milli * params.gpu_hour_micro_usd
    per_gbps = _BITS_PER_GBIT * workload.expected_duration_s * MILLI

    def price(level: int) -> int:
        if level == _HOLDER:
            return 0
        speed = params.fetch_gbps
        if 0 <= level < len(fabric.levels):
            speed = min(speed, fabric.levels[level].bandwidth_gbps)
        return ceil_div(worth, speed * per_gbps)

    return price
