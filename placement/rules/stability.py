"""stability: what it costs to disturb running work, by the hour."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import Field

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.model.state import Running
from placement.model.workload import Kind
from placement.rules.amounts import check_amount
from placement.rules.context import Context
from placement.rules.disturbance import disturbed, homes, mobile
from placement.rules.rule import ObjectiveRule, Placements
from placement.units import MICRO, MILLI, ceil_div
from solver.atoms import Stay
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Stability", "StabilityParams"]

_HOUR_S = 3600
_APART = frozenset({Kind.INFERENCE, Kind.BATCH_INFERENCE, Kind.EMBEDDING, Kind.CPU})
"""Kinds whose replicas restart one by one; all others restart whole."""
_KEEPS_STATE = frozenset({Kind.TRAINING, Kind.FINE_TUNE, Kind.PIPELINE})
"""Kinds that lose what they did since their last checkpoint."""


class StabilityParams(Document):
    """Exchange rate, and the shortest time over which a restart is paid off."""

    gpu_hour_micro_usd: Natural = 2_000_000
    """Value of one GPU-hour of work that is lost."""
    least_remaining_s: Annotated[int, Field(ge=1, le=10**9)] = 600
    move_micro_usd_h: Natural = 0
    """Due on top for every replica that is moved, evicted or added, whatever its own cost."""


class Stability(ObjectiveRule[StabilityParams]):
    """Micro-USD per hour = (restart cost + GPU-hours since the last checkpoint x their value) / hours still to run.

    Due once for a training, fine-tune or pipeline workload of which any replica moves; per moved replica, in equal
    parts of the replicas that it wants, for services, batch inference, embedding and CPU work (they lose no progress).
    An eviction costs as much as moving all of it. Rounded up. `move_micro_usd_h` comes on top for every replica that is
    moved or evicted. A replica by which running work grows costs what a further moved one does: it starts as well.
    """

    name = "stability"
    params_type = StabilityParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge for each workload that runs and may be disturbed."""
        params = self.params(spec)
        atoms: list[Atom] = []
        for one, item, seats in homes(context):
            once, each = _prices(one, context.case.now_s, params)
            each += params.move_micro_usd_h
            check_amount(spec.weight * (once + each * len(one.replicas)))
            once, each = spec.weight * once, spec.weight * each
            leave = once + each * len(one.replicas)
            if leave:
                atoms.append(Stay(self.name, context.tier(spec.tier), item, seats, once, each, leave))
        return atoms

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Price of every disturbed workload."""
        params = self.params(spec)
        placed = {placement.workload: placement for placement in placements}
        total = 0
        for one in mobile(case):
            once, each = _prices(one, case.now_s, params)
            after = placed.get(one.workload.id)
            found = disturbed(one, after)
            starting = found.lost if after is None else found.moved + found.grown
            total += once * bool(after is None or found.moved) + (each + params.move_micro_usd_h) * starting
        return spec.weight * total


def _prices(one: Running, now_s: int, params: StabilityParams) -> tuple[int, int]:
    """Micro-USD per hour for moving any of it, and for each replica that moves."""
    roles = {(sub.name, role.name): role for sub in one.workload.subgroups for role in sub.roles}
    milli = sum(roles[replica.subgroup, replica.role].replica_gpu_milli for replica in one.replicas)
    lost_s = 0
    if one.workload.kind in _KEEPS_STATE:
        lost_s = max(0, now_s - max(one.start_s, one.last_checkpoint_s or 0))
    left_s = one.workload.expected_duration_s if one.expected_end_s is None else one.expected_end_s - now_s
    lost = Fraction(milli * lost_s * params.gpu_hour_micro_usd, MILLI * _HOUR_S)
    hourly = (one.restart_cost_micro_usd + lost) * _HOUR_S / max(left_s, params.least_remaining_s)
    if one.workload.kind in _APART:
        hourly /= len(one.replicas) + sum(one.lacking.values())
        return 0, ceil_div(hourly.numerator, hourly.denominator)
    return ceil_div(hourly.numerator, hourly.denominator), 0
