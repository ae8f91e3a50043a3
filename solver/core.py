"""The core of a model: the columns that a solution close to a known bound may use.

Row multipliers that prove a bound L (`certificate`) also give every column a reduced cost r >= 0 per step away from its
end. A solution of value at most T takes each column at most (T - L) / r steps away: everything else would lift the
bound above T (reduced-cost fixing; Dantzig, Fulkerson, Johnson 1954). So the model that keeps to these ends holds all
solutions up to T, and is small while T is close to L: good plans are mostly found there, and what is proven there holds
for all, up to T.

Where the certificate keeps rows as blocks, what a step costs is known exactly: the block's optimum with that column at
that number (variable fixing for generalized assignment; Posta, Ferland, Michelon 2012).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.blocks import Blocks
from solver.certificate import Certificate
from solver.items import IntArray
from solver.model import Arrays

__all__ = ["Core"]

_MOST = 2**62


class Core:
    """Reduced costs of a model under a certificate; `arrays` must hold the limit rows (`certificate.with_limits`)."""

    def __init__(self, arrays: Arrays, certificate: Certificate) -> None:
        """Raises ValueError where the certificate is not one that `evaluate` accepts."""
        self.arrays = arrays
        y = np.zeros(arrays.row_lo.size, np.int64)
        y[list(certificate.rows)] = certificate.multipliers
        priced = Blocks(arrays, certificate.kept).priced(certificate.tier, certificate.scale, y)
        if priced is None:
            raise ValueError("the certificate leaves the range of exact arithmetic")
        self._priced = priced
        self._scale = certificate.scale
        self._bound = priced.total
        self._steps = np.sort(priced.regrets[arrays.lower < arrays.upper])

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
        least, most = self._priced.ranges(slack)
        if keep:
            least, most = np.minimum(least, hint), np.maximum(most, hint)
        return replace(self.arrays, lower=least, upper=most, hint=np.clip(hint, least, most))
