"""A linear integer model as plain arrays: what CP-SAT searches and what the LP bounds.

Every atom writes itself into this one form, so that search, LP relaxation and the exact evaluation of a bound
certificate read the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from solver.items import IntArray

__all__ = ["FREE", "Arrays", "LinearModel", "Mark", "Row"]

FREE = 2**60
"""A row limit of at least this size in absolute value means: no limit on that side."""
_MANY_USES = 12
"""With more different uses than this in one row, its rounding cuts speak of one use each."""


class Mark(NamedTuple):
    """Who wrote the rows from `row` on: an atom or a word; `bins`: first and last of those that they are about.

    `about` tells apart what one author writes.
    """

    row: int
    author: object
    bins: tuple[int, int] | None = None
    about: int | str | None = None


@dataclass(frozen=True)
class Row:
    """lo <= sum(coefficients x columns) <= hi; a column stands in a row once."""

    columns: Sequence[int]
    coefficients: Sequence[int]
    lo: int = -FREE
    hi: int = FREE


@dataclass(frozen=True)
class Arrays:
    """The finished model: variables in [lower, upper], rows lo <= A x <= hi in CSR form, one objective per tier."""

    lower: IntArray
    upper: IntArray
    hint: IntArray
    indptr: IntArray
    columns: IntArray
    coefficients: IntArray
    row_lo: IntArray
    row_hi: IntArray
    objective: tuple[IntArray, ...]
    constant: tuple[int, ...]
    marks: tuple[Mark, ...] = ()
    """Who wrote the rows, in order; rows that were added to a finished model belong to nobody."""

    @property
    def variables(self) -> int:
        """Number of variables."""
        return int(self.lower.size)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.row_lo.size)

    def value(self, tier: int, x: IntArray) -> int:
        """Exact objective value of a tier at x."""
        used = np.flatnonzero(self.objective[tier])
        terms = zip(self.objective[tier][used].tolist(), x[used].tolist(), strict=True)
        total: int = self.constant[tier] + sum(c * v for c, v in terms)
        return total

    def extended(self, flags: int, rows: Sequence[Row]) -> Arrays:
        """This model with so many 0/1 variables (hint 0, no cost) and these rows added at the end."""
        ends = self.indptr[-1] + np.cumsum([len(row.columns) for row in rows], dtype=np.int64)
        columns = [np.array(row.columns, np.int64) for row in rows]
        coefficients = [np.array(row.coefficients, np.int64) for row in rows]
        zeros, ones = np.zeros(flags, np.int64), np.ones(flags, np.int64)
        return Arrays(
            lower=np.append(self.lower, zeros),
            upper=np.append(self.upper, ones),
            hint=np.append(self.hint, zeros),
            indptr=np.append(self.indptr, ends),
            columns=np.concatenate([self.columns, *columns]),
            coefficients=np.concatenate([self.coefficients, *coefficients]),
            row_lo=np.append(self.row_lo, np.array([row.lo for row in rows], np.int64)),
            row_hi=np.append(self.row_hi, np.array([row.hi for row in rows], np.int64)),
            objective=tuple(np.append(costs, zeros) for costs in self.objective),
            constant=self.constant,
        )

    def beside(self, other: Arrays) -> Arrays:
        """This model with the columns and rows of another one after its own, without the other's costs."""
        zeros = np.zeros(other.variables, np.int64)
        return Arrays(
            lower=np.append(self.lower, other.lower),
            upper=np.append(self.upper, other.upper),
            hint=np.append(self.hint, other.hint),
            indptr=np.append(self.indptr, self.indptr[-1] + other.indptr[1:]),
            columns=np.append(self.columns, self.variables + other.columns),
            coefficients=np.append(self.coefficients, other.coefficients),
            row_lo=np.append(self.row_lo, other.row_lo),
            row_hi=np.append(self.row_hi, other.row_hi),
            objective=tuple(np.append(costs, zeros) for costs in self.objective),
            constant=self.constant,
        )

    def broken_row(self, x: IntArray) -> int | None:
        """Index of a row (or -1 for a variable range) that x breaks, None if x is feasible."""
        if bool(np.any((x < self.lower) | (x > self.upper))):
            return -1
        products = self.coefficients * x[self.columns]
        sums = np.add.reduceat(np.append(products, 0), self.indptr[:-1]) if self.rows else np.zeros(0, np.int64)
        sums = np.where(self.indptr[1:] > self.indptr[:-1], sums, 0)
        bad = np.flatnonzero((sums < self.row_lo) | (sums > self.row_hi))
        return int(bad[0]) if bad.size else None


class LinearModel:
    """Builder of `Arrays`. Columns are numbered from 0 in the order they are made."""

    def __init__(self, tiers: int) -> None:
        self._lower: list[int] = []
        self._upper: list[int] = []
        self._hint: list[int] = []
        self._indptr: list[int] = [0]
        self._columns: list[int] = []
        self._coefficients: list[int] = []
        self._lo: list[int] = []
        self._hi: list[int] = []
        self._objective: list[dict[int, int]] = [{} for _ in range(tiers)]
        self._constant = [0] * tiers
        self._marks: list[Mark] = []

    @property
    def variables(self) -> int:
        """Number of variables so far."""
        return len(self._lower)

    def var(self, lower: int, upper: int, hint: int) -> int:
        """A new variable with its value in the known plan; returns its column."""
        self._lower.append(lower)
        self._upper.append(upper)
        self._hint.append(hint)
        return len(self._lower) - 1

    def row(
        self,
        columns: Sequence[int],
        coefficients: Sequence[int],
        lo: int | None = None,
        hi: int | None = None,
    ) -> None:
        """A row lo <= sum(coefficients * columns) <= hi; None means no limit; a column stands in a row once."""
        self._columns.extend(columns)
        self._coefficients.extend(coefficients)
        self._indptr.append(len(self._columns))
        self._lo.append(-FREE if lo is None else lo)
        self._hi.append(FREE if hi is None else hi)

    def begin(self, author: object, bins: IntArray | None = None, about: int | str | None = None) -> None:
        """The rows from here on are the author's, about these bins (in order)."""
        ends = None if bins is None else (int(bins[0]), int(bins[-1]))
        self._marks.append(Mark(len(self._lo), author, ends, about))

    def capped(self, terms: Sequence[tuple[int, int, int]], hi: int) -> None:
        """Row sum(use x column) <= hi over (column, use > 0, most), with rounding cuts; nothing if it cannot bind.

        For every use u the row divided by u and rounded down holds for whole numbers (Chvatal and Gomory). Each cut
        has all columns that it can have; where uses are many, only those of use u.
        """
        if sum(use * most for _, use, most in terms) <= hi:
            return
        self.row([col for col, _, _ in terms], [use for _, use, _ in terms], hi=hi)
        author = self._marks[-1] if self._marks else Mark(0, "row")
        units = sorted({use for _, use, _ in terms if hi % use})
        for unit in units:
            inside = [
                (col, use // unit, most)
                for col, use, most in terms
                if use == unit or (use > unit and len(units) <= _MANY_USES)
            ]
            if sum(times * most for _, times, most in inside) > hi // unit:
                self._marks.append(author._replace(row=len(self._lo), about=f"by {unit}"))
                self.row([col for col, _, _ in inside], [times for _, times, _ in inside], hi=hi // unit)
        self._marks.append(author._replace(row=len(self._lo)))

    def at_most(self, columns: Iterable[int], col: int, factor: int) -> None:
        """Row: sum(columns) <= factor * col."""
        left = list(columns)
        self.row([*left, col], [1] * len(left) + [-factor], hi=0)

    def cost(self, tier: int, col: int, coefficient: int) -> None:
        """Add a cost per unit of a variable to a tier."""
        if coefficient:
            terms = self._objective[tier]
            terms[col] = terms.get(col, 0) + coefficient

    def constant(self, tier: int, amount: int) -> None:
        """Add a constant to a tier."""
        self._constant[tier] += amount

    def arrays(self) -> Arrays:
        """The finished arrays."""
        size = len(self._lower)
        objective = []
        for terms in self._objective:
            row = np.zeros(size, np.int64)
            if terms:
                row[np.fromiter(terms.keys(), np.int64)] = np.fromiter(terms.values(), np.int64)
            objective.append(row)
        return Arrays(
            lower=np.array(self._lower, np.int64),
            upper=np.array(self._upper, np.int64),
            hint=np.array(self._hint, np.int64),
            indptr=np.array(self._indptr, np.int64),
            columns=np.array(self._columns, np.int64),
            coefficients=np.array(self._coefficients, np.int64),
            row_lo=np.array(self._lo, np.int64),
            row_hi=np.array(self._hi, np.int64),
            objective=tuple(objective),
            constant=tuple(self._constant),
            marks=tuple(self._marks),
        )
