"""Stay: what it costs to disturb an item that runs now. A charge: a cost of one item's own placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from solver.atoms.disruptions import lost
from solver.items import IntArray
from solver.plan import Plan, Seat
from solver.problem import Atom, Encoding, ItemAtom, Kept, Problem, Violation

__all__ = ["Stay"]


@dataclass(frozen=True)
class Stay(ItemAtom):
    """An item that runs now may stay on its seats (free), move, or leave, each at its price.

    `home[part]` are its seats. A replica stays if it keeps its very seat: bin and devices. `move_each` is due for every
    placed replica that sits elsewhere, `move_once` if that is so in a part that has lost a seat, `leave_once` if the
    item is refused. So fewer replicas than now, all on their seats, are no move, nor are more beside all seats of the
    part (growth). Without `may_leave` it may not be refused; `pinned`: it keeps all seats.
    """

    rule: str
    tier: int
    item: int
    home: tuple[tuple[Seat, ...], ...]
    move_once: int = 0
    move_each: int = 0
    leave_once: int = 0
    may_leave: bool = True
    pinned: bool = False

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
        if self.may_leave and not self.pinned:
            return None
        return replace(self, tier=-1, move_once=0, move_each=0, leave_once=0)

    def _elsewhere(self, plan: Plan) -> tuple[int, bool]:
        """Replicas that sit elsewhere, and whether some do in a part that has lost a seat."""
        parts = plan.seats.get(self.item, ())
        if parts == self.home:
            return 0, False
        total, moved = 0, False
        for seats, home in zip(parts, self.home, strict=False):
            now, before = Counter(seats), Counter(home)
            new = (now - before).total()
            total += new
            moved = moved or (new > 0 and bool(before - now))
        return total, moved

    def encode(self, into: Encoding) -> None:
        """Replicas elsewhere = placed - kept; a 0/1 column says whether any of them moved.

        A part with fewer seats now than it may have: another 0/1 column says that it keeps them all, so that it grows.
        """
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
        gaps: list[_Gap] = []
        firm: list[tuple[int, int]] = []
        for p, part in enumerate(whole.parts):
            key = (self.item, p)
            kept = into.kept(key)
            signs = Counter(into.counts(key).values())
            signs.subtract(kept.columns)
            if part.min_count == part.count == sum(kept.homes) and part.bundle == 0:
                firm += zip(kept.columns, kept.homes, strict=True)
            if self.pinned and self.home[p]:
                model.row(kept.columns, [1] * len(kept.columns), lo=len(self.home[p]))
            placed = sum(into.known(key).values())
            terms = [(col, sign) for col, sign in signs.items() if sign]
            if terms:
                gaps.append(_Gap([c for c, _ in terms], [s for _, s in terms], p, placed - kept.known, kept))
        if tier < 0:
            return
        for gap in gaps if self.move_each else ():
            for col, sign in zip(gap.columns, gap.signs, strict=True):
                model.cost(tier, col, sign * self.move_each)
        gaps = [gap for gap in gaps if self.home[gap.part]]  # where nothing runs nothing can move
        if self.move_once and gaps and not self.pinned:
            known = any(gap.known > 0 and gap.kept.known < len(self.home[gap.part]) for gap in gaps)
            moved = model.var(0, 1, int(known))
            model.cost(tier, moved, self.move_once)
            for gap in gaps:
                homes, most = len(self.home[gap.part]), whole.parts[gap.part].count
                if most == homes:
                    model.row([*gap.columns, moved], [*gap.signs, -most], hi=0)
                    continue
                stays = model.var(0, 1, int(gap.kept.known == homes))
                model.row([*gap.kept.columns, stays], [1] * len(gap.kept.columns) + [-homes], lo=0)
                model.row([*gap.columns, moved, stays], [*gap.signs, -most, homes - most], hi=0)
            for col, homes in firm:  # implied by the rows above, but not in the LP: any lost seat is a move
                model.row([col, moved, on], [1, homes, -homes], lo=0)

    def violations(self, problem: Problem, plan: Plan) -> list[Violation]:
        """An item that is gone and may not be, or that has lost a seat and may not."""
        if not self.may_leave and not _placed(plan, self.item):
            return [Violation(self.rule, (self.item,), "it runs and may not be evicted")]
        if self.pinned:
            held = plan.seats.get(self.item, ((),) * len(self.home))
            if any(lost(home, seats) for home, seats in zip(self.home, held, strict=True)):
                return [Violation(self.rule, (self.item,), "it runs and may not be disturbed")]
        return []

    def cost(self, problem: Problem, plan: Plan) -> int:
        """What disturbing it costs."""
        if self.tier < 0:
            return 0
        if not _placed(plan, self.item):
            return self.leave_once
        elsewhere, moved = self._elsewhere(plan)
        return self.move_each * elsewhere + (self.move_once if moved else 0)


def _placed(plan: Plan, item: int) -> bool:
    return any(plan.seats.get(item, ()))


@dataclass(frozen=True)
class _Gap:
    """Replicas of a part that sit elsewhere, as a sum of columns, and their number in the known plan."""

    columns: list[int]
    signs: list[int]
    part: int
    known: int
    kept: Kept
