"""Is there only one way? After a tier is proven, the admitted set is often forced; saying so makes later tiers easy.

CP-SAT is asked for any plan that keeps the proven tiers and places another number of replicas of some part. If it
says that there is none, the numbers become rows of the model for the tiers that follow. Their bounds then rest on
CP-SAT's word, so they are told as its claims, never as certificates.
"""

from __future__ import annotations

from solver.certificate import with_limits
from solver.cpsat import Effort, impossible
from solver.encode import Encoded
from solver.items import IntArray
from solver.model import Arrays, Row

__all__ = ["only_way"]


def only_way(encoded: Encoded, x: IntArray, limits: tuple[int, ...], effort: Effort) -> tuple[Arrays, float]:
    """The model, with the replica numbers of x fixed if no others keep the tiers at `limits`; and the work it took."""
    arrays = encoded.arrays
    fixed, other = [], []
    flag = arrays.variables
    for by_cell in encoded.columns.values():
        cols = list(by_cell.values())
        if not cols:
            continue
        ones = [1] * len(cols)
        number, most = int(x[cols].sum()), int(arrays.upper[cols].sum())
        fixed.append(Row(cols, ones, number, number))
        if number > 0:  # flag: fewer than now
            other.append(Row([*cols, flag], [*ones, most], hi=number - 1 + most))
            flag += 1
        if number < most:  # flag: more than now
            other.append(Row([*cols, flag], [*ones, -(number + 1)], lo=0))
            flag += 1
    flags = list(range(arrays.variables, flag))
    if not flags:
        return arrays, 0.0
    changed = Row(flags, [1] * len(flags), lo=1)
    question = with_limits(arrays, limits).extended(len(flags), [*other, changed])
    forced, work = impossible(question, effort)
    return (arrays.extended(0, fixed) if forced else arrays), work
