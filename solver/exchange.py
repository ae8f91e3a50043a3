"""Good solutions of a model of choices: each choice takes one of several columns, and blocks limit what they take.

A model is one of choices if every free column is 0/1, stands in one row that asks for exactly one of its columns, and
in at most one block, with the others of its choice in other ones (generalized assignment is so). From a fractional
solution each choice takes its largest part; then choices shift to another block, swap places, or push another one out
(ejection) while that improves cost plus a price of the room that is missing, which adapts (Yagiura, Ibaraki, Glover
2004). All other rows are only checked at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt

from solver.branching import passed_on
from solver.items import BoolArray, IntArray
from solver.model import FREE, Arrays

__all__ = ["Exchange"]

Floats = npt.NDArray[np.float64]

_NONE = 2**40
"""Cost of an option that a choice does not have, and room where there is no limit."""
_MOST_COST = 2**20
"""A model with larger costs, uses or rooms is left alone."""
_DEARER, _SOFTER = 1.3, 0.7
"""What becomes of the price of room where it is missing, and after all fits."""
_SWEEPS = 60
"""Looks at all choices until one local optimum, at most."""
_LEAST = 1e-6
"""What gains less than that gains nothing."""
_EJECT_STEPS = 8
"""An ejection takes as long as looking at so many choices."""
_KICK = 6
"""Choices that are put elsewhere to leave a local optimum."""
_NEAR = 4
"""They go to one of so many cheapest options."""


class Exchange:
    """Choices and blocks (rows that share no column) of a model, with float64[blocks] prices per unit of their room.

    Raises ValueError where the model is not one of choices and blocks. Prices only guide; those of an LP are good.
    """

    def __init__(self, arrays: Arrays, tier: int, blocks: tuple[int, ...], price: Floats) -> None:
        ends = passed_on(arrays, arrays.lower, arrays.upper)
        if ends is None:
            raise ValueError("the model has no solution")
        self.arrays = arrays
        lower, upper = ends
        free = lower < upper
        if not free.any() or bool(np.any(upper - lower > 1)):
            raise ValueError("a column takes more than two values")
        choice, side = _choices(arrays, lower, upper, free)
        self._taken, self._rest = np.where(side > 0, upper, lower), np.where(side > 0, lower, upper)
        """What a column is if its choice takes it, and if not."""
        block, use, self.room = self._blocks(blocks, free)
        columns = np.flatnonzero(free)
        at = choice[columns], block[columns]
        cost = arrays.objective[tier][columns] * side[columns]
        if max(int(np.abs(v).max(initial=0)) for v in (cost, use, self.room[:-1])) > _MOST_COST:
            raise ValueError("figures are too large")
        shape = int(choice.max()) + 1, self.room.size
        self._column, self.cost, self.use = np.full(shape, -1), np.full(shape, _NONE), np.zeros(shape, np.int64)
        self._column[at], self.cost[at], self.use[at] = columns, cost, use[columns]
        if int((self._column >= 0).sum()) < columns.size:
            raise ValueError("a choice has two columns in one block")
        self.every = np.arange(shape[0])
        """All choices."""
        for row in range(arrays.rows - tier, arrays.rows):
            self._limit(row)
        self.cost[self.use > self.room] = _NONE
        if bool(np.any(self.cost.min(axis=1) >= _NONE)):
            raise ValueError("a choice has no column that fits")
        price = np.abs(price).astype(np.float64)
        floor = float(np.median(price[price > 0])) / 2 if price.any() else 0.1
        self.price = np.append(np.maximum(price, floor), max(1.0, float(np.abs(cost).max())))
        self.steps = 0
        """Choices looked at so far."""

    def _blocks(self, rows: tuple[int, ...], free: BoolArray) -> tuple[IntArray, IntArray, IntArray]:
        """Block of every column, what it uses there, and the room of every block; the last is all without a limit."""
        arrays = self.arrays
        block, use = np.full(arrays.variables, len(rows), np.int64), np.zeros(arrays.variables, np.int64)
        rooms = []
        for number, row in enumerate(rows):
            inside = slice(int(arrays.indptr[row]), int(arrays.indptr[row + 1]))
            columns, times = arrays.columns[inside], arrays.coefficients[inside]
            least = int(arrays.row_hi[row]) >= FREE
            sign = -1 if least else 1
            limit = -int(arrays.row_lo[row]) if least else int(arrays.row_hi[row])
            rooms.append(limit - sign * int((times * self._rest[columns]).sum()))
            columns, times = columns[free[columns]], times[free[columns]]
            if bool(np.any(block[columns] < len(rows))):
                raise ValueError("rows share a column")
            block[columns] = number
            use[columns] = sign * times * (self._taken - self._rest)[columns]
        return block, use, np.array([*rooms, _NONE], np.int64)

    def _limit(self, row: int) -> None:
        """A limit across blocks that only asks for what is in none of them: the room of all that is in none."""
        if self.room[-1] < _NONE:
            return
        arrays, times = self.arrays, np.zeros(self.arrays.variables, np.int64)
        inside = slice(int(arrays.indptr[row]), int(arrays.indptr[row + 1]))
        times[arrays.columns[inside]] = arrays.coefficients[inside]
        asked = np.where(self._column >= 0, (times * (self._taken - self._rest))[self._column], _NONE)
        least = asked.min(axis=1)
        more = np.where(self._column >= 0, asked - least[:, None], 0)
        if not more[:, :-1].any():
            self.use[:, -1] = more[:, -1]
            self.room[-1] = int(arrays.row_hi[row]) - int((times * self._rest).sum()) - int(least.sum())

    def solution(self, taken: IntArray) -> IntArray | None:
        """The solution in which every choice takes the column of this block; None where that breaks a row."""
        columns = self._column[self.every, taken]
        x = self._rest.copy()
        x[columns] = self._taken[columns]
        return x if self.arrays.broken_row(x) is None else None

    def rounded(self, x: Floats) -> IntArray:
        """The block of which every choice takes most in a fractional solution."""
        share = np.where(self._column >= 0, np.abs(x - self._rest)[self._column], -1.0)
        taken: IntArray = share.argmax(axis=1)
        return taken

    def improved(self, x: Floats, seed: int, rounds: int, stopped: Callable[[], bool]) -> tuple[int, IntArray] | None:
        """Cost (without constants) and solution of the best of so many local optima, from a fractional one on.

        None if none of them is a solution.
        """
        search = _Search(self, self.rounded(x), Random(seed))
        best: tuple[int, IntArray] | None = None
        for _ in range(rounds):
            for towards in (search.settle, search.descend):
                towards(stopped)
                if not search.fits():
                    break
                if best is None or search.cost() < best[0]:
                    whole = self.solution(search.taken)
                    if whole is None:
                        return best
                    best = search.cost(), whole
                    search.keep()
            if stopped():
                break
            search.kick()
        return best


class _Search:
    """Choices on the move; prices are per unit of room that is missing in a block."""

    def __init__(self, model: Exchange, taken: IntArray, random: Random) -> None:
        self.model, self.random = model, random
        self.kept: IntArray | None = None
        self.price = model.price.copy()
        self._take(taken)

    def _take(self, taken: IntArray) -> None:
        """Begin from these choices."""
        self.taken = taken.copy()
        self.load = np.zeros(self.model.room.size, np.int64)
        np.add.at(self.load, taken, self.model.use[self.model.every, taken])

    def cost(self) -> int:
        """What the choices cost now, without the model's constant."""
        return int(self.model.cost[self.model.every, self.taken].sum())

    def fits(self) -> bool:
        """True if no room is missing."""
        return bool(np.all(self.load <= self.model.room))

    def keep(self) -> None:
        """Remember the choices: kicks start from here."""
        self.kept = self.taken.copy()

    def kick(self) -> None:
        """Go back to the choices that were kept, put a few of them elsewhere, and make missing room cheaper."""
        model = self.model
        self.price = np.maximum(self.price * _SOFTER, self.model.price)
        if self.kept is not None:
            self._take(self.kept)
        for _ in range(_KICK):
            c = self.random.randrange(self.taken.size)
            near = np.argsort(model.cost[c] + model.use[c] * model.price, kind="stable")[:_NEAR]
            near = near[model.cost[c, near] < _NONE]
            self.move(c, int(near[self.random.randrange(near.size)]))

    def move(self, c: int, b: int) -> None:
        """Choice c takes its column of block b."""
        use = self.model.use[c]
        self.load[self.taken[c]] -= use[self.taken[c]]
        self.load[b] += use[b]
        self.taken[c] = b

    def settle(self, stopped: Callable[[], bool]) -> None:
        """Shifts and swaps until nothing improves and, as prices rise, nothing is missing."""
        order = list(range(self.taken.size))
        for _ in range(_SWEEPS):
            self.random.shuffle(order)
            moved = False
            for c in order:
                moved |= self.near(c)
                if stopped():
                    return
            missing = self.load > self.model.room
            if not moved and not missing.any():
                return
            self.price[missing] *= _DEARER

    def descend(self, stopped: Callable[[], bool]) -> None:
        """Shifts and swaps, then ejections, until nothing improves."""
        order = list(range(self.taken.size))
        moved = True
        while moved:
            moved = False
            for c in order:
                if stopped():
                    return
                moved |= self.near(c) or self.eject(c)

    def over(self, load: IntArray, blocks: IntArray | slice = slice(None)) -> Floats:
        """The price of what is missing, for loads of these blocks."""
        found: Floats = np.maximum(load - self.model.room[blocks], 0) * self.price[blocks]
        return found

    def near(self, c: int) -> bool:
        """The best shift of c, or swap with another one, if it improves."""
        model, a = self.model, int(self.taken[c])
        model.steps += 1
        use, cost = model.use, model.cost
        now = self.over(self.load)
        without = self.load[a] - use[c, a]
        # Shift to every block.
        gain_a = max(without - int(model.room[a]), 0) * self.price[a] - now[a]
        shift = cost[c] - cost[c, a] + gain_a + self.over(self.load + use[c]) - now
        shift[a] = 0
        b = int(shift.argmin())
        # Swap with every other choice.
        other = self.taken
        mine = model.every
        own = use[mine, other]
        into = without + use[:, a]
        swap = cost[c, other] + cost[:, a] - cost[c, a] - cost[mine, other]
        swap = swap + np.maximum(into - model.room[a], 0) * self.price[a] - now[a]
        there = self.load[other] - own + use[c, other]
        swap = swap + self.over(there, other) - now[other]
        swap[other == a] = 0
        d = int(swap.argmin())
        if swap[d] < min(shift[b], -_LEAST):
            b = int(other[d])
            self.move(d, a)
            self.move(c, b)
            return True
        if shift[b] < -_LEAST:
            self.move(c, b)
            return True
        return False

    def eject(self, c: int) -> bool:
        """The best shift of c that pushes another one out to a third block, if it improves."""
        model, a = self.model, int(self.taken[c])
        model.steps += _EJECT_STEPS
        use, cost, every = model.use, model.cost, model.every
        now = self.over(self.load)
        load = self.load.copy()
        load[a] -= use[c, a]
        base = self.over(load)
        first = cost[c] - cost[c, a] + (base[a] - now[a])
        other = self.taken
        # d leaves `other[d]`, where c comes; d goes to any block e.
        there = load[other] - use[every, other] + use[c, other]
        part = first[other] + self.over(there, other) - base[other]
        to = cost + self.over(load + use) - base
        to[every, other] = _NONE
        to[other == a] = _NONE
        e = to.argmin(axis=1)
        total = part + to[every, e] - cost[every, other]
        d = int(total.argmin())
        if total[d] > -_LEAST:
            return False
        b, e_ = int(other[d]), int(e[d])
        self.move(d, e_)
        self.move(c, b)
        return True


def _choices(arrays: Arrays, lower: IntArray, upper: IntArray, free: BoolArray) -> tuple[IntArray, IntArray]:
    """Choice of every free column, and 1 if it is taken at its upper end, -1 at its lower one."""
    choice, side = np.full(arrays.variables, -1, np.int64), np.ones(arrays.variables, np.int64)
    number = 0
    for row in np.flatnonzero(arrays.row_lo == arrays.row_hi).tolist():
        inside = slice(int(arrays.indptr[row]), int(arrays.indptr[row + 1]))
        columns, times = arrays.columns[inside], arrays.coefficients[inside]
        rest = int(arrays.row_lo[row]) - int((times * np.where(times > 0, lower[columns], upper[columns])).sum())
        columns, times = columns[free[columns]], times[free[columns]]
        if columns.size and rest == 1 and bool(np.all(np.abs(times) == 1)) and bool(np.all(choice[columns] < 0)):
            choice[columns], side[columns] = number, times
            number += 1
    if bool(np.any(choice[free] < 0)):
        raise ValueError("a column belongs to no choice")
    return choice, side
