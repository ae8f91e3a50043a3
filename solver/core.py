"""The core of a model: the columns that a solution close to a known bound may use.

Row multipliers that prove a bound L (`certificate`) also give every column a reduced cost r >= 0 per step away from its
end. A solution of value at most T takes each column at most (T - L) / r steps away: everything else would lift the
bound above T (reduced-cost fixing; Dantzig, Fulkerson, Johnson 1954). So the model that keeps to these ends holds all
solutions up to T, and is small while T is close to L: good plans are mostly found there, and what is proven there holds
for all, up to T.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.certificate import Certificate
from solver.items import IntArray
from solver.model import Arrays

__all__ = ["Core"]

_MOST = 2**62


class Core:
    """Reduced costs of a model under a certificate; `arrays` must hold the limit rows (`certificate.with_limits`)."""

    def __init__(self, arrays: Arrays, certificate: Certificate) -> None:
        self.arrays = arrays
        y = np.zeros(arrays.row_lo.size, np.int64)
        y[list(certificate.rows)] = certificate.multipliers
        reduced = arrays.objective[certificate.tier] * certificate.scale
        np.subtract.at(reduced, arrays.columns, np.repeat(y, np.diff(arrays.indptr)) * arrays.coefficients)
        self._reduced = reduced
        self._scale = certificate.scale
        ends = np.where(reduced > 0, arrays.lower, arrays.upper)
        sides = np.where(y > 0, arrays.row_lo, arrays.row_hi)
        used, rows = np.flatnonzero((reduced != 0) & (ends != 0)), np.flatnonzero(y)
        self._bound = arrays.constant[certificate.tier] * certificate.scale
        self._bound += sum(r * e for r, e in zip(reduced[used].tolist(), ends[used].tolist(), strict=True))
        self._bound += sum(m * s for m, s in zip(y[rows].tolist(), sides[rows].tolist(), strict=True))
        self._steps = np.sort(np.abs(reduced[arrays.lower < arrays.upper]))

    def value(self, size: int) -> int:
        """The largest value up to which at most `size` columns are free, or those that are so at the bound itself."""
        if size >= self._steps.size:
            return _MOST // self._scale
        step: int = int(self._steps[size])
        return (self._bound + step - 1) // self._scale

    def within(self, value: int, hint: IntArray, *, keep: bool = True) -> Arrays:
        """The model without what no solution of at most this value does; what the hint does stays, if it is to `keep`.

        Else the hint is moved to the nearest ends, and need be no solution.
        """
        slack = min(max(0, value * self._scale - self._bound), _MOST)
        steps = slack // np.maximum(np.abs(self._reduced), 1)
        lower, upper = self.arrays.lower, self.arrays.upper
        room = np.minimum(steps, upper - lower)
        least = np.where(self._reduced < 0, upper - room, lower)
        most = np.where(self._reduced > 0, lower + room, upper)
        if keep:
            least, most = np.minimum(least, hint), np.maximum(most, hint)
        return replace(self.arrays, lower=least, upper=most, hint=np.clip(hint, least, most))
