"""Stay: what it costs to disturb an item that runs now. A charge: a cost of one item's own placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.items import IntArray
from solver.plan import Plan, Seat
from solver.problem import Atom, Encoding, Problem, Violation, renumbered

__all__ = ["Stay"]


@dataclass(frozen=True)
class Stay(Atom):
    """An item that runs now may stay on its seats (free), move, or leave, each at its price.

    `home[part]` are its seats. A replica stays if it keeps its very seat: bin and devices. `move_once` is due if any
    placed replica sits elsewhere, `move_each` for every such replica, `leave_once` if the item is refused. Without
    `may_leave` it may not. Fewer replicas than now, all on their seats, are no move.
    """

    rule: str
    tier: int
    item: int
    home: tuple[tuple[Seat, ...], ...]
    move_once: int = 0
    move_each: int = 0
    leave_once: int = 0
    may_leave: bool = True

    def items(self) -> Iterable[int]:
        """The one item."""
        return (self.item,)

    def remap(self, new: Mapping[int, int]) -> Atom | None:
        """The same for the renumbered item."""
        return renumbered(self, self.item, new)

    def validate(self, problem: Problem) -> None:
        """Prices are not negative, and the seats are those that the problem knows."""
        if min(self.move_once, self.move_each, self.leave_once) < 0:
            raise ValueError(f"{self.rule}: disturbing never pays")
        if len(self.home) != len(problem.items[self.item].parts):
            raise ValueError(f"{self.rule}: the item has another number of parts")
        if problem.homes.get(self.item) != self.home:
            raise ValueError(f"{self.rule}: the item's seats are not those of the problem")

    def signature(self, problem: Problem) -> Iterable[IntArray]:
        """Every bin that holds a replica now is told apart from all others."""
        label = np.zeros(problem.bins.count, np.int64)
        used = sorted({seat.bin for seats in self.home for seat in seats})
        label[used] = np.arange(1, len(used) + 1)
        yield label

    def unpriced(self) -> Atom | None:
        """What may not happen, without prices."""
        if self.may_leave:
            return None
        return replace(self, tier=-1, move_once=0, move_each=0, leave_once=0)

    def _moved(self, plan: Plan) -> int:
        parts = plan.seats.get(self.item, ())
        if parts == self.home:
            return 0
        held = zip(parts, self.home, strict=False)
        return sum((Counter(seats) - Counter(home)).total() for seats, home in held)

    def encode(self, into: Encoding) -> None:
        """Replicas elsewhere = placed - kept; a 0/1 column says whether there are any."""
        model, tier = into.model, self.tier
        on = into.on(self.item)
        if not self.may_leave:
            model.row([on], [1], lo=1)
        if tier >= 0 and self.leave_once:
            model.constant(tier, self.leave_once)
            model.cost(tier, on, -self.leave_once)
        whole = into.problem.items[self.item]
        if not any(part.min_count for part in whole.parts if part.bundle == 0):
            cols = [col for p in range(len(whole.parts)) for col in into.counts((self.item, p)).values()]
            model.row([*cols, on], [1] * len(cols) + [-1], lo=0)
        gaps: list[tuple[list[int], list[int], int, int]] = []
        firm: list[tuple[int, int]] = []
        for p, part in enumerate(whole.parts):
            key = (self.item, p)
            kept = into.kept(key)
            signs = Counter(into.counts(key).values())
            signs.subtract(kept.columns)
            if part.min_count == part.count == sum(kept.homes) and part.bundle == 0:
                firm += zip(kept.columns, kept.homes, strict=True)
            placed = sum(into.known(key).values())
            terms = [(col, sign) for col, sign in signs.items() if sign]
            if terms:
                gaps.append(([c for c, _ in terms], [s for _, s in terms], part.count, placed - kept.known))
        if tier < 0:
            return
        for cols, signs_, _, _ in gaps if self.move_each else ():
            for col, sign in zip(cols, signs_, strict=True):
                model.cost(tier, col, sign * self.move_each)
        if self.move_once and gaps:
            moved = model.var(0, 1, int(any(known > 0 for *_, known in gaps)))
            model.cost(tier, moved, self.move_once)
            for cols, signs_, most, _ in gaps:
                model.row([*cols, moved], [*signs_, -most], hi=0)
            for col, homes in firm:  # implied by the rows above, but not in the LP: any lost seat is a move
                model.row([col, moved, on], [1, homes, -homes], lo=0)

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """An item that is gone and may not be."""
        if not self.may_leave and not _placed(plan, self.item):
            return [Violation(self.rule, (self.item,), "it runs and may not be evicted")]
        return []

    def cost(self, problem: Problem, plan: Plan) -> int:
        """What disturbing it costs."""
        if self.tier < 0:
            return 0
        if not _placed(plan, self.item):
            return self.leave_once
        moved = self._moved(plan)
        return self.move_each * moved + (self.move_once if moved else 0)


def _placed(plan: Plan, item: int) -> bool:
    return any(plan.seats.get(item, ()))
