"""Exact evaluation of bounds: any row multipliers give a valid lower bound of a linear integer model.

For minimise c x, lo <= A x <= hi, l <= x <= u and any y:
LB(y) = sum_j min over x_j in [l_j, u_j] of (c_j - (y A)_j) x_j  +  sum_r (y_r lo_r if y_r > 0 else y_r hi_r).
The multipliers may come from a float LP, from yesterday or from a guess; they are rounded to integers over a common
scale and the sum is done in exact integers (weak duality, as in any LP text book). No ortools here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solver.blocks import Blocks
from solver.items import IntArray
from solver.model import FREE, Arrays, Row

__all__ = ["Certificate", "evaluate", "round_multipliers", "with_limits"]

_SAFE = 2**61


@dataclass(frozen=True)
class Certificate:
    """Multipliers that prove a bound on one tier, given that earlier tiers are at most `limits`.

    `model` names the encoding ("coarse" or "fine"); `rows` and `multipliers` are the non-zero entries; the real
    multiplier is the integer over `scale`. Rows beyond the encoding's own are those of the limits, in tier order.
    """

    tier: int
    model: str
    limits: tuple[int, ...]
    scale: int
    rows: tuple[int, ...]
    multipliers: tuple[int, ...]
    names: tuple[str, ...] = ()
    """What the rows are called (`solver.rows`), where the certificate is to outlast its model."""
    kept: tuple[int, ...] = ()
    """Rows that are no part of the sum but stand as they are, each a block of its own (`solver.blocks`)."""
    kept_names: tuple[str, ...] = ()


def with_limits(arrays: Arrays, limits: Sequence[int]) -> Arrays:
    """The model with one more row per earlier tier: its value is at most the limit."""
    rows = []
    for tier, limit in enumerate(limits):
        used = np.flatnonzero(arrays.objective[tier])
        costs = arrays.objective[tier][used]
        rows.append(Row(used.tolist(), costs.tolist(), hi=limit - arrays.constant[tier]))
    return arrays.extended(0, rows) if rows else arrays


def round_multipliers(arrays: Arrays, tier: int, y: npt.NDArray[np.float64]) -> tuple[int, IntArray]:
    """Scale and integer multipliers for float ones; multipliers against a missing row limit become 0."""
    y = np.where((y > 0) & (arrays.row_lo <= -FREE), 0.0, y)
    y = np.where((y < 0) & (arrays.row_hi >= FREE), 0.0, y)
    y = np.where(np.isfinite(y), y, 0.0)
    lengths = np.diff(arrays.indptr)
    weights = np.abs(np.repeat(y, lengths) * arrays.coefficients)
    reach = np.abs(arrays.objective[tier]).astype(np.float64)
    np.add.at(reach, arrays.columns, weights)
    largest = max(1.0, float(reach.max(initial=1.0)))
    bits = min(30, int(np.floor(np.log2(_SAFE / largest))) - 1)
    scale = 2 ** max(0, bits)
    return scale, np.rint(y * scale).astype(np.int64)


def evaluate(arrays: Arrays, tier: int, scale: int, y: IntArray, kept: Sequence[int] = ()) -> int | None:
    """The proven lower bound of a tier (rounded up), None if the figures leave the range of exact arithmetic.

    `arrays` must already hold the limit rows (`with_limits`), `y` int64[rows] over `scale`. Rows that are `kept` count
    as blocks; None also where they are none.
    """
    try:
        priced = Blocks(arrays, kept).priced(tier, scale, y)
    except ValueError:
        return None
    return None if priced is None else priced.bound
