"""Integer arithmetic on per-node figures: quotients rounded up without overflow."""

from __future__ import annotations

from math import prod
from typing import cast

import numpy as np

from placement.errors import InputError
from placement.units import MAX_INT, ceil_div
from solver.items import IntArray

__all__ = ["check_amount", "product_over"]

_SAFE = 2**62


def product_over(factors: tuple[IntArray | int, ...], divisor: IntArray | int) -> IntArray:
    """ceil(product of the factors / divisor), element by element, int64[N]; a divisor of 0 gives 0.

    All figures are non-negative. Products beyond 64 bits are computed with Python's integers; InputError if a
    quotient is beyond 2**53.
    """
    largest = prod(int(np.max(factor, initial=0)) for factor in factors)
    kind = np.int64 if largest < _SAFE else np.object_
    total = np.asarray(1, kind)
    for factor in factors:
        total = total * np.asarray(factor).astype(kind)
    below = np.asarray(divisor)
    # The one rule of rounding (placement.units) holds element by element as well.
    quotient = ceil_div(cast(int, total), cast(int, np.maximum(below, 1).astype(kind)))
    amounts = np.where(below > 0, quotient, 0)
    check_amount(int(np.max(amounts, initial=0)))
    return np.asarray(amounts, np.int64)


def check_amount(amount: int) -> None:
    """InputError for a charge per replica beyond 2**53 points."""
    if amount > MAX_INT:
        raise InputError(
            "policy.rules",
            f"a charge of {amount} points for one replica is beyond {MAX_INT}",
            "lower the weights and prices of the policy or the fleet",
        )
