"""Recall: multipliers of an earlier bound, evaluated in exact integers on the problem as it is now.

Any multipliers give a valid bound, so nothing need be known of where they come from. No ortools, no search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.cells import coarse_cells
from solver.certificate import Certificate, evaluate, with_limits
from solver.encode import encode
from solver.items import IntArray
from solver.messages import BoundFound
from solver.model import FREE, Arrays
from solver.problem import Problem
from solver.rows import limit_names, multipliers_of, row_names

__all__ = ["COARSE", "Multipliers", "recall"]

COARSE = "coarse"
"""The one model whose multipliers are taken up again: it is small at any size of fleet."""
_LARGE = 2**62


@dataclass(frozen=True)
class Multipliers:
    """Multipliers of the coarse model for one tier: integers over `scale`, by the names of its rows."""

    tier: int
    scale: int
    by_row: Mapping[str, int]


def recall(problem: Problem, kept: Sequence[Multipliers], values: tuple[int, ...]) -> list[BoundFound]:
    """The bounds that multipliers prove now, given that earlier tiers are at most their `values`.

    Multipliers for tiers that there are not, or that leave the range of exact arithmetic, give none.
    """
    usable = [one for one in kept if 0 <= one.tier < problem.tiers and 0 < one.scale < _LARGE]
    if not usable:
        return []
    arrays = encode(problem, coarse_cells(problem), problem.anchor).arrays
    names = row_names(problem, arrays)
    found = []
    for one in usable:
        limits = values[: one.tier]
        limited = with_limits(arrays, limits)
        called = (*names, *limit_names(one.tier))
        within = {name: y for name, y in one.by_row.items() if -_LARGE < y < _LARGE}
        y = _pointed(limited, multipliers_of(called, within))
        value = evaluate(limited, one.tier, one.scale, y)
        if value is not None and value > 0:
            rows = np.flatnonzero(y).tolist()
            used = tuple(called[row] for row in rows)
            proof = Certificate(one.tier, COARSE, limits, one.scale, tuple(rows), tuple(y[rows].tolist()), used)
            found.append(BoundFound(one.tier, value, limits, proof))
    return found


def _pointed(arrays: Arrays, y: IntArray) -> IntArray:
    """The multipliers without those against a limit that is missing now."""
    missing = ((y > 0) & (arrays.row_lo <= -FREE)) | ((y < 0) & (arrays.row_hi >= FREE))
    return np.where(missing, 0, y)
