"""Charges per replica and node: one array per kind of replica, shared by all that are alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement.model.policy import RuleSpec
from placement.rules.amounts import check_amount
from placement.rules.context import Context, PartRef
from solver.atoms import UnitCharge
from solver.items import ByteArray, IntArray, Ranked
from solver.problem import Atom

__all__ = ["Graded", "Grades", "graded_costs", "unit_charges"]

Grades = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Graded:
    """Costs that take few values: `cost_of[grades[n]]` on node n; `grades` uint8[N], `cost_of` for those that occur."""

    grades: Grades
    cost_of: Mapping[int, int]


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
    known: dict[Hashable, IntArray | Ranked | None] = {None: None}
    for (item, part), ref in context.parts():
        kind = alike(ref)
        if kind in known:
            costs = known[kind]
        else:
            costs = known[kind] = _costs(context, (spec.name, spec.tier, kind), spec.weight, each(ref))
        if costs is not None:
            atoms.append(UnitCharge(spec.name, tier, item, part, costs))
    return atoms


def _costs(context: Context, key: Hashable, weight: int, each: IntArray | Graded) -> IntArray | Ranked | None:
    if isinstance(each, Graded):
        return graded_costs(context, each, weight)
    check_amount(weight * int(each.max(initial=0)))
    costs = weight * each
    return context.costs(key, lambda: costs)


def graded_costs(context: Context, each: Graded, weight: int) -> Ranked | None:
    """As `Context.costs`: equal costs are one object; so are ranks that tell the same nodes apart."""
    values = sorted(set(each.cost_of.values()))
    check_amount(weight * max(values, default=0))
    if not weight or not any(values):
        return None
    # Bytes to bytes: many times faster than to gather through an index array.
    ranks = bytearray(256)
    for grade, cost in each.cost_of.items():
        ranks[grade] = values.index(cost)
    rank_of = each.grades.tobytes().translate(ranks)
    prices = tuple(weight * value for value in values)

    def made() -> Ranked:
        ranks: ByteArray = context.recall(("ranks", rank_of), lambda: np.frombuffer(rank_of, np.uint8))
        return Ranked(ranks, np.array(prices, np.int64))

    return context.recall(("graded", prices, rank_of), made)
