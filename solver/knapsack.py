"""The knapsack problem with bounded numbers, solved exactly in integers by dynamic programming over the room.

minimise price x, subject to use x <= room, 0 <= x <= most; prices of any sign, uses positive. No ortools, no floats.
What costs nothing or more is left out of the table: none of it is taken unless it must be.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from solver.items import IntArray

__all__ = ["Knapsack"]

_CORE = 24
"""Columns of the first table in which the best solution is looked for."""
_SAFE = 2**61


class Knapsack:
    """One problem under one vector of prices: int64[n] each; sums of prices must stay below 2**62."""

    def __init__(self, use: IntArray, most: IntArray, room: int, price: IntArray) -> None:
        self.use, self.most, self.room, self.price = use, most, room, price
        gains = np.flatnonzero((price < 0) & (use <= room))
        self._gains = gains[np.argsort(price[gains] / use[gains])]
        """Columns that gain, the one with the largest gain per use first."""

    @cached_property
    def _best(self) -> tuple[int, IntArray]:
        """The least price, and numbers that reach it, from a table of few columns.

        The column that fills the room, in order of gain per use, has price p and use u. With the room priced at p / u,
        all that still gains is taken; a step of a column away from that costs what it would gain or lose, at least.
        Where that is more than the distance of a known solution to the bound, the column stays as it is (Balas and
        Zemel 1980; Pisinger 1997). The known one is the best in a smaller set of columns.
        """
        order, x = self._gains, np.zeros(self.use.size, np.int64)
        use, price = self.use[order], self.price[order]
        most = np.minimum(self.most[order], self.room // use)
        full = int(np.searchsorted(np.cumsum(use * most), self.room, side="right"))
        if full == order.size:
            x[order] = most
            return int((price * most).sum()), x
        p, u = int(price[full]), int(use[full])
        if self.room * int(np.abs(price).max()) >= _SAFE:
            return self._within(order, x)
        over = price * u - use * p
        x[order] = np.where(over < 0, most, 0)
        if int((self.use * x).sum()) > self.room:
            return self._within(order, x)
        bound = int((self.price * x).sum()) * u + p * (self.room - int((self.use * x).sum()))
        away = np.abs(over)
        by_away, size = np.argsort(away, kind="stable"), _CORE
        while True:
            value, found = self._within(order[np.sort(by_away[:size])], x)
            inside = int((away <= min(value * u - bound, _SAFE)).sum())
            if inside <= size:
                return value, found
            size = min(2 * size, inside)

    def _within(self, columns: IntArray, x: IntArray) -> tuple[int, IntArray]:
        """The best solution that is as x but for some columns."""
        x = x.copy()
        x[columns] = 0
        left = self.room - int((self.use * x).sum())
        tables = [np.zeros(left + 1, np.int64)]
        for j in columns.tolist():
            tables.append(self._with(tables[-1], j))
        value = int((self.price * x).sum()) + int(tables[-1][left])
        for k in range(columns.size - 1, -1, -1):
            j, here = int(columns[k]), int(tables[k + 1][left])
            use, price, n = int(self.use[j]), int(self.price[j]), 0
            while int(tables[k][left - n * use]) + n * price != here:
                n += 1
            x[j], left = n, left - n * use
        return value, x

    @property
    def value(self) -> int:
        """The least price."""
        return self._best[0]

    def solution(self) -> IntArray:
        """Numbers that reach the least price, int64[n]."""
        return self._best[1]

    def forced(self) -> list[IntArray]:
        """For every column j the least price with x_j = v, int64[most_j + 1]; numbers that do not fit are left out."""
        order, room = self._gains.tolist(), self.room
        tables = [np.zeros(room + 1, np.int64)]
        for j in order:
            tables.append(self._with(tables[-1], j))
        full = tables[-1]
        found: list[IntArray] = [np.zeros(0, np.int64)] * self.use.size
        rank = set(order)
        for j in range(self.use.size):
            if j not in rank:
                numbers = np.arange(min(int(self.most[j]), room // int(self.use[j])) + 1)
                found[j] = full[room - numbers * self.use[j]] + numbers * self.price[j]
        after = np.zeros(room + 1, np.int64)
        for k in range(len(order) - 1, -1, -1):
            j, before = order[k], tables[k]
            use, price = int(self.use[j]), int(self.price[j])
            values = []
            for n in range(min(int(self.most[j]), room // use) + 1):
                left = room - n * use
                values.append(int((before[: left + 1] + after[left::-1]).min()) + n * price)
            found[j] = np.array(values, np.int64)
            after = self._with(after, j)
        return found

    def tables(self) -> list[IntArray]:
        """[k][c]: the least price of the first k columns, as they are numbered, in a room of c."""
        tables = [np.zeros(self.room + 1, np.int64)]
        for j in range(self.use.size):
            tables.append(self._with(tables[-1], j))
        return tables

    def _with(self, table: IntArray, j: int) -> IntArray:
        """The table with up to most_j of column j as well (numbers split into powers of two)."""
        use, price, times = int(self.use[j]), int(self.price[j]), 1
        left = min(int(self.most[j]), (table.size - 1) // use)
        while left:
            n = min(times, left)
            step = n * use
            new = table.copy()
            np.minimum(table[step:], table[: table.size - step] + n * price, out=new[step:])
            table, left, times = new, left - n, times * 2
        return table
