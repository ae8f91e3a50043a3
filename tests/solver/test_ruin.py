"""Ruin and recreate: finds what greedy misses, respects what runs, repeats itself under a seed."""

from random import Random

from solver.atoms import Caps, Exclusive, Floor, RefuseCharge, Stay, Together, UnitCharge, Within
from solver.check import check
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.ruin import Ruin
from tests.solver.build import bins, ints, item, part, problem

PAIRS = ints(0, 0, 1, 1)


def _run(case: Problem, start: Plan, steps: int = 200, seed: int = 0) -> Ruin:
    ruin = Ruin(case, start, Random(seed))
    for _ in range(steps):
        ruin.step()
    report = check(case, ruin.plan())
    assert not report.violations
    assert report.values == ruin.values
    return ruin


def test_small_pieces_make_way_for_a_large_one() -> None:
    small, large = item(part(1, devices=1)), item(part(1, devices=2))
    case = problem(
        bins([[1000, 1000], [1000, 0]]), [small, large], [RefuseCharge("r", 0, {(0, 0): 5, (1, 0): 6})], [ints(0, 1)]
    )
    blocked = Plan({0: ((Seat(0, ((0, 1000),)),),)})
    assert _run(case, blocked).values == (0,)


def test_a_follower_goes_where_its_leader_goes() -> None:
    one = item(part(1, devices=1))
    atoms = [
        RefuseCharge("r", 0, {(0, 0): 9, (1, 0): 9}),
        Together("t", 0, 0, 1),
        UnitCharge("u", 0, 0, 0, ints(3, 3, 0, 0)),
    ]
    case = problem(bins([[1000]] * 4), [one, one], atoms, [PAIRS])
    start = Plan({0: ((Seat(0, ((0, 1000),)),),), 1: ((Seat(1, ((0, 1000),)),),)})
    assert _run(case, start).values == (0,)


def test_members_that_keep_apart_are_counted() -> None:
    one = item(part(1, devices=1))
    atoms = [RefuseCharge("r", 0, {(i, 0): 9 for i in range(3)}), Exclusive("x", 0, (0, 1, 2), 2, 0)]
    case = problem(bins([[1000]] * 4), [one] * 3, atoms, [PAIRS])
    together = Plan({i: ((Seat(b, ((0, 1000),)),),) for i, b in ((0, 0), (1, 1))})
    assert check(case, together).values == (11,)
    assert _run(case, together).values == (2,)


def _running(*, may_leave: bool, floor: bool = False) -> tuple[Problem, Plan]:
    """One device; item 0 runs there, item 1 waits for it and is worth more."""
    home = ((Seat(0, ((0, 1000),)),),)
    atoms = [
        RefuseCharge("r", 0, {(0, 0): 1, (1, 0): 5}),
        UnitCharge("far", 0, 1, 0, ints(0, 9)),
        Stay("s", 0, 0, home, move_each=2, leave_once=3, may_leave=may_leave),
        *([Floor("f", "x", {(0, 0): 1}, 1)] if floor else []),
    ]
    base = problem(bins([[1000], [1000]]), [item(part(1, devices=1))] * 2, atoms[:2], [ints(0, 0)])
    case = Problem(base.bins, base.partitions, base.items, (*base.atoms, *atoms[2:]), 1, {0: home})
    return case, case.anchor


def test_what_runs_moves_or_leaves_only_where_it_may() -> None:
    assert _run(*_running(may_leave=True)).values == (2,)
    assert _run(*_running(may_leave=False)).values == (2,)
    assert _run(*_running(may_leave=True, floor=True)).values == (2,), "a move keeps the floor"


def test_where_many_wait_half_of_them_are_put_in_a_hurry_and_limits_are_kept() -> None:
    """Twice as many as fit, a cap that closes half of each rack, prices; who is worth most must end with a place."""
    size, count = 16, 80
    atoms = [
        RefuseCharge("r", 0, {(i, 0): 3 + i % 7 for i in range(count)}),
        Within("w", 0, 0, 0),
        *(UnitCharge("u", 0, i, 0, ints(*((i + b) % 3 for b in range(size)))) for i in range(count)),
        Caps(
            "c",
            tuple("abcd"),
            ints(*(b // 4 for b in range(size))),
            {(i, 0): ints(*[1] * 4) for i in range(count)},
            ints(0, 0, 0, 0),
            ints(6, 7, 8, 9),
        ),
    ]
    free = bins([[1000] * 4 if b % 2 else [1000, 1000, 0, 0] for b in range(size)])
    case = problem(free, [item(part(1, devices=1 + i % 2)) for i in range(count)], atoms, [ints(*range(size))])
    made = _run(case, Plan(), 300)
    assert made.plan() == _run(case, Plan(), 300).plan()
    placed = made.plan().seats
    assert len(placed) == 30, "as many as the caps allow"
    assert sum(3 + i % 7 for i in placed) > 220, "the dearest of them"


def test_the_same_seed_makes_the_same_plan() -> None:
    case, start = _running(may_leave=True)
    assert _run(case, start, 20, seed=3).plan() == _run(case, start, 20, seed=3).plan()
