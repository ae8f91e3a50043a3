"""The judge: re-measures every atom on a finished plan. Never imports ortools, never reads a solver's own figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.ma  # noqa: F401 - `np.unique` imports it at its first call, in the midst of a decision

from solver.items import IntArray
from solver.plan import Plan
from solver.problem import Problem, Violation

__all__ = ["Report", "check", "gang_violations", "values"]


@dataclass(frozen=True)
class Report:
    """What the judge found: violations, the value of every tier, and the cost of every atom that has one."""

    violations: tuple[Violation, ...]
    values: tuple[int, ...]
    costs: tuple[tuple[int, int], ...]
    """(index of the atom, its cost), priced atoms only."""


def _misshapen(problem: Problem, plan: Plan) -> list[Violation]:
    """Seats that name what does not exist; nothing else can be measured on such a plan."""
    bins, width = problem.bins.devices.shape
    flat, items = plan.flat, problem.items
    known = all(
        0 <= index < len(items) and len(parts) == len(items[index].parts) for index, parts in plan.seats.items()
    )
    if known and _all_in(flat.bins, bins) and _all_in(flat.device, width):
        return []
    found = []
    for index, parts in plan.seats.items():
        if not 0 <= index < len(problem.items):
            found.append(Violation("gang", (), f"the plan places item {index}, which does not exist"))
        elif len(parts) != len(problem.items[index].parts):
            found.append(Violation("gang", (index,), "the plan has another number of parts than the item"))
        elif any(not 0 <= seat.bin < bins for seats in parts for seat in seats):
            found.append(Violation("capacity", (index,), "a replica sits in a bin that does not exist"))
        elif any(not 0 <= d < width for seats in parts for seat in seats for d, _ in seat.devices):
            found.append(Violation("capacity", (index,), "a replica holds a device that does not exist"))
    return found


def _all_in(figures: IntArray, size: int) -> bool:
    return not figures.size or (int(figures.min()) >= 0 and int(figures.max()) < size)


def gang_violations(problem: Problem, plan: Plan) -> list[Violation]:
    """Items that are placed in part: missing replicas, missing bundles, too many replicas."""
    found = []
    for index, seats in plan.seats.items():
        item = problem.items[index]
        flat = len(item.bundles) == 1 and not item.bundles[0].need
        if flat and all(part.min_count <= len(s) <= part.count for part, s in zip(item.parts, seats, strict=True)):
            continue
        held = [len(s) for s in seats]
        on = [any(held[p] for p in item.parts_of(b)) for b in range(len(item.bundles))]
        on[0] = True
        for part, n in zip(item.parts, held, strict=True):
            least = part.min_count if on[part.bundle] else 0
            if not least <= n <= part.count:
                detail = f"part {part.name} has {n} replicas, {least}..{part.count} are needed"
                found.append(Violation("gang", (index,), detail))
        for b, bundle in enumerate(item.bundles):
            placed = sum(on[c] for c in item.children(b))
            if on[b] and placed < bundle.need:
                detail = f"bundle {bundle.name} has {placed} of the {bundle.need} groups it needs"
                found.append(Violation("gang", (index,), detail))
    return found


def values(problem: Problem, plan: Plan) -> tuple[int, ...]:
    """Exact value of every tier."""
    totals = [0] * problem.tiers
    for atom in problem.atoms:
        if atom.tier >= 0:
            totals[atom.tier] += atom.cost(problem, plan)
    return tuple(totals)


def check(problem: Problem, plan: Plan) -> Report:
    """Measure everything. A plan that names what does not exist is measured as the empty plan, and is a violation."""
    misshapen = _misshapen(problem, plan)
    if misshapen:
        return Report(tuple(misshapen), values(problem, Plan()), ())
    broken = gang_violations(problem, plan)
    totals = [0] * problem.tiers
    costs = []
    for number, atom in enumerate(problem.atoms):
        if atom.may_break:
            broken += atom.violations(problem, plan)
        if atom.tier >= 0:
            cost = atom.cost(problem, plan)
            costs.append((number, cost))
            totals[atom.tier] += cost
    return Report(tuple(broken), tuple(totals), tuple(costs))
