"""Charges per replica and node: one array per kind of replica, shared by all that are alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

from placement.model.policy import RuleSpec
from placement.rules.amounts import check_amount
from placement.rules.context import Context, PartRef
from solver.atoms import UnitCharge
from solver.items import IntArray
from solver.problem import Atom

__all__ = ["unit_charges"]


def unit_charges(
    context: Context,
    spec: RuleSpec,
    alike: Callable[[PartRef], Hashable],
    each: Callable[[PartRef], IntArray],
) -> list[Atom]:
    """A UnitCharge for every part whose costs are not all zero.

    `alike` names what the costs of a part depend on (None: the part costs nothing); `each` are the costs per
    replica and node, int64[N], before the spec's weight.
    """
    tier = context.tier(spec.tier)
    atoms: list[Atom] = []
    for (item, part), ref in context.parts():
        kind = alike(ref)
        if kind is None:
            continue
        key = (spec.name, spec.tier, kind)
        costs = context.costs(key, partial(_weighted, spec.weight, each, ref))
        if costs is not None:
            atoms.append(UnitCharge(spec.name, tier, item, part, costs))
    return atoms


def _weighted(weight: int, each: Callable[[PartRef], IntArray], ref: PartRef) -> IntArray:
    costs = each(ref)
    check_amount(weight * int(costs.max(initial=0)))
    return weight * costs
