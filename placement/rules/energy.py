"""energy: the electricity that busy GPUs draw, at the site's tariff."""

from __future__ import annotations

import numpy as np

from placement.model.case import Case
from placement.model.fields import Document, Natural
from placement.model.policy import RuleSpec
from placement.rules.amounts import product_over
from placement.rules.context import Context, PartRef
from placement.rules.rule import ObjectiveRule, Placements
from placement.rules.survey import pending_seats
from placement.rules.unit_charges import unit_charges
from placement.units import MICRO, MILLI, ceil_div
from solver.items import IntArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Energy", "EnergyParams"]

_W_PER_KW = 1000


class EnergyParams(Document):
    """What holds where the fleet gives no figure."""

    tariff_micro_usd_kwh: Natural = 120_000
    """Tariff of nodes whose site has none."""


class Energy(ObjectiveRule[EnergyParams]):
    """Micro-USD per hour = GPU power x share of the GPUs x tariff, rounded up per replica; idle draw is not counted."""

    name = "energy"
    params_type = EnergyParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge per part with GPUs."""
        fallback = self.params(spec).tariff_micro_usd_kwh

        def each(ref: PartRef) -> IntArray:
            fabric = context.fabric
            tariff = np.where(fabric.tariff_micro_usd_kwh > 0, fabric.tariff_micro_usd_kwh, fallback)
            return product_over((fabric.gpu_power_w, ref.role.replica_gpu_milli, tariff), MILLI * _W_PER_KW)

        return unit_charges(context, spec, lambda ref: ref.role.replica_gpu_milli or None, each)

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Energy of every replica, one by one."""
        fallback = self.params(spec).tariff_micro_usd_kwh
        total = 0
        for seat in pending_seats(case, fabric, placements):
            node = fabric.nodes[seat.node]
            tariff = int(fabric.tariff_micro_usd_kwh[seat.node]) or fallback
            milliwatts = node.gpu_power_w * seat.role.replica_gpu_milli
            total += ceil_div(milliwatts * tariff, MILLI * _W_PER_KW)
        return spec.weight * total
