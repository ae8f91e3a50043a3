"""One item waits where shares, pairs, elastic, two-part and pinned work runs: bounds, plans and noes, held to optima.

More kinds of work and limits at once than `test_by_domain` draws, on bins of which devices are partly gone.
"""

from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
import pytest

from solver.alone import forced
from solver.atoms import (
    Allow,
    Capacity,
    Caps,
    Disruptions,
    Exclusive,
    Floor,
    RefuseCharge,
    Share,
    Spread,
    Stay,
    UnitCharge,
    Within,
)
from solver.by_domain import by_domain
from solver.check import check
from solver.cpsat import Effort
from solver.items import Bins, Bundle, Demand, Item, Part
from solver.messages import BoundFound, PlanFound
from solver.permitted import Refusal, permitted
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from solver.workers import Inline
from tests.solver.build import optimum


@dataclass
class _State:
    """Bins as they fill up."""

    rng: Random
    devices: list[list[int]]
    resources: list[int]
    items: list[Item] = field(default_factory=list)
    homes: dict[int, tuple[tuple[Seat, ...], ...]] = field(default_factory=dict)

    def demand(self) -> Demand:
        kind, resources = self.rng.random(), (self.rng.choice([0, 0, 0, 1]),)
        if kind < 0.5:
            return Demand(devices=self.rng.randint(1, min(2, len(self.devices[0]))), resources=resources)
        if kind < 0.9:
            return Demand(milli=self.rng.choice([250, 330, 500, 700]), resources=resources)
        return Demand(resources=(1,))

    def seat(self, demand: Demand) -> Seat | None:
        taken, wanted = demand.milli or 1000, 1 if demand.milli else demand.devices
        spots = []
        for b, row in enumerate(self.devices):
            able = [d for d, free in enumerate(row) if free >= taken]
            if len(able) >= wanted and self.resources[b] >= demand.resources[0]:
                spots.append((b, able))
        if not spots:
            return None
        b, able = self.rng.choice(spots)
        chosen = sorted(self.rng.sample(able, wanted))
        for d in chosen:
            self.devices[b][d] -= taken
        self.resources[b] -= demand.resources[0]
        return Seat(b, tuple((d, taken) for d in chosen))

    def run(self) -> None:
        """One item more that runs, if there is room; it may shrink or grow."""
        parts, held = [], []
        for p in range(self.rng.choice([1, 1, 1, 2])):
            demand = self.demand()
            seats = [seat for _ in range(self.rng.randint(1, 3)) if (seat := self.seat(demand)) is not None]
            most = len(seats) + (self.rng.random() < 0.15)
            if seats:
                least = self.rng.choice([len(seats), len(seats), self.rng.randint(0, len(seats))])
                parts.append(Part(f"p{p}", demand, most, least))
                held.append(tuple(sorted(seats)))
        if parts:
            self.homes[len(self.items)] = tuple(held)
            self.items.append(Item(f"i{len(self.items)}", (Bundle("root"),), tuple(parts)))


def _gang(state: _State) -> Item:
    rng = state.rng
    bundled = rng.random() < 0.3
    bundles = (Bundle("root", -1, rng.choice([1, 2])), Bundle("a", 0), Bundle("b", 0)) if bundled else (Bundle("root"),)
    parts = []
    for p in range(2 if bundled else rng.choice([1, 1, 2])):
        count = rng.randint(1, 4)
        least = rng.choice([count, count, rng.randint(0, count)])
        parts.append(Part(f"p{p}", state.demand(), count, least, p + 1 if bundled else 0))
    return Item("gang", bundles, tuple(parts))


def _limits(rng: Random, items: list[Item], home: Plan, bins: int, racks: np.ndarray) -> list[Atom]:
    """Limits that the running work keeps, some of them just."""
    keys = [(i, p) for i, item in enumerate(items) for p in range(len(item.parts))]

    def some(most: int) -> dict[tuple[int, int], int]:
        return {key: rng.randint(0, most) for key in keys if rng.random() < 0.7}

    def where(share: float) -> np.ndarray | None:
        return None if rng.random() < share else np.array([rng.random() < 0.6 for _ in range(bins)])

    found: list[Atom] = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        share = Share("quota", "x", some(3), where(0.6), rng.choice([0, 0, 2]))
        found.append(replace(share, limit=share.load(home) + rng.randint(0, 3)))
    if rng.random() < 0.3:
        use = {key: np.array([rng.randint(0, 3) for _ in range(4)]) for key in keys}
        empty = Caps("caps", ("a", "b", "c", "d"), racks, use, np.zeros(4, np.int64), np.zeros(4, np.int64))
        found.append(replace(empty, limit=empty.loads(home) + np.array([rng.randint(0, 3) for _ in range(4)])))
    if rng.random() < 0.4:
        floor = Floor("floor", "y", some(2), 0, bins=where(0.7))
        found.append(replace(floor, least=max(0, floor.load(home) - rng.randint(0, 3))))
    for _ in range(rng.choice([0, 1, 2])):
        members = tuple(i for i in home.seats if rng.random() < 0.7)
        found.append(Disruptions("budget", f"{members}", members, rng.randint(0, 2)))
    if rng.random() < 0.25:
        pair = tuple(sorted(rng.sample(range(len(items)), 2)))
        found.append(Exclusive("apart", rng.choice([0, 1]), pair))
    return found


def _case(rng: Random) -> Problem:
    """Four to seven bins of one to three devices, two to five running items, and one that waits; one or two tiers."""
    count, width, tiers = rng.randint(4, 7), rng.randint(1, 3), rng.choice([1, 2])
    devices = [[rng.choice([1000] * 5 + [500, 250, 0]) for _ in range(width)] for _ in range(count)]
    resources = [rng.choice([3, 4, 100]) for _ in range(count)]
    state = _State(rng, [list(row) for row in devices], list(resources))
    while not state.homes:
        for _ in range(rng.randint(2, 5)):
            state.run()
    gang, items = len(state.items), [*state.items, _gang(state)]
    racks, rows = np.arange(count) // 2, np.arange(count) // 4
    worth = {
        (i, p): rng.choice([5, 50, 1000] if i == gang else [1, 3, 10, 100])
        for i, item in enumerate(items)
        for p in range(len(item.parts))
    }
    atoms: list[Atom] = [Capacity(), RefuseCharge("refused", 0, worth)]
    if rng.random() < 0.5:
        atoms.append(Within("near", gang, 0, rng.choice([0, 1])))
    if rng.random() < 0.2:
        atoms.append(Spread("spread", gang, (0,), 0, rng.choice([1, 2])))
    if rng.random() < 0.3:
        atoms.append(UnitCharge("price", tiers - 1, gang, 0, np.array([rng.randint(0, 4) for _ in range(count)])))
    if rng.random() < 0.3:
        atoms.append(Allow("allowed", gang, 0, np.array([rng.random() < 0.7 for _ in range(count)])))
    atoms += _limits(rng, items, Plan(state.homes), count, racks)
    for i, home in state.homes.items():
        once, each, leave = rng.randint(0, 4), rng.randint(0, 4), rng.randint(0, 9)
        atoms.append(Stay("stay", rng.randrange(tiers), i, home, once, each, leave, may_leave=rng.random() < 0.8))
        if rng.random() < 0.15:
            atoms.append(Stay("pinned", -1, i, home, may_leave=False, pinned=True))
    bins = Bins(np.array(devices), np.array(resources)[:, None])
    return Problem(bins, (racks, rows), tuple(items), tuple(atoms), tiers, state.homes)


def _feasible(seed: int) -> Problem:
    rng = Random(f"one waiting {seed}")
    while True:
        case = _case(rng)
        if not check(case, case.anchor).violations:
            return case


@pytest.mark.parametrize("block", range(4))
def test_bounds_plans_and_noes_hold_against_the_optimum(block: int) -> None:
    for seed in range(block * 5, block * 5 + 5):
        case = _feasible(seed)
        best, gang = optimum(case), len(case.items) - 1
        for told in by_domain(case, case.anchor, lambda _s, w: Effort(None, min(w, 5.0)), lambda _w: None):
            if isinstance(told, PlanFound):
                report = check(case, told.plan)
                assert not report.violations, seed
                assert report.values == told.values >= best, seed
            elif isinstance(told, BoundFound):
                inside = all(value <= limit for value, limit in zip(best, told.limits, strict=False))
                assert not inside or told.value <= best[told.tier], seed
        asked, item = forced(case, gang)
        fits = optimum(asked)[0] < sum(part.count for part in case.items[gang].parts)
        found = permitted(case, gang, Inline(), lambda: None)
        if isinstance(found, Refusal):
            assert not fits, seed
        elif found is not None:
            assert not check(asked, found).violations, seed
            assert found.placed(item), seed
