"""Guards: how far limits on disturbing what runs (`Disruptions`, `Floor`, pinned items) are used up by a plan."""

from __future__ import annotations

from collections.abc import Mapping

from solver.atoms.disruptions import Disruptions, lost
from solver.atoms.floor import Floor
from solver.atoms.stay import Stay
from solver.items import BoolArray
from solver.plan import Plan, Seat
from solver.problem import Problem

__all__ = ["Guards"]

_Seats = tuple[tuple[Seat, ...], ...]


class Guards:
    """The limits of a problem on disturbance, counted for a plan."""

    def __init__(self, problem: Problem, seats: Mapping[int, _Seats]) -> None:
        """Count the limits for a plan with these seats."""
        self._problem = problem
        self._room: list[int] = []
        self._floors: dict[int, list[tuple[int, dict[int, int], BoolArray | None]]] = {}
        self._budgets: dict[int, list[int]] = {}
        plan = Plan(dict(seats))
        for atom in problem.atoms:
            number = len(self._room)
            if isinstance(atom, Disruptions):
                self._room.append(atom.limit - atom.base - len(atom.disturbed(problem, plan)))
                for item in atom.members:
                    self._budgets.setdefault(item, []).append(number)
            elif isinstance(atom, Stay) and atom.pinned:
                self._room.append(-len(atom.violations(problem, plan)))
                self._budgets.setdefault(atom.item, []).append(number)
            elif isinstance(atom, Floor):
                self._room.append(atom.load(plan) - atom.least)
                uses: dict[int, dict[int, int]] = {}
                for (item, part), use in atom.use.items():
                    uses.setdefault(item, {})[part] = use
                for item, parts in uses.items():
                    self._floors.setdefault(item, []).append((number, parts, atom.bins))
        self._short = sum(room < 0 for room in self._room)

    def change(self, item: int, before: _Seats | None, after: _Seats | None) -> None:
        """The item had these seats and has those now (None: it is not placed)."""
        if before == after:
            return
        for number in self._budgets.get(item, ()):
            self._add(number, self._disturbed(item, before) - self._disturbed(item, after))
        for number, parts, bins in self._floors.get(item, ()):
            self._add(number, _load(parts, after, bins) - _load(parts, before, bins))

    def broken(self) -> bool:
        """Whether any limit is exceeded."""
        return self._short > 0

    def _add(self, number: int, more: int) -> None:
        room = self._room[number]
        self._room[number] = room + more
        self._short += (room + more < 0) - (room < 0)

    def _disturbed(self, item: int, seats: _Seats | None) -> bool:
        homes = self._problem.homes[item]
        held = ((),) * len(homes) if seats is None else seats
        return any(lost(home, now) for home, now in zip(homes, held, strict=True))


def _load(parts: dict[int, int], seats: _Seats | None, bins: BoolArray | None) -> int:
    if seats is None:
        return 0
    return sum(use for part, use in parts.items() for seat in seats[part] if bins is None or bins[seat.bin])
