"""Patterns: all that each block may hold in a solution of at most some value, as 0/1 columns of their own.

A solution that lies at most `slack` over a bound of blocks (`blocks.Priced`) has in every block a pattern that costs at
most `slack` more than the best one there. While the bound is good these are few, and the model in which every block
takes one of them is far stronger than the rows of the knapsacks (column enumeration; for vehicle routing Baldacci,
Christofides and Mingozzi 2008). It holds all solutions up to the value.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.blocks import Priced
from solver.items import IntArray
from solver.knapsack import Knapsack
from solver.model import Arrays, Row

__all__ = ["with_patterns"]


def with_patterns(priced: Priced, value: int, most: int) -> Arrays | None:
    """The model with all solutions of at most this value, one pattern in each block; the model's columns come first.

    None if that takes more than `most` patterns. The hint is moved into the ranges and need be no solution.
    """
    blocks, arrays = priced.blocks, priced.blocks.arrays
    slack = value * priced.scale - priced.total
    least, upper = priced.ranges(slack)
    flag, rows = arrays.variables, []
    for part, knapsack in zip(blocks.parts, priced.knapsacks, strict=True):
        columns = part.columns
        low = np.where(part.side > 0, least[columns] - arrays.lower[columns], arrays.upper[columns] - upper[columns])
        numbers = _numbers(knapsack, low, low + upper[columns] - least[columns], slack, most - flag + arrays.variables)
        if numbers is None:
            return None
        flags = list(range(flag, flag + len(numbers)))
        flag += len(numbers)
        rows.append(Row(flags, [1] * len(flags), 1, 1))
        start = np.where(part.side > 0, arrays.lower[columns], arrays.upper[columns])
        for at, column in enumerate(columns.tolist()):
            if least[column] < upper[column]:
                used = np.flatnonzero(numbers[:, at])
                taken = [flags[p] for p in used.tolist()]
                times = (-part.side[at] * numbers[used, at]).tolist()
                rows.append(Row([column, *taken], [1, *times], int(start[at]), int(start[at])))
    ranged = replace(arrays, lower=least, upper=upper, hint=np.clip(arrays.hint, least, upper))
    return ranged.extended(flag - arrays.variables, rows)


def _numbers(knapsack: Knapsack, low: IntArray, high: IntArray, slack: int, most: int) -> IntArray | None:
    """All solutions of a knapsack within ranges that lie at most `slack` over its best, int64[., n]; None: too many."""
    free = np.flatnonzero(low < high).tolist()
    room = knapsack.room - int((knapsack.use * low).sum())
    limit = knapsack.value + slack - int((knapsack.price * low).sum())
    if room < 0:
        return np.zeros((0, low.size), np.int64)
    rest = Knapsack(knapsack.use[free], (high - low)[free], room, knapsack.price[free])
    tables = rest.tables()
    left, spent = np.array([room], np.int64), np.zeros(1, np.int64)
    found = np.zeros((1, len(free)), np.int64)
    for k in range(len(free) - 1, -1, -1):
        use, price, table = int(rest.use[k]), int(rest.price[k]), tables[k]
        lefts, spents, founds = [], [], []
        for n in range(int(rest.most[k]) + 1):
            now, paid = left - n * use, spent + n * price
            inside = np.flatnonzero((now >= 0) & (paid + table[np.maximum(now, 0)] <= limit))
            more = found[inside]
            more[:, k] = n
            lefts.append(now[inside])
            spents.append(paid[inside])
            founds.append(more)
        left, spent, found = np.concatenate(lefts), np.concatenate(spents), np.concatenate(founds)
        if left.size > most:
            return None
    numbers = np.repeat(low[None, :], left.size, axis=0)
    numbers[:, free] += found
    return numbers
