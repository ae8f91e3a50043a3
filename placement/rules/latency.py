"""latency: what a gang loses when its steps wait for traffic across the levels that it spans."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.model.workload import Kind, Workload
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import settled
from placement.units import MICRO, MILLI, ceil_div
from solver.atoms import SpanCharge
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Latency", "LatencyParams"]

_BITS_PER_MIB = 8 * 2**20
_NS_PER_US = 1000
_NS_PER_HOUR = 3600 * 10**9
_GANGS = (Kind.TRAINING, Kind.FINE_TUNE, Kind.PIPELINE, Kind.INFERENCE)


class LatencyParams(Document):
    """Figures of the step, and of the traffic that crosses no level."""

    gpu_hour_micro_usd: Natural = 2_000_000
    """Value of one GPU-hour."""
    steps_per_hour: Annotated[int, Field(ge=1, le=10**9)] = 7200
    """Steps of a gang that waits for nothing (7200: half a second each)."""
    training_message_mib: Natural = 1024
    """Message of training and fine-tuning work that names none; other work then exchanges nothing."""
    node_bandwidth_gbps: Annotated[int, Field(ge=1, le=10**8)] = 7200
    """Bandwidth inside a node."""
    node_latency_us: Natural = 1
    """Latency inside a node."""


class Latency(ObjectiveRule[LatencyParams]):
    """Micro-USD per hour = extra time per step / time of a step x GPUs of the gang x value of a GPU-hour.

    The extra time is that of a ring all-reduce, 2 (n - 1) / n x message / bandwidth + 2 (n - 1) x latency for n
    replicas, at the coarsest level whose domains the gang crosses, less the same inside a node. It never falls from a
    finer to a coarser level, whatever the figures say. n and the GPUs are those of the full gang. Source: Thakur,
    Rabenseifner and Gropp, Optimization of Collective Communication Operations in MPICH, 2005 (ring algorithm).
    """

    name = "latency"
    params_type = LatencyParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge per gang and level at which the cost rises."""
        params = self.params(spec)
        tier = context.tier(spec.tier)
        atoms: list[Atom] = []
        for number, item in enumerate(context.items):
            for workload in item.members:
                key = (self.name, spec.tier, _gang(workload, params))
                costs = context.recall(key, partial(_costs, context.fabric, key[2], params))
                finer = 0
                for level, cost in costs:
                    if cost > finer and context.domain_count(level) > 1:
                        bundle = item.bundle_of[workload.id,]
                        price = spec.weight * (cost - finer)
                        atoms.append(SpanCharge(self.name, tier, number, bundle, context.partition(level), price))
                        finer = cost
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Cost of every gang at the coarsest level that it crosses."""
        params = self.params(spec)
        total = 0
        for one in settled(case, fabric, placements):
            costs = dict(_costs(fabric, _gang(one.workload, params), params))
            total += max((costs[level] for level in costs if len(one.domains(fabric, level)) > 1), default=0)
        return spec.weight * total


def _gang(workload: Workload, params: LatencyParams) -> tuple[int, int, int]:
    """Replicas, GPU milli and message of a gang; no message where the rule does not speak of it."""
    replicas = sum(role.replicas for subgroup in workload.subgroups for role in subgroup.roles)
    message = workload.message_mib
    if not message and workload.kind in {Kind.TRAINING, Kind.FINE_TUNE}:
        message = params.training_message_mib
    if workload.kind not in _GANGS or replicas < 2:
        message = 0
    return replicas, workload.gpu_milli_total, message


def _ring_ns(replicas: int, message_mib: int, bandwidth_gbps: int, latency_us: int) -> int:
    """Time of a ring all-reduce in nanoseconds, rounded up."""
    hops = 2 * (replicas - 1)
    transfer = ceil_div(hops * message_mib * _BITS_PER_MIB, replicas * bandwidth_gbps)
    return transfer + hops * latency_us * _NS_PER_US


def _costs(fabric: Fabric, gang: tuple[int, int, int], params: LatencyParams) -> list[tuple[str, int]]:
    """(level, micro-USD per hour if the gang crosses it), fine to coarse and never falling."""
    replicas, milli, message = gang
    if not message or not milli:
        return []
    inside = _ring_ns(replicas, message, params.node_bandwidth_gbps, params.node_latency_us)
    found = []
    most = 0
    for level in reversed(fabric.levels):
        extra = max(0, _ring_ns(replicas, message, level.bandwidth_gbps, level.latency_us) - inside)
        value = milli * params.gpu_hour_micro_usd
        cost = ceil_div(extra * params.steps_per_hour * value, _NS_PER_HOUR * MILLI)
        most = max(most, cost)
        found.append((level.name, most))
    return found
