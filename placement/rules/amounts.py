"""Integer arithmetic on per-node figures: quotients rounded up without overflow."""

from __future__ import annotations

from math import prod
from typing import cast

import numpy as np

from placement.units import ceil_div
from solver.items import IntArray

__all__ = ["product_over"]

_SAFE = 2**62


def product_over(factors: tuple[IntArray | int, ...], divisor: IntArray | int) -> IntArray:
    """ceil(product of the factors / divisor), element by element, int64[N]; a divisor of 0 gives 0.

    All figures are non-negative. Products beyond 64 bits are computed with Python's integers.
    """
    largest = prod(int(np.max(factor, initial=0)) for factor in factors)
    kind = np.int64 if largest < _SAFE else np.object_
    total = np.asarray(1, kind)
    for factor in factors:
        total = total * np.asarray(factor).astype(kind)
    below = np.asarray(divisor)
    # The one rule of rounding (placement.units) holds element by element as well.
    quotient = ceil_div(cast(int, total), cast(int, np.maximum(below, 1).astype(kind)))
    return np.asarray(np.where(below > 0, quotient, 0), np.int64)
