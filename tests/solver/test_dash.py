"""What is not weighed goes where it fits: fullest bins first, limits kept, prices not looked at."""

from random import Random

from solver.atoms import Allow, Caps, RefuseCharge, Share, SpanCharge, UnitCharge
from solver.check import check
from solver.dash import Dash
from solver.greedy import best_of, fill, orders, ways
from solver.ground import Ground
from solver.items import Demand, Item, Part
from solver.problem import Atom, Problem
from tests.solver.build import bins, ints, item, part, problem


def test_the_fullest_bin_that_holds_it_comes_first_whatever_it_costs() -> None:
    dear = UnitCharge("u", 0, 0, 0, ints(0, 5, 0))
    case = problem(bins([[1000] * 4, [1000, 0, 0, 0], [0] * 4]), [item(part(1, devices=1))], [dear])
    ground = Ground(case)
    assert Dash(ground).place(0)
    assert ground.seats[0][0][0].bin == 1


def test_a_gang_that_does_not_fit_leaves_its_bins_to_others() -> None:
    items = [item(part(4, devices=2)), item(part(2, devices=2)), item(part(2, devices=1))]
    case = problem(bins([[1000, 1000]] * 3), items)
    ground = Ground(case)
    dash = Dash(ground)
    assert not dash.place(0)
    assert ground.free.whole.tolist() == [2, 2, 2]
    assert dash.place(1)
    assert dash.place(2)
    assert sorted(seat.bin for seats in ground.seats.values() for seat in seats[0]) == [0, 1, 2, 2]


def test_bins_that_a_limit_closes_stay_for_work_without_it() -> None:
    """Two replicas of item 0 would draw too much in either group; item 1 draws nothing."""
    items = [item(part(2, devices=1)), item(part(2, devices=1))]
    caps = Caps("c", ("a", "b"), ints(0, 1), {(0, 0): ints(3, 3)}, ints(0, 0), ints(4, 2))
    case = problem(bins([[1000, 1000]] * 2), items, [caps])
    ground = Ground(case)
    dash = Dash(ground)
    assert not dash.place(0)
    assert dash.place(1)
    least = problem(bins([[1000, 1000]] * 2), [item(part(2, least=1, devices=1))], [caps])
    ground = Ground(least)
    assert Dash(ground).place(0)
    assert [seat.bin for seat in ground.seats[0][0]] == [0], "one in the group with room for one"


def _crowd(rng: Random, count: int) -> Problem:
    """Shares, devices and gangs, more than fit, with masks, prices, spans, a cap per rack and a quota."""
    size = 24
    free = bins(
        [[rng.choice((0, 250, 1000, 1000)) for _ in range(4)] for _ in range(size)],
        [[rng.randrange(4, 40)] for _ in range(size)],
    )
    items: list[Item] = []
    atoms: list[Atom] = []
    for i in range(count):
        amount = (rng.randrange(0, 6),)
        milli = rng.choice((0, 0, 0, 250, 500))
        demand = Demand(0 if milli else rng.choice((0, 1, 1, 2, 4)), milli, amount)
        replicas = rng.choice((1, 1, 1, 2, 3))
        items.append(item(Part(f"p{i}", demand, replicas, rng.randrange(replicas + 1))))
        if rng.random() < 0.3:
            atoms.append(Allow("a", i, 0, ints(*(rng.random() < 0.6 for _ in range(size))) > 0))
        atoms.append(UnitCharge("u", 0, i, 0, ints(*(rng.randrange(9) for _ in range(size)))))
        if rng.random() < 0.4:
            atoms.append(SpanCharge("s", 0, i, 0, 0, rng.randrange(1, 20)))
    racks = ints(*(b // 4 for b in range(size)))
    use = {(i, 0): ints(*[rng.randrange(4)] * 6) for i in range(count)}
    limit = ints(*(rng.randrange(8, 30) for _ in range(6)))
    atoms.append(Caps("c", tuple("abcdef"), racks, use, ints(*[0] * 6), limit))
    atoms.append(Share("q", "tenant", {(i, 0): 1 for i in range(0, count, 3)}, None, 0, count // 4, (), -1))
    atoms.append(RefuseCharge("r", 0, {(i, 0): rng.randrange(5, 60) for i in range(count)}))
    return problem(free, items, atoms, [racks])


def test_plans_are_valid_and_worth_what_the_ground_says() -> None:
    for seed in range(12):
        case = _crowd(Random(seed), 70)
        for weighed in (0, 7):
            ground = Ground(case)
            assert fill(ground, orders(case)[0], weighed=weighed)
            report = check(case, ground.plan())
            assert not report.violations
            assert report.values == ground.values() < check(case, case.anchor).values


def test_late_nothing_is_weighed_any_more() -> None:
    case = _crowd(Random(1), 70)
    found = []
    for weighed, late in ((0, None), (30, lambda: True), (30, None)):
        ground = Ground(case)
        fill(ground, orders(case)[0], weighed=weighed, late=late)
        found.append(dict(ground.seats))
    assert found[0] == found[1] != found[2]


def test_two_more_ways_where_items_are_many() -> None:
    few, many = _crowd(Random(2), 50), _crowd(Random(2), 70)
    assert len(list(ways(few))) + 2 == len(list(ways(many)))
    brisk = Ground(many)
    fill(brisk, orders(many)[0], weighed=7)
    assert best_of(many, tries=1).plan == brisk.plan()
    assert best_of(many).ways == len(list(ways(many)))
