"""How a value and its bound are rated: the relative gap, invariant to constants and scale."""

from __future__ import annotations

from collections.abc import Sequence

from placement.compile import Lowered
from solver.atoms import RefuseCharge

__all__ = ["admission_proven", "gap_of", "refusing_tiers"]


def refusing_tiers(lowered: Lowered) -> frozenset[int]:
    """Indices of the tiers in which refusing work costs."""
    return frozenset(atom.tier for atom in lowered.problem.atoms if isinstance(atom, RefuseCharge))


def admission_proven(lowered: Lowered, closed: Sequence[bool]) -> bool:
    """Whether it is proven what is admitted: all tiers to the first in which refusing costs are `closed`."""
    first = min(refusing_tiers(lowered), default=0)
    return bool(closed) and all(closed[: first + 1])


def gap_of(value: int, bound: int, do_nothing: int | None) -> float:
    """Relative gap in [0, 1].

    With refused value: (value - bound) / (do_nothing - bound), do_nothing being the value of refusing everything; this
    is (bound - gain) / bound for gains counted from doing nothing. Pure cost (do_nothing None): (value - bound) /
    max(1, value); so too where doing nothing costs no more than the bound, as it can in a tier after one that makes
    running work give way.
    """
    if value == bound:
        return 0.0
    if do_nothing is not None and do_nothing > bound:
        return min(1.0, max(0.0, (value - bound) / (do_nothing - bound)))
    return min(1.0, max(0.0, (value - max(0, bound)) / max(1, value)))
