"""price: what the nodes' owners charge for the devices in use."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from placement.model.case import Case
from placement.model.policy import RuleSpec
from placement.model.workload import Role
from placement.rules.amounts import product_over
from placement.rules.context import Context
from placement.rules.rule import NoParams, ObjectiveRule, Placements
from placement.rules.survey import pending_seats
from placement.rules.unit_charges import unit_charges
from placement.units import MICRO, MILLI, ceil_div
from solver.items import IntArray
from solver.problem import Atom
from topology.fabric import Fabric

__all__ = ["Price"]


class Price(ObjectiveRule[NoParams]):
    """Micro-USD per hour, rounded up per replica.

    A replica with GPUs pays its share of the devices at the node's price per GPU-hour. One without GPUs pays its
    share of the node's CPU at the price of the whole node (all its GPUs, or the node-hour where it has none).
    """

    name = "price"
    params_type = NoParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One charge per part."""

        def each(role: Role) -> IntArray:
            fabric = context.fabric
            if role.replica_gpu_milli:
                return product_over((fabric.price_micro_usd_h, role.replica_gpu_milli), MILLI)
            whole = fabric.price_micro_usd_h * np.maximum(fabric.gpu_count, 1)
            return product_over((whole, role.cpu_milli), fabric.cpu_milli)

        return unit_charges(context, spec, lambda ref: _share(ref.role), lambda ref: each(ref.role))

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Price of every replica, one by one."""
        total = 0
        for seat in pending_seats(case, fabric, placements):
            node, role = fabric.nodes[seat.node], seat.role
            if role.replica_gpu_milli:
                share = Fraction(role.replica_gpu_milli, MILLI)
            else:
                share = Fraction(role.cpu_milli, node.cpu_milli) if node.cpu_milli else Fraction(0)
                share *= max(1, node.gpu_count)
            cost = node.price_micro_usd_h * share
            total += ceil_div(cost.numerator, cost.denominator)
        return spec.weight * total


def _share(role: Role) -> tuple[int, int]:
    """What the price depends on."""
    return (role.replica_gpu_milli, 0 if role.replica_gpu_milli else role.cpu_milli)
