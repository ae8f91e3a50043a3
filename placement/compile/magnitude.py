"""How large a tier can become: objectives are exact integers, and must stay within what the solver counts in."""

from __future__ import annotations

import numpy as np

from placement.errors import InputError
from solver.atoms import (
    Apart,
    Exclusive,
    LeftValue,
    RefuseCharge,
    Remainder,
    Share,
    SpanCharge,
    Spread,
    Stay,
    Together,
    UnitCharge,
    Vacant,
)
from solver.items import WHOLE, IntArray
from solver.problem import Atom, Problem

__all__ = ["LARGEST", "check_magnitude"]

LARGEST = 2**60
"""Most points that a tier may reach; sums of products with it stay within 64 bits."""


def check_magnitude(problem: Problem, tiers: tuple[int, ...]) -> None:
    """InputError if some plan could take a tier beyond `LARGEST` points; `tiers` are the policy's tiers."""
    peaks: dict[int, int] = {}
    counts = [[part.count for part in item.parts] for item in problem.items]
    totals = [0] * problem.tiers
    largest: dict[tuple[int, str], int] = {}
    for atom in problem.atoms:
        tier = atom.tier
        if tier < 0:
            continue
        if type(atom) is UnitCharge:
            key = id(atom.each)
            peak = peaks.get(key)
            if peak is None:
                peak = peaks[key] = int(atom.each.max(initial=0))
            most = peak * counts[atom.item][atom.part]
        elif type(atom) is SpanCharge:
            most = atom.price_once
        else:
            most = _most(problem, atom)
        totals[tier] += most
        kind = tier, atom.rule
        if most > largest.get(kind, -1):
            largest[kind] = most
    worst: dict[int, tuple[int, str]] = {}
    for (tier, rule), most in largest.items():
        worst[tier] = max(worst.get(tier, (0, "")), (most, rule))
    for number, total in enumerate(totals):
        if total > LARGEST:
            raise InputError(
                "policy.rules",
                f"tier {tiers[number]} could reach {total} points, mostly by rule {worst[number][1]!r}; "
                f"it must stay below {LARGEST}",
                "lower the weights or prices of that tier",
            )


def _most(problem: Problem, atom: Atom) -> int:
    """An upper bound of an atom's cost over all plans."""
    if isinstance(atom, Exclusive):
        return atom.price_each * problem.domains(atom.partition) * len(atom.members)
    if isinstance(atom, Apart):
        return atom.price_each * problem.domains(atom.partition) * len(atom.ones) * len(atom.others)
    if isinstance(atom, RefuseCharge):
        return sum(cost * problem.part(key).count for key, cost in atom.each.items())
    if isinstance(atom, Spread):
        return atom.price_each * sum(problem.part((atom.item, part)).count for part in atom.parts)
    if isinstance(atom, Stay):
        replicas = sum(part.count for part in problem.items[atom.item].parts)
        return max(atom.leave_once, atom.move_once + atom.move_each * replicas)
    if isinstance(atom, Together):
        return atom.price_each * problem.domains(atom.partition)
    if isinstance(atom, Share):
        load = atom.base + sum(use * problem.part(key).count for key, use in atom.use.items())
        return sum(hinge.rate * (hinge.at if hinge.below else max(0, load - hinge.at)) for hinge in atom.hinges)
    if isinstance(atom, Vacant):
        return atom.wanted * atom.price_each
    if isinstance(atom, LeftValue):
        bins = problem.bins
        worth = atom.values(np.arange(bins.count), bins.devices, bins.resources)
        return sum(worth.tolist())
    if isinstance(atom, Remainder):
        return sum(_chunks(problem, atom.values[:, k], size) for k, size in enumerate(atom.sizes))
    return 0


def _chunks(problem: Problem, values: IntArray, size: int) -> int:
    """Value of all free chunks of one size, in Python's integers."""
    free = (problem.bins.devices == WHOLE).sum(axis=1) // size
    if int(values.max(initial=0)) * max(1, int(free.sum())) < LARGEST:
        return int(values @ free)
    used = np.flatnonzero(values)
    return sum(v * n for v, n in zip(values[used].tolist(), free[used].tolist(), strict=True))
