"""The knapsack problem with bounded numbers, solved exactly in integers by dynamic programming over the room.

minimise price x, subject to use x <= room, 0 <= x <= most; prices of any sign, uses positive. No ortools, no floats.
What costs nothing or more is left out of the table: none of it is taken unless it must be.
"""

from __future__ import annotations

import numpy as np

from solver.items import IntArray

__all__ = ["Knapsack"]


class Knapsack:
    """One problem under one vector of prices: int64[n] each; sums of prices must stay below 2**62."""

    def __init__(self, use: IntArray, most: IntArray, room: int, price: IntArray) -> None:
        self.use, self.most, self.room, self.price = use, most, room, price
        gains = np.flatnonzero((price < 0) & (use <= room))
        self._order = gains[np.argsort(price[gains] / use[gains])].tolist()
        table = [np.zeros(room + 1, np.int64)]
        for j in self._order:
            table.append(self._with(table[-1], j))
        self._table = table
        """[k][c]: the least price with the first k columns of the order in a room of c."""

    @property
    def value(self) -> int:
        """The least price."""
        return int(self._table[-1][-1])

    def solution(self) -> IntArray:
        """Numbers that reach the least price, int64[n]."""
        x, left = np.zeros(self.use.size, np.int64), self.room
        for k in range(len(self._order) - 1, -1, -1):
            j, here = self._order[k], int(self._table[k + 1][left])
            use, price, n = int(self.use[j]), int(self.price[j]), 0
            while int(self._table[k][left - n * use]) + n * price != here:
                n += 1
            x[j], left = n, left - n * use
        return x

    def forced(self) -> list[IntArray]:
        """For every column j the least price with x_j = v, int64[most_j + 1]; numbers that do not fit are left out."""
        full, room = self._table[-1], self.room
        found: list[IntArray] = [np.zeros(0, np.int64)] * self.use.size
        rank = set(self._order)
        for j in range(self.use.size):
            if j not in rank:
                numbers = np.arange(min(int(self.most[j]), room // int(self.use[j])) + 1)
                found[j] = full[room - numbers * self.use[j]] + numbers * self.price[j]
        after = np.zeros(room + 1, np.int64)
        for k in range(len(self._order) - 1, -1, -1):
            j, before = self._order[k], self._table[k]
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
        left = min(int(self.most[j]), self.room // use)
        while left:
            n = min(times, left)
            step = n * use
            new = table.copy()
            np.minimum(table[step:], table[: table.size - step] + n * price, out=new[step:])
            table, left, times = new, left - n, times * 2
        return table
