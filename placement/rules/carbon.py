"""carbon: the emissions of the electricity that busy GPUs draw, at a price per kilogram."""

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
from placement.units import MILLI, ceil_div
from solver.items import IntArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Carbon", "CarbonParams"]

_W_PER_KW = 1000
_G_PER_KG = 1000


class CarbonParams(Document):
    """Exchange rate, and what holds where the fleet gives no figure."""

    price_micro_usd_per_kg: Natural = 80_000
    """Price of one kilogram of CO2 equivalent."""
    carbon_g_kwh: Natural = 400
    """Intensity of nodes whose site has none."""


class Carbon(ObjectiveRule[CarbonParams]):
    """Micro-USD per hour = GPU power x share of the GPUs x carbon intensity x price, rounded up per replica."""

    name = "carbon"
    params_type = CarbonParams
    unit = "kg CO2e/h"

    def natural(self, cost: int, spec: RuleSpec) -> float:
        """Kilograms per hour; 0 where a kilogram costs nothing."""
        price = self.params(spec).price_micro_usd_per_kg
        return cost / price if price else 0.0

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge per part with GPUs."""
        params = self.params(spec)

        def each(ref: PartRef) -> IntArray:
            fabric = context.fabric
            grams = np.where(fabric.carbon_g_kwh > 0, fabric.carbon_g_kwh, params.carbon_g_kwh)
            factors = (fabric.gpu_power_w, ref.role.replica_gpu_milli, grams, params.price_micro_usd_per_kg)
            return product_over(factors, MILLI * _W_PER_KW * _G_PER_KG)

        return unit_charges(context, spec, lambda ref: ref.role.replica_gpu_milli or None, each)

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Emissions of every replica, one by one."""
        params = self.params(spec)
        total = 0
        for seat in pending_seats(case, fabric, placements):
            node = fabric.nodes[seat.node]
            grams = int(fabric.carbon_g_kwh[seat.node]) or params.carbon_g_kwh
            milliwatts = node.gpu_power_w * seat.role.replica_gpu_milli
            price = milliwatts * grams * params.price_micro_usd_per_kg
            total += ceil_div(price, MILLI * _W_PER_KW * _G_PER_KG)
        return spec.weight * total
