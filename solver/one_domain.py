"""One item in one domain, as a small linear model: what must be disturbed for it, and what that costs at least.

Every valid plan in which the item lies in the domain is a solution that costs no more than the plan: a bound of the
model is a bound of all such plans, and without a solution there is no such plan. The model knows the room of the
domain's bins, prices, and what limits disturbance (`Disruptions`, `Floor`, `Share`, `Stay`); what moves is taken to
find room elsewhere, and other waiting work to cost nothing. So it is small (some hundred columns) at any fleet size.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from solver.alone import always_on, solo
from solver.atoms import Disruptions, Floor, RefuseCharge, Share, Stay, Within
from solver.cells import rooms
from solver.items import WHOLE, BoolArray, IntArray
from solver.model import Arrays, LinearModel
from solver.problem import Problem
from solver.sheet import sheet_of

__all__ = ["OneDomain", "Parting", "Stage", "domains_of"]


def domains_of(problem: Problem, item: int) -> Iterator[BoolArray]:
    """Bins of each domain of the finest partition in which the whole item must lie together; all bins if none."""
    inside = [a.partition for a in problem.own_atoms[item] if isinstance(a, Within) and a.bundle == 0]
    if not inside:
        yield np.ones(problem.bins.count, np.bool_)
        return
    finest = max(inside, key=problem.domains)
    for domain in range(problem.domains(finest)):
        yield problem.partitions[finest] == domain


@dataclass(frozen=True)
class Parting:
    """What it costs at least, tier by tier, that a running item loses seats: with `gone`, or with what moves."""

    gone: tuple[int, ...]
    moved: tuple[int, ...]
    each: tuple[int, ...]
    """More for every replica that moves."""
    rigid: bool
    """It runs whole or not at all, so `gone` is the end of it; else `gone` is the loss of its cheapest replica."""
    may_go: bool
    may_move: bool = True


class Stage:
    """What is alike for all domains of one waiting item: the room with all gone that may be disturbed, and prices."""

    def __init__(self, problem: Problem, item: int) -> None:
        self.problem, self.item = problem, item
        whole = problem.items[item]
        self.parts = whole.parts
        room = rooms(solo(problem, item))
        self.room: list[IntArray] = [room[0, p].clip(max=part.count) for p, part in enumerate(whole.parts)]
        """int64[N] per part."""
        self.need = [part.min_count if always_on(whole, part.bundle) else 0 for part in whole.parts]
        self.inside: dict[int, list[int]] = {}
        """bin -> what runs there and may be disturbed."""
        for i, seats in problem.homes.items():
            for b in sorted({seat.bin for held in seats for seat in held}):
                self.inside.setdefault(b, []).append(i)
        self.charges = [a for a in problem.atoms if isinstance(a, RefuseCharge)]
        self.shares = [a for a in problem.atoms_of[item] if isinstance(a, Share) and a.bins is None]
        self.users = {i for a in self.shares if a.limit is not None for i, _ in a.use if i in problem.homes}
        """What runs and could make room under a limit of the item by leaving, wherever it runs."""
        self._partings: dict[int, Parting] = {}

    @cached_property
    def budgets(self) -> list[Disruptions]:
        """Limits on how many are disturbed."""
        return [a for a in self.problem.atoms if isinstance(a, Disruptions)]

    @cached_property
    def floors(self) -> list[Floor]:
        """What must stay, in all bins together."""
        return [a for a in self.problem.atoms if isinstance(a, Floor) and a.bins is None]

    def held(self, item: int, bin_: int) -> dict[int, int]:
        """Thousandths of each device of a bin that a running item holds."""
        found: dict[int, int] = {}
        for seats in self.problem.homes[item]:
            for seat in seats:
                for device, milli in seat.devices if seat.bin == bin_ else ():
                    found[device] = found.get(device, 0) + milli
        return found

    def displaced(self, item: int, bin_: int, devices: int) -> int:
        """Seats that a running item loses at least in a bin where so many whole devices are taken from it."""
        intact = set(np.flatnonzero(self.problem.bins.devices[bin_] == WHOLE).tolist())
        here = [seat.devices for held in self.problem.homes[item] for seat in held if seat.bin == bin_]
        alone = [len(intact.intersection(d for d, _ in held)) for held in here if len(held) > 1]
        shared = Counter(held[0][0] for held in here if len(held) == 1 and held[0][0] in intact)
        least: list[float] = [0.0] + [math.inf] * devices
        for gained, seats in [(n, 1) for n in alone] + [(1, n) for n in shared.values()]:
            for wanted in range(devices, 0, -1):
                least[wanted] = min(least[wanted], least[max(0, wanted - gained)] + seats)
        return 0 if math.isinf(least[devices]) else int(least[devices])

    def refusal(self) -> tuple[int, ...]:
        """What it costs at least, tier by tier, not to place the item."""
        values = [0] * self.problem.tiers
        for atom in self.charges:
            values[atom.tier] += sum(atom.each.get((self.item, p), 0) * part.count for p, part in enumerate(self.parts))
        return tuple(values)

    def parting(self, item: int) -> Parting:
        """What it costs at least to disturb a running item."""
        if item not in self._partings:
            self._partings[item] = self._parting(item)
        return self._partings[item]

    def _parting(self, item: int) -> Parting:
        problem, whole = self.problem, self.problem.items[item]
        held = [len(seats) for seats in problem.homes[item]]
        rigid = all(
            n == part.count == part.min_count and always_on(whole, part.bundle)
            for n, part in zip(held, whole.parts, strict=True)
        )
        gone, moved, each = ([0] * problem.tiers for _ in range(3))
        may_go = may_move = True
        for atom in problem.own_atoms[item]:
            if not isinstance(atom, Stay):
                continue
            may_go = may_go and (atom.may_leave or not rigid) and not atom.pinned
            may_move = may_move and not atom.pinned
            if atom.tier >= 0:
                moved[atom.tier] += atom.move_once
                each[atom.tier] += atom.move_each
                gone[atom.tier] += atom.leave_once if rigid else 0
        for charge in self.charges:
            costs = [charge.each.get((item, p), 0) for p in range(len(held))]
            if rigid:
                gone[charge.tier] += sum(cost * n for cost, n in zip(costs, held, strict=True))
            else:
                gone[charge.tier] += min((cost for cost, n in zip(costs, held, strict=True) if n), default=0)
        return Parting(tuple(gone), tuple(moved), tuple(each), rigid, may_go, may_move)


class OneDomain:
    """The model for one domain. Tier `problem.tiers` of `arrays` counts the item's replicas that find no place."""

    def __init__(self, stage: Stage, domain: BoolArray) -> None:
        self.stage = stage
        self.model = LinearModel(stage.problem.tiers + 1)
        self.bins: list[int] = np.flatnonzero(domain).tolist()
        self.seats: dict[tuple[int, int], int] = {}
        """(part, bin) -> column: replicas of the item there."""
        self.gone: dict[int, int] = {}
        self.moved: dict[int, int] = {}
        """Running item -> 0/1 column."""
        self._beneath: dict[int, dict[int, tuple[int, int]]] = {}
        """Running item -> bin -> (replicas that it loses at least, column of the 0/1 seat of the waiting item there).

        One column for each bin: under two of them it may lose the same replica.
        """
        self._seats()
        near = sorted({i for b in self.bins for i in stage.inside.get(b, ())})
        for i in sorted({*near, *stage.users}):
            self._running(i)
        for b in self.bins:
            self._room(b)
        for i in near:
            self._moves(i)
        self._limits()

    @cached_property
    def arrays(self) -> Arrays:
        """The finished model. All columns at 0 but the missing replicas are a solution: nothing is disturbed."""
        return self.model.arrays()

    def without_moves(self, items: Iterable[int]) -> OneDomain:
        """The same model in which these items do not move."""
        other = copy(self)
        other.arrays = replace(self.arrays, upper=self.arrays.upper.copy())
        other.arrays.upper[[self.moved[i] for i in items]] = 0
        return other

    def _seats(self) -> None:
        stage, model, tiers = self.stage, self.model, self.stage.problem.tiers
        for p, part in enumerate(stage.parts):
            key = (stage.item, p)
            refused = [(a.tier, a.each[key]) for a in stage.charges if key in a.each]
            prices = [(tier, each) for q, tier, each in sheet_of(stage.problem, stage.item).units if q == p]
            mine = []
            for b in self.bins:
                if most := int(stage.room[p][b]):
                    mine.append(model.var(0, most, 0))
                    self.seats[p, b] = mine[-1]
                    for tier, price in prices:
                        model.cost(tier, mine[-1], int(price[b]))
                    for tier, cost in refused:
                        model.cost(tier, mine[-1], -cost)
            for tier, cost in refused:
                model.constant(tier, cost * part.count)
            model.row(mine, [1] * len(mine), hi=part.count)
            if need := stage.need[p]:
                missing = model.var(0, need, need)
                model.cost(tiers, missing, 1)
                model.row([*mine, missing], [1] * (len(mine) + 1), lo=need)

    def _running(self, item: int) -> None:
        model, parting = self.model, self.stage.parting(item)
        gone = self.gone[item] = model.var(0, int(parting.may_go), 0)
        moved = self.moved[item] = model.var(0, int(parting.may_move), 0)
        for tier in range(self.stage.problem.tiers):
            model.cost(tier, gone, parting.gone[tier])
            model.cost(tier, moved, parting.moved[tier])
        model.row([gone, moved], [1, 1], hi=1)

    def _room(self, bin_: int) -> None:
        """What the item takes in a bin is free or held by what is disturbed."""
        stage, model = self.stage, self.model
        here = [(p, self.seats[p, bin_]) for p in range(len(stage.parts)) if (p, bin_) in self.seats]
        if not here:
            return
        devices: list[int] = stage.problem.bins.devices[bin_].tolist()
        terms = [(col, stage.parts[p].demand.volume) for p, col in here]
        occupied = 0
        for i in stage.inside.get(bin_, ()):
            held = stage.held(i, bin_)
            volume = sum(held.values())
            if not volume:
                continue
            occupied += volume
            terms += [(self.gone[i], -volume), (self.moved[i], -volume)]
            whole = sum(free == WHOLE and not held.get(device) for device, free in enumerate(devices))
            for p, col in here:
                wanted, most = stage.parts[p].demand.devices, int(stage.room[p][bin_])
                if wanted and (rest := whole // wanted) < most:
                    model.row([col, self.gone[i], self.moved[i]], [1, rest - most, rest - most], hi=rest)
                    if rest == 0 and most == 1:
                        lost = stage.displaced(i, bin_, wanted - whole), col
                        beneath = self._beneath.setdefault(i, {})
                        beneath[bin_] = max(lost, beneath.get(bin_, lost))
        # What holds more than there is (a device that is out of order) holds what there is.
        model.row([col for col, _ in terms], [v for _, v in terms], hi=max(0, sum(devices) - occupied))

    def _moves(self, item: int) -> None:
        """Every replica that moves has a price: of what moves at least one, and those under the waiting item."""
        each = self.stage.parting(item).each
        if not any(each):
            return
        total = sum(len(seats) for seats in self.stage.problem.homes[item])
        col = self.model.var(0, total, 0)
        for tier, price in enumerate(each):
            self.model.cost(tier, col, price)
        self.model.row([col, self.moved[item]], [1, -1], lo=0)
        beneath = self._beneath.get(item, {})
        if len(beneath) > 1 and self.stage.parting(item).rigid:
            lost, seats = [-n for n, _ in beneath.values()], [seat for _, seat in beneath.values()]
            self.model.row([col, self.gone[item], *seats], [1, total, *lost], lo=0)

    def _limits(self) -> None:
        stage, model, problem = self.stage, self.model, self.stage.problem
        for budget in stage.budgets:
            cols = [col for i in budget.members if i in self.gone for col in (self.gone[i], self.moved[i])]
            if len(cols) > 2 * (budget.limit - budget.base):
                model.row(cols, [1] * len(cols), hi=max(0, budget.limit - budget.base))
        for floor in stage.floors:
            # All that could be there, less what is gone for good.
            most = floor.base + sum(use * problem.part(key).count for key, use in floor.use.items())
            terms = self._sums(
                ((i, p), use * problem.part((i, p)).count)
                for (i, p), use in floor.use.items()
                if i in self.gone and stage.parting(i).rigid
            )
            if sum(terms.values()) > most - floor.least:
                model.row(list(terms), list(terms.values()), hi=max(0, most - floor.least))
        for share in stage.shares:
            if share.limit is None:
                continue
            running = {k: use * len(problem.homes[k[0]][k[1]]) for k, use in share.use.items() if k[0] in problem.homes}
            terms = self._sums((key, -load) for key, load in running.items())
            for (p, _), col in self.seats.items():
                terms[col] = share.use.get((stage.item, p), 0)
            left = max(share.limit, share.base) - share.base - sum(running.values())
            model.row(list(terms), list(terms.values()), hi=max(0, left))

    def _sums(self, figures: Iterable[tuple[tuple[int, int], int]]) -> dict[int, int]:
        """Column of what is gone -> sum of the figures of its parts."""
        found: dict[int, int] = {}
        for (i, _), figure in figures:
            found[self.gone[i]] = found.get(self.gone[i], 0) + figure
        return found
