"""By domain: bounds and plans of the one waiting item, against the exact optimum; proofs of a no, against all plans."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from solver.atoms import Allow, Disruptions, Floor, RefuseCharge, Share, Stay, UnitCharge, Within
from solver.by_domain import by_domain
from solver.cases import cases_above
from solver.check import check
from solver.cpsat import Effort
from solver.items import Item
from solver.messages import BoundFound, PlanFound
from solver.model import Arrays, LinearModel
from solver.one_domain import OneDomain, Stage, domains_of
from solver.plan import Seat
from solver.problem import Atom, Problem
from tests.solver.build import bins, ints, item, optimum, part, problem


def _heard(case: Problem, work: float = 5.0) -> tuple[list[PlanFound], list[BoundFound]]:
    told = list(by_domain(case, case.anchor, lambda _s, w: Effort(None, min(w, work)), lambda _w: None))
    return [m for m in told if isinstance(m, PlanFound)], [m for m in told if isinstance(m, BoundFound)]


def _case(rng: Random) -> Problem:
    """Six bins of two devices in three racks, some running items, one that waits; two tiers, all kinds of limits."""
    racks = ints(0, 0, 1, 1, 2, 2)
    free = [Seat(b, ((d, 1000),)) for b in range(6) for d in range(2)]
    rng.shuffle(free)
    homes = {i: (tuple(sorted(free.pop() for _ in range(rng.choice([1, 1, 2, 3])))),) for i in range(rng.randint(2, 4))}
    elastic = {i for i in homes if rng.random() < 0.25}
    items = [
        item(part(len(s), rng.randint(0, len(s)) if i in elastic else len(s), devices=1)) for i, (s,) in homes.items()
    ]
    gang, count = len(items), rng.randint(1, 3)
    items.append(item(part(count, rng.randint(1, count), devices=rng.choice([1, 2, 2, 2]))))
    use = {(i, 0): rng.randint(1, 2) for i in range(gang + 1) if i == gang or rng.random() < 0.6}
    held = sum(u * len(homes[i][0]) for (i, _), u in use.items() if i in homes)
    worth = rng.choice([3, 1000])
    price = {(i, 0): worth if i == gang else rng.randint(0, 9) for i in range(gang + 1)}
    atoms: list[Atom] = [
        RefuseCharge("r", 0, price),
        UnitCharge("u", 1, gang, 0, np.array([rng.randint(0, 4) for _ in range(6)], np.int64)),
    ]
    if rng.random() < 0.8:
        atoms.append(Within("t", gang, 0, 0))
    if rng.random() < 0.6:
        atoms.append(Share("q", "x", use, None, 0, held + rng.randint(0, 2)))
    if rng.random() < 0.6:
        floor = {(i, 0): rng.randint(1, 2) for i in homes if rng.random() < 0.6}
        kept = sum(u * len(homes[i][0]) for (i, _), u in floor.items())
        atoms.append(Floor("g", "y", floor, max(0, kept - rng.randint(0, 3))))
    groups = [tuple(i for i in homes if rng.random() < 0.6) for _ in range(2)]
    atoms += [Disruptions("d", f"{members}", members, rng.randint(0, 2)) for members in groups if members]
    for i, seats in homes.items():
        once, each, leave = rng.randint(0, 5), rng.randint(0, 3), rng.randint(0, 5)
        atoms.append(Stay("s", 1, i, seats, once, each, leave))
        if rng.random() < 0.3:
            atoms.append(Stay("p", -1, i, seats, may_leave=False))
    base = problem(bins([[1000, 1000]] * 6), items, [], [racks], 2)
    return Problem(base.bins, base.partitions, base.items, (*base.atoms, *atoms), 2, homes)


def _shared_case(rng: Random) -> Problem:
    """Four bins of two devices, some of which are half gone; shares of devices and whole ones run, a pair waits."""
    room = [[1000, rng.choice([500, 1000, 1000])] for _ in range(4)]
    free = [list(devices) for devices in room]
    homes: dict[int, tuple[tuple[Seat, ...], ...]] = {}
    items: list[Item] = []
    for _ in range(rng.randint(1, 3)):
        milli = rng.choice([250, 500, 1000])
        seats = []
        for _ in range(rng.randint(1, 4)):
            spots = [(b, d) for b in range(4) for d in range(2) if free[b][d] >= milli]
            if spots:
                b, d = rng.choice(spots)
                free[b][d] -= milli
                seats.append(Seat(b, ((d, milli),)))
        if seats:
            homes[len(items)] = (tuple(sorted(seats)),)
            items.append(item(part(len(seats), **({"devices": 1} if milli == 1000 else {"milli": milli}))))
    if rng.random() < 0.5 and free[0] == [1000, 1000]:
        homes[len(items)] = ((Seat(0, ((0, 1000), (1, 1000))),),)
        items.append(item(part(1, devices=2)))
    gang = len(items)
    items.append(item(part(rng.randint(1, 2), devices=1), part(rng.randint(1, 2), devices=rng.choice([1, 1, 2]))))
    atoms: list[Atom] = [RefuseCharge("r", 0, {(gang, 0): 1000, (gang, 1): 1000} | {(i, 0): 500 for i in homes})]
    for i, seats_ in homes.items():
        atoms.append(Stay("s", 0, i, seats_, rng.randint(0, 2), rng.randint(1, 3), 3000, may_leave=rng.random() < 0.5))
    base = problem(bins(room), items)
    return Problem(base.bins, base.partitions, base.items, (*base.atoms, *atoms), 1, homes)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("draw", [_case, _shared_case])
def test_bounds_and_plans_hold_against_the_optimum(seed: int, draw: Callable[[Random], Problem]) -> None:
    case = draw(Random(seed))
    best = optimum(case)
    plans, bounds = _heard(case)
    for plan in plans:
        report = check(case, plan.plan)
        assert not report.violations
        assert report.values == plan.values >= best
    for bound in bounds:
        if all(value <= limit for value, limit in zip(best, bound.limits, strict=False)):
            assert bound.value <= best[bound.tier]
        if bound.exact and bound.tier == 0:
            assert check(case, case.anchor).values[0] == best[0], "proven that there is no place"


def test_most_small_cases_are_decided() -> None:
    """Of those with a place most end with the optimum proven; of those without, most with an exact proof."""
    decided = proven = without = 0
    for seed in range(60):
        case = _case(Random(seed))
        plans, bounds = _heard(case)
        values = plans[-1].values if plans else check(case, case.anchor).values
        firm = {b.tier for b in bounds if b.value == values[b.tier] and b.limits == values[: b.tier]}
        decided += firm == {0, 1}
        gone = replace(case, atoms=tuple(a for a in case.atoms if not isinstance(a, RefuseCharge)))
        gang = len(case.items) - 1
        forced = replace(gone, atoms=(*gone.atoms, RefuseCharge("r", 0, {(gang, 0): 1})))
        part = case.items[gang].parts[0]
        if optimum(forced)[0] == part.count:
            without += 1
            proven += any(b.exact for b in bounds)
    assert decided >= 40
    assert without >= 5
    assert proven >= without // 2


@pytest.mark.parametrize("seed", range(60))
def test_a_domain_without_a_solution_has_no_plan(seed: int) -> None:
    case = _case(Random(1000 + seed))
    gang = len(case.items) - 1
    stage = Stage(case, gang)
    for domain in domains_of(case, gang):
        model = OneDomain(stage, domain)
        if cases_above(model.arrays, case.tiers, 0, lambda: False):
            kept = [a for a in case.atoms if not isinstance(a, RefuseCharge | UnitCharge)]
            inside = Allow("inside", gang, 0, domain)
            forced = replace(case, atoms=(*kept, inside, RefuseCharge("r", 0, {(gang, 0): 1})))
            assert optimum(forced)[0] == case.items[gang].parts[0].count


def test_cases_are_told_apart_where_one_certificate_is_not_enough() -> None:
    """2 x + 2 y + 2 z = 3 has fractional solutions only, and three of the five cases are needed to see it."""
    model = LinearModel(1)
    cols = [model.var(0, 1, 0) for _ in range(3)]
    short = model.var(0, 3, 3)
    model.row([*cols, short], [2, 2, 2, 1], lo=3, hi=3)
    model.cost(0, short, 1)
    assert cases_above(model.arrays(), 0, 0, lambda: False) > 1
    assert cases_above(model.arrays(), 0, 0, lambda: True) == 0, "no time"
    assert cases_above(model.arrays(), 0, 1, lambda: False) == 0, "one is missing in the optimum"


def test_an_easy_model_is_one_case() -> None:
    model = LinearModel(1)
    col, short = model.var(0, 2, 0), model.var(0, 3, 3)
    model.row([col, short], [1, 1], lo=3)
    model.cost(0, short, 1)
    arrays: Arrays = model.arrays()
    assert cases_above(arrays, 0, 0, lambda: False) == 1


def test_nothing_is_said_where_two_items_wait() -> None:
    case = _case(Random(1))
    two = replace(case, items=(*case.items, item(part(1, devices=1))))
    assert _heard(two) == ([], [])


def test_a_model_without_columns_has_its_constant() -> None:
    empty = LinearModel(1)
    empty.constant(0, 5)
    assert cases_above(empty.arrays(), 0, 4, lambda: False) == 1
    assert cases_above(empty.arrays(), 0, 5, lambda: False) == 0
