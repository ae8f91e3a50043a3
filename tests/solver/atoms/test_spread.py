import pytest

from solver.atoms import RefuseCharge, Spread
from solver.plan import Plan, Seat
from solver.problem import Problem
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem

WIDE = bins([[1000, 1000], [1000, 1000], [1000, 1000]])
SIDES = ints(0, 0, 1)


def _case(*atoms: Spread | RefuseCharge) -> Problem:
    return problem(WIDE, [item(part(4, 0, devices=1), part(1, 0, devices=1))], atoms, [SIDES])


@pytest.mark.parametrize(("places", "over"), [((0, 1, 2, 2), 0), ((0, 1, 1, 2), 1), ((0, 1, 1, 0), 2), ((), 0)])
def test_hard_and_priced_count_the_same(places: tuple[int, ...], over: int) -> None:
    seats: list[tuple[Seat, ...]] = [at(*places), ()]
    hard = Spread("spread", 0, (0,), 0, 2)
    assert bool(hard.violations(_case(hard), plan(i0=seats))) == bool(over)
    assert hard.cost(_case(hard), plan(i0=seats)) == 0
    priced = Spread("spread", 0, (0,), 0, 2, 5, 0)
    assert not priced.violations(_case(priced), plan(i0=seats))
    assert priced.cost(_case(priced), plan(i0=seats)) == 5 * over


def test_parts_count_together() -> None:
    both = Spread("spread", 0, (0, 1), 0, 2)
    assert both.violations(_case(both), plan(i0=[at(0, 1), at(0)]))
    assert not both.violations(_case(both), Plan())


def test_the_model_says_the_same() -> None:
    wanted = RefuseCharge("refuse", 0, {(0, 0): 10, (0, 1): 3})
    assert optimum(_case(wanted)) == (0,)
    assert optimum(_case(wanted, Spread("spread", 0, (0, 1), 0, 1))) == (23,)
    assert optimum(_case(wanted, Spread("spread", 0, (0,), 0, 1, 4, 0))) == (8,)
    assert optimum(_case(wanted, Spread("spread", 0, (0,), 0, 0))) == (40,)


def test_the_ledger_counts_what_the_item_has_put_down() -> None:
    atom = Spread("spread", 0, (0, 1), 0, 2)
    ledger = atom.ledger(_case(atom))
    assert ledger is not None
    (joint,) = ledger.joints((0, 1), {0: {0: 1, 1: 1, 2: 1}})
    assert joint.room.tolist() == [0, 1]
    assert ledger.joints((1, 0), {}) == []


@pytest.mark.badinput
def test_negative_figures_are_refused() -> None:
    for atom in (Spread("spread", 0, (0,), 0, -1), Spread("spread", 0, (0,), 0, 1, -1, 0)):
        with pytest.raises(ValueError, match="not negative"):
            _case(atom)
