"""Give way, and the proof that nothing may: what runs leaves for what is worth more, budgets are kept and refute."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from solver.atoms import (
    Allow,
    Apart,
    Caps,
    Disruptions,
    Floor,
    Pool,
    PoolNode,
    RefuseCharge,
    Share,
    Stay,
    Within,
)
from solver.check import check
from solver.give_way import give_way, yields
from solver.guards import Guards
from solver.permitted import Refusal, refused_everywhere
from solver.plan import Plan, Seat
from solver.problem import Atom, Problem
from solver.workers import Inline
from tests.solver.build import bins, ints, item, optimum, part, problem


def _full(
    racks: list[int], running: list[list[int]], *more: Atom, wanted: int = 2, worth: int = 50, moves: bool = False
) -> Problem:
    """Bins of two devices in `racks`; each of `running` holds one device in each of its bins; the last item waits.

    What waits needs `wanted` whole bins of one rack and is worth `worth` each; running work is worth its number + 1
    for each replica, and may leave (or, with `moves`, only move).
    """
    used = [0] * len(racks)
    homes = {}
    for number, where in enumerate(running):
        seats = []
        for b in where:
            seats.append(Seat(b, ((used[b], 1000),)))
            used[b] += 1
        homes[number] = (tuple(seats),)
    gang = len(running)
    items = [item(part(len(where), devices=1)) for where in running] + [item(part(wanted, devices=2))]
    charges = {(i, 0): i + 1 for i in range(gang)} | {(gang, 0): worth}
    atoms: list[Atom] = [RefuseCharge("r", 0, charges), Within("t", gang, 0, 0), *more]
    atoms += [Stay("s", -1, i, homes[i], may_leave=not moves) for i in range(gang)]
    if not moves:
        at_home = [np.isin(np.arange(len(racks)), where) for where in running]
        atoms += [Allow("home", i, 0, mask) for i, mask in enumerate(at_home)]
    base = problem(bins([[1000, 1000]] * len(racks)), items, atoms[:2], [ints(*racks)])
    return Problem(base.bins, base.partitions, base.items, (*base.atoms, *atoms[2:]), 1, homes)


def _best(case: Problem) -> tuple[int, ...]:
    plans = list(give_way(case, case.anchor))
    assert not any(check(case, plan).violations for plan in plans)
    return min(check(case, plan).values for plan in plans)


def test_the_cheaper_rack_gives_way_and_nothing_else() -> None:
    case = _full([0, 0, 1, 1], [[2], [3], [0], [1]])
    assert _best(case) == (3,), "items 0 and 1 leave rack 1"


def test_work_that_may_only_move_finds_another_seat() -> None:
    case = _full([0, 0, 1, 1], [[0], [1], [2], [3]], moves=True)
    assert _best(case) == (0,), "the other rack has a free device in each bin"
    assert _best(_full([0, 0], [[0], [1]], moves=True)) == (100,), "nowhere to go"


def test_what_is_worth_more_stays() -> None:
    assert _best(_full([0, 0, 0], [[0], [1, 2]], worth=1, wanted=2)) == (2,)


def test_budgets_and_floors_are_kept() -> None:
    racks, running = [0, 0, 1, 1], [[2], [3], [0], [1]]
    assert _best(_full(racks, running, Disruptions("d", "x", (0, 1), 1))) == (7,), "the other rack, whole"
    both = (Disruptions("d", "x", (0, 1), 1), Disruptions("d", "y", (2, 3), 1))
    assert _best(_full(racks, running, *both)) == (100,)
    floor = Floor("f", "x", {(0, 0): 1, (1, 0): 1}, 2)
    assert _best(_full(racks, [*running, [2], [3]], floor, Disruptions("d", "y", (2, 3), 1))) == (100,)


def test_a_quota_is_made_free_by_its_cheapest_users() -> None:
    quota = Share("q", "x", {(0, 0): 1, (1, 0): 1, (2, 0): 3, (4, 0): 1}, None, 0, 5)
    case = _full([0, 0, 0, 1, 1], [[0], [0], [1], [2]], quota, wanted=2)
    assert _best(case) == (3,), "items 0 and 1 hold two of the five; what waits needs both, and finds whole bins"


def test_guards_count_as_the_judge_does() -> None:
    more = (Disruptions("d", "x", (0, 1, 2), 1), Floor("f", "y", {(1, 0): 2, (3, 0): 1}, 2))
    case = _full([0, 0, 1, 1], [[0, 1], [1], [2], [3]], *more)
    rng, seats = Random(0), dict(case.homes)
    guards = Guards(case, seats)
    seen = set()
    for _ in range(60):
        i = rng.randrange(4)
        after = None if i in seats else case.homes[i]
        guards.change(i, seats.get(i), after)
        seats.pop(i, None) if after is None else seats.__setitem__(i, after)
        broken = any(atom.violations(case, Plan(seats)) for atom in more)
        assert guards.broken() == broken
        seen.add(broken)
    assert seen == {True, False}


def test_counting_refutes_every_domain_that_budgets_close() -> None:
    running = [[0], [0], [1], [1], [2], [2], [3], [3]]
    for limit, refusal in ((3, Refusal(2, 2, 0)), (4, None)):
        case = _full([0, 0, 1, 1], running, Disruptions("d", "all", tuple(range(8)), limit))
        assert refused_everywhere(case, 8, None, lambda: None) == refusal
        assert yields(case, 8) == (refusal is None)
    # Each limit alone leaves a rack; only together they close both.
    both = (Disruptions("d", "x", (0, 2, 4), 1), Disruptions("d", "y", (1, 5, 6, 7), 2))
    assert refused_everywhere(_full([0, 0, 1, 1], running, *both), 8, None, lambda: None) == Refusal(2, 2, 0)
    for one in both:
        assert refused_everywhere(_full([0, 0, 1, 1], running, one), 8, None, lambda: None) is None


@pytest.mark.parametrize("seed", range(40))
def test_what_is_refuted_has_no_plan_and_what_yields_has_one(seed: int) -> None:
    rng = Random(seed)
    racks = [0, 0, 1, 1]
    free = [b for b in range(4) for _ in range(2)]
    rng.shuffle(free)
    running: list[list[int]] = []
    while len(free) > 1 and len(running) < 5:
        size = rng.randint(1, 2)
        running.append([free.pop() for _ in range(size)])
    members = tuple(i for i in range(len(running)) if rng.random() < 0.8)
    limit = rng.randint(0, 2)
    case = _full(racks, running, Disruptions("d", "x", members, limit), worth=1000)
    exact = optimum(case)
    placed = exact[0] < 2000
    refusal = refused_everywhere(case, len(running), None, lambda: None)
    assert refusal is None or not placed
    assert placed or not yields(case, len(running))
    assert _best(case) >= exact


@pytest.mark.parametrize(
    "limit",
    [
        Share("q", "x", {(0, 0): 1, (2, 0): 1}, None, 0, 2),
        Pool("q", (PoolNode("x", -1, {(0, 0): 1, (2, 0): 1}, 0, 0, 2),)),
        Caps("q", ("row",), ints(0, 0, 0, 0), {(0, 0): ints(1), (2, 0): ints(1)}, ints(0), ints(2)),
        Apart("q", 1, (0,), (2,)),
    ],
    ids=lambda atom: type(atom).__name__,
)
def test_what_shares_a_limit_from_another_domain_may_give_way(limit: Atom) -> None:
    """Rack 1 is closed by a budget; in rack 0 all is free, but item 0 in rack 1 holds what a common limit leaves."""
    case = _full([0, 0, 1, 1], [[2], [3]], Disruptions("d", "x", (1,), 0))
    case = replace(case, partitions=(*case.partitions, ints(0, 0, 0, 0)), atoms=(*case.atoms, limit))
    assert optimum(case) == (1,), "item 0 leaves, and the last item has rack 0"
    assert yields(case, 2)
    assert refused_everywhere(case, 2, Inline(), lambda: None) is None


def test_other_waiting_work_is_not_taken_for_the_item() -> None:
    """Two of four replicas are enough for the last item; before it waits a single one that could be left out."""
    case = _full([0, 0, 1, 1], [[2], [3]], Disruptions("d", "x", (1,), 0))
    items = (*case.items[:2], item(part(1, 0, devices=1)), item(part(4, 2, devices=2)))
    kept = (atom for atom in case.atoms if 2 not in atom.items())
    charge = RefuseCharge("r", 0, {(0, 0): 1, (1, 0): 2, (2, 0): 1, (3, 0): 50})
    case = replace(case, items=items, atoms=(*kept, Within("t", 3, 0, 0), charge))
    assert optimum(case) == (100,), "half of it is in rack 0, the other item beside what runs"
    assert refused_everywhere(case, 3, Inline(), lambda: None) is None


@pytest.mark.parametrize("seed", range(60))
def test_certificates_refute_only_what_has_no_plan(seed: int) -> None:
    """Limits that reach beyond a domain, elastic work, budgets, and other work that waits; against the optimum."""
    rng = Random(seed)
    racks, row = ints(0, 0, 1, 1, 2, 2), ints(0, 0, 0, 0, 1, 1)
    free = [Seat(b, ((d, 1000),)) for b in range(6) for d in range(2)]
    rng.shuffle(free)
    homes = {i: (tuple(sorted(free.pop() for _ in range(rng.randint(1, 3)))),) for i in range(rng.randint(1, 4))}
    items = [item(part(len(seats), rng.choice([1, len(seats)]), devices=1)) for (seats,) in homes.values()]
    if rng.random() < 0.4:
        items.append(item(part(1, rng.choice([0, 1]), devices=1)))
    gang, count = len(items), rng.randint(1, 4)
    items.append(item(part(count, rng.randint(1, count), devices=2)))
    use = {(i, 0): rng.randint(1, 2) for i in range(gang + 1) if i == gang or rng.random() < 0.6}
    held = sum(u * len(homes[i][0]) for (i, _), u in use.items() if i in homes)
    caps = Caps("q", ("a", "b"), row, {key: ints(u, u) for key, u in use.items()}, ints(0, 0), ints(0, 0))
    caps = replace(caps, limit=caps.loads(Plan(homes)) + rng.randint(0, 3))
    limit: Atom = rng.choice(
        [
            Share("q", "x", use, None, 0, held + rng.randint(0, 2)),
            Pool("q", (PoolNode("x", -1, use, 0, 0, held + rng.randint(0, 2)),)),
            caps,
        ]
    )
    charge = RefuseCharge("r", 0, {(i, 0): 1000 if i == gang else 1 for i in range(gang + 1)})
    atoms: list[Atom] = [limit, charge, Within("t", gang, 0, 0)]
    atoms += [Stay("s", -1, i, seats, may_leave=rng.random() < 0.7) for i, seats in homes.items()]
    if members := tuple(i for i in homes if rng.random() < 0.8):
        atoms.append(Disruptions("d", "x", members, rng.randint(0, 2)))
    base = problem(bins([[1000, 1000]] * 6), items, [], [racks])
    case = Problem(base.bins, base.partitions, base.items, (*base.atoms, *atoms), 1, homes)
    if refused_everywhere(case, gang, Inline(), lambda: None) is not None:
        assert optimum(case)[0] >= 1000 * count


def test_without_a_clock_the_number_of_trials_is_the_end() -> None:
    case = _full([0, 0, 1, 1], [[2], [3], [0], [1]])
    assert [check(case, plan).values for plan in give_way(case, case.anchor, trials=0)] == []
    assert len(list(give_way(case, case.anchor, trials=1))) == 1
    assert min(check(case, plan).values for plan in give_way(case, case.anchor, trials=9)) == (3,)


def test_noisy_ways_are_valid_and_repeatable() -> None:
    case = _full([0, 0, 1, 1, 2, 2], [[2], [3], [0], [1], [4], [5]])
    noisy = [list(give_way(case, case.anchor, rng=Random(seed))) for seed in range(8)]
    assert noisy[0] == list(give_way(case, case.anchor, rng=Random(0)))
    assert not any(check(case, plan).violations for plans in noisy for plan in plans)
    assert {min(check(case, plan).values for plan in plans) for plans in noisy} == {(3,)}
