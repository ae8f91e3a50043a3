import numpy as np
import pytest

from solver.atoms import Apart, RefuseCharge
from solver.ground import Ground
from solver.plan import Plan, Seat
from solver.problem import Problem
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem

FOUR = bins([[1000], [1000], [1000], [1000]])
HALVES = ints(0, 0, 1, 1)
WANTED = RefuseCharge("refuse", 0, {(i, 0): 10 for i in range(4)})
HARD = Apart("apart", 0, (0, 1), (2, 3))
PRICED = Apart("apart", 0, (0, 1), (2, 3), 4, 0)


def _case(*atoms: Apart | RefuseCharge) -> Problem:
    one = item(part(1, devices=1))
    return problem(FOUR, [one] * 4, atoms, [HALVES])


def test_pairs_are_counted_and_one_side_may_share_a_domain() -> None:
    sides = plan(i0=[at(0)], i1=[at(1)], i2=[at(2)], i3=[at(3)])
    assert not HARD.violations(_case(HARD), sides)
    assert PRICED.cost(_case(PRICED), sides) == 0
    mixed = plan(i0=[at(0)], i1=[at(2)], i2=[at(1)], i3=[at(3)])
    assert [found.items for found in HARD.violations(_case(HARD), mixed)] == [(0, 2), (1, 3)]
    assert PRICED.cost(_case(PRICED), mixed) == 8
    wide = problem(bins([[1000] * 4] * 2), [item(part(1, devices=1))] * 4, [PRICED], [ints(0, 0)])
    assert PRICED.cost(wide, plan(i0=[at(0)], i1=[at(0)], i2=[at(1)], i3=[at(1)])) == 16, "two by two"


def test_the_model_says_the_same() -> None:
    assert optimum(_case(WANTED, HARD)) == (0,)
    three = Apart("apart", 0, (0,), (1, 2, 3))
    assert optimum(_case(WANTED, three)) == (10,)
    assert optimum(_case(WANTED, Apart("apart", 0, (0,), (1, 2, 3), 4, 0))) == (4,)
    assert optimum(_case(WANTED, Apart("apart", 0, (0,), (1, 2, 3), 40, 0))) == (10,)


def test_the_ledger_closes_and_opens_domains() -> None:
    ledger = HARD.ledger(_case(HARD))
    assert ledger is not None
    ledger.add(0, {0: {1: 1}})
    assert [bool(r) for r in ledger.joints((2, 0), {})[0].room] == [False, True]
    assert ledger.joints((1, 0), {}) == [], "nobody of the other side is anywhere"
    ledger.add(0, {0: {1: 1}}, -1)
    assert ledger.joints((3, 0), {})[0].room.all()
    assert ledger.joints((4, 0), {}) == []
    assert PRICED.ledger(_case(PRICED)) is None


def test_the_ground_keeps_the_price_up_to_date() -> None:
    case = _case(WANTED, PRICED)
    ground = Ground(case)
    rng = np.random.default_rng(3)
    for _ in range(40):
        chosen = int(rng.integers(4))
        if chosen in ground.seats:
            ground.drop(chosen)
        else:
            room = np.flatnonzero(ground.free.whole)
            ground.settle(chosen, ((Seat(int(rng.choice(room)), ((0, 1000),)),),))
        here = ground.plan()
        assert ground.values()[0] == WANTED.cost(case, here) + PRICED.cost(case, here)


def test_what_is_left_after_renumbering() -> None:
    assert HARD.remap({0: 1, 3: 0}) == Apart("apart", 0, (1,), (0,))
    assert HARD.remap({0: 0, 1: 1}) is None


@pytest.mark.badinput
def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        _case(Apart("a", 0, (0,), (1,), -1, 0))
    with pytest.raises(ValueError, match="named twice"):
        _case(Apart("a", 0, (0, 1), (1,)))
    assert not HARD.violations(_case(HARD), Plan())
