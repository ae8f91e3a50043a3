"""Cases: a proof that a model has no solution of a small value, by an exact certificate in every case of a distinction.

Where the multipliers of the LP do not prove it at once, a variable to which the LP gives a fraction is at most its
floor or at least the next number, and each of the two is a case of its own. The LP only finds multipliers and the
variable; every case is closed in exact integers, by a certificate (`certificate.evaluate`) or because a row cannot
hold. Shares no step with CP-SAT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from solver.lp import lp_solution
from solver.model import Arrays

__all__ = ["cases_above"]

_MOST = 400
"""Cases after which it is given up."""
_WHOLE = 1e-5
"""So near to a whole number counts as one."""


def cases_above(arrays: Arrays, tier: int, value: int, expired: Callable[[], bool]) -> int:
    """The number of cases in which together the tier is proven to be above `value`; 0 if that was not shown."""
    left = [(arrays.lower, arrays.upper)]
    closed = 0
    while left:
        if closed + len(left) > _MOST or expired():
            return 0
        lower, upper = left.pop()
        case = replace(arrays, lower=lower, upper=upper)
        if _broken(case):
            closed += 1
            continue
        found = lp_solution(case, tier)
        if found is None:
            return 0
        bound, x = found
        if bound is not None and bound > value:
            closed += 1
            continue
        away = np.abs(x - np.rint(x))
        if float(away.max(initial=0.0)) <= _WHOLE:
            return 0
        col = int(away.argmax())
        below, above = upper.copy(), lower.copy()
        below[col] = int(np.floor(x[col]))
        above[col] = below[col] + 1
        left += [(lower, below), (above, upper)]
    return closed


def _broken(arrays: Arrays) -> bool:
    """Whether some row cannot hold whatever the variables are in their ranges."""
    lows, highs = arrays.lower[arrays.columns], arrays.upper[arrays.columns]
    positive = arrays.coefficients > 0
    least = arrays.coefficients * np.where(positive, lows, highs)
    most = arrays.coefficients * np.where(positive, highs, lows)
    ends = arrays.indptr
    sums = [np.append(0, np.cumsum(terms)) for terms in (least, most)]
    at_least, at_most = (total[ends[1:]] - total[ends[:-1]] for total in sums)
    return bool((at_least > arrays.row_hi).any() or (at_most < arrays.row_lo).any())
