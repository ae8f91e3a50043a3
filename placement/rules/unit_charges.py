"""Charges per replica and node: one array per kind of replica, shared by all that are alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement.model.policy import RuleSpec
from placement.rules.amounts import check_amount
from placement.rules.context import Context, PartRef
from solver.atoms import UnitCharge
from solver.items import IntArray
from solver.problem import Atom

__all__ = ["Graded", "Grades", "unit_charges"]

Grades = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Graded:
    """Costs that take few values: `costs[grades[n]]` on node n, uint8[N]."""

    grades: Grades
    costs: list[int]


def unit_charges(
    context: Context,
    spec: RuleSpec,
    alike: Callable[[PartRef], Hashable],
    each: Callable[[PartRef], IntArray | Graded],
) -> list[Atom]:
    """A UnitCharge for every part whose costs are not all zero.

    `alike` names what the costs of a part depend on (None: the part costs nothing); `each` are the costs per
    replica and node, int64[N], before the spec's weight.
    """
    tier = context.tier(spec.tier)
    atoms: list[Atom] = []
    known: dict[Hashable, IntArray | None] = {None: None}
    for (item, part), ref in context.parts():
        kind = alike(ref)
        if kind in known:
            costs = known[kind]
        else:
            costs = known[kind] = _costs(context, (spec.name, spec.tier, kind), spec.weight, each(ref))
        if costs is not None:
            atoms.append(UnitCharge(spec.name, tier, item, part, costs))
    return atoms


def _costs(context: Context, key: Hashable, weight: int, each: IntArray | Graded) -> IntArray | None:
    if isinstance(each, Graded):
        check_amount(weight * max(each.costs, default=0))
        lookup = np.array([weight * cost for cost in each.costs], np.int64)
        found = each
        return context.costs(key, lambda: lookup[found.grades])
    check_amount(weight * int(each.max(initial=0)))
    costs = weight * each
    return context.costs(key, lambda: costs)
