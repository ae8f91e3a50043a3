"""A pass is cut short only where no end of it could win: the bound holds at every step, and no answer changes."""

from dataclasses import replace
from functools import partial
from random import Random

from solver.atoms import Caps, Hinge, RefuseCharge, Share, SpanCharge, UnitCharge
from solver.check import check
from solver.gang import Gang
from solver.greedy import best_of, fill, orders, ways
from solver.ground import Ground
from solver.items import Demand, Part
from solver.plan import Seat
from solver.problem import Atom, Problem
from solver.prospect import Prospect
from tests.solver.build import bins, ints, item, part, problem


def _crowd(rng: Random, count: int) -> Problem:
    """Shares and devices in two tiers, more than fit; some run, loads should reach a level, a cap, prices, spans."""
    size = 12
    free = bins([[rng.choice((0, 500, 1000, 1000)) for _ in range(4)] for _ in range(size)])
    atoms: list[Atom] = []
    items = []
    for i in range(count):
        milli = rng.choice((0, 0, 250, 500))
        replicas = rng.choice((1, 1, 2, 3))
        demand = Demand(0 if milli else rng.choice((1, 1, 2, 4)), milli)
        items.append(item(Part(f"p{i}", demand, replicas, rng.randrange(replicas + 1))))
        atoms.append(UnitCharge("u", rng.randrange(2), i, 0, ints(*(rng.randrange(9) for _ in range(size)))))
        if rng.random() < 0.4:
            atoms.append(SpanCharge("s", 0, i, 0, 0, rng.randrange(1, 20)))
    racks = ints(*(b // 4 for b in range(size)))
    use = {(i, 0): ints(*[rng.randrange(4)] * 3) for i in range(count)}
    atoms.append(Caps("c", tuple("abc"), racks, use, ints(0, 0, 0), ints(*(rng.randrange(8, 30) for _ in range(3)))))
    level = (Hinge(count // 3, 7, below=True), Hinge(count // 5, 3))
    atoms.append(Share("f", "fair", {(i, 0): 1 for i in range(0, count, 3)}, None, 0, None, level, 0))
    atoms.append(RefuseCharge("r", 0, {(i, 0): rng.randrange(0, 60) for i in range(count)}))
    whole = [b for b in range(size) if int(free.devices[b][3]) == 1000]
    items.append(item(part(2, least=1, devices=1)))
    atoms.append(RefuseCharge("r", 0, {(count, 0): 50}))
    running = {count: ((Seat(whole[0], ((3, 1000),)),),)}
    return replace(problem(free, items, atoms, [racks], tiers=2), homes=running)


def test_no_pass_ends_below_what_was_said_of_it() -> None:
    said = 0
    for seed in range(30):
        case = _crowd(Random(seed), 40)
        for order in orders(case):
            ground = Ground(case)
            for i, seats in case.homes.items():
                ground.settle(i, seats)
            prospect, least = Prospect(ground, 0), [0.0]
            for one in order:
                if one not in ground.seats:
                    known = ground.values()
                    if Gang(ground, one).place() is not None and ground.values() > known:
                        ground.drop(one)
                    prospect.tried(one)
                    least.append(prospect.least())
            assert max(least) <= ground.values()[0]
            assert least == sorted(least), "what is known never gets less"
            said += least[len(least) // 2] > 0.5 * ground.values()[0]
    assert said > 20, "half way through it says something"


def test_cut_short_or_not_the_best_of_all_ways_is_the_same() -> None:
    cut = 0
    for seed in range(12):
        case = _crowd(Random(seed), 70)
        best, values, placed = case.anchor, None, []
        for plan, reached, _ in ways(case):
            placed.append(len(plan.seats))
            if values is None or reached < values:
                best, values = plan, reached
        made = best_of(case)
        assert made.plan == best
        assert made.complete
        assert made.ways == len(placed)
        known = values[0] if values else 0
        short = [len(plan.seats) for plan, _, _ in ways(case, beat=partial(float, known))]
        cut += sum(a < b for a, b in zip(short, placed, strict=True))
    assert cut, "some are cut short"


def test_what_cannot_win_ends_at_once_and_counts_as_tried() -> None:
    charge = RefuseCharge("r", 0, {(i, 0): 1 + (i == 39) for i in range(40)})
    case = problem(bins([[1000] * 4]), [item(part(1, devices=1)) for _ in range(40)], [charge])
    ground, order = Ground(case), iter(range(40))
    assert Prospect(ground, 35).least() == 36 == check(case, best_of(case).plan).values[0]
    assert fill(ground, order, prospect=Prospect(ground, 35))
    assert next(order) == 8, "as soon as it is looked up"
    ground, order = Ground(case), iter(range(40))
    assert fill(ground, order, prospect=Prospect(ground, 37))
    assert next(order, None) is None
    assert ground.values() == (37,)
