import pytest

from solver.atoms import Exclusive, RefuseCharge, Together
from solver.plan import Plan
from solver.problem import Atom, Problem
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem

FOUR = bins([[1000], [1000], [1000], [1000]])
HALVES = ints(0, 0, 1, 1)
WANTED = RefuseCharge("refuse", 0, {(i, 0): 10 for i in range(3)})


def _case(*atoms: Atom) -> Problem:
    one = item(part(1, devices=1))
    return problem(FOUR, [one, one, one], atoms, [HALVES])


def test_exclusive_counts_further_members_per_domain() -> None:
    all_three = plan(i0=[at(0)], i1=[at(1)], i2=[at(1)])
    hard = Exclusive("exclusive", 0, (0, 1, 2))
    (found,) = hard.violations(_case(hard), all_three)
    assert found.items == (0, 1, 2)
    assert not hard.violations(_case(hard), plan(i0=[at(0)], i1=[at(2)]))
    priced = Exclusive("exclusive", 0, (0, 1, 2), 4, 0)
    assert priced.cost(_case(priced), all_three) == 8
    assert not priced.violations(_case(priced), all_three)


def test_a_member_is_not_in_its_own_way() -> None:
    case = problem(FOUR, [item(part(2, devices=1)), item(part(1, devices=1))], [], [HALVES])
    assert not Exclusive("exclusive", 0, (0, 1)).violations(case, plan(i0=[at(0, 1)], i1=[at(2)]))


@pytest.mark.parametrize(
    ("leader", "follower", "lonely"), [((0,), (1,), 0), ((0,), (2,), 1), ((), (2,), 1), ((0,), (), 0)]
)
def test_together(leader: tuple[int, ...], follower: tuple[int, ...], lonely: int) -> None:
    seats = {f"i{i}": [at(*where)] for i, where in enumerate((leader, follower)) if where}
    hard = Together("together", 0, 0, 1)
    assert bool(hard.violations(_case(hard), plan(**seats))) == bool(lonely)
    priced = Together("together", 0, 0, 1, 6, 0)
    assert priced.cost(_case(priced), plan(**seats)) == 6 * lonely


def test_the_model_says_the_same() -> None:
    assert optimum(_case(WANTED, Exclusive("exclusive", 0, (0, 1, 2)))) == (10,)
    assert optimum(_case(WANTED, Exclusive("exclusive", 0, (0, 1, 2), 4, 0))) == (4,)
    split = [Exclusive("exclusive", 0, (0, 1)), Together("together", 0, 0, 2), Together("together", 0, 1, 2)]
    assert optimum(_case(WANTED, *split)) == (10,), "no domain has both leaders"
    split[2] = Together("together", 0, 1, 2, 3, 0)
    assert optimum(_case(WANTED, *split)) == (3,)


def test_ledgers_close_and_open_domains() -> None:
    owner = Exclusive("exclusive", 0, (0, 1))
    ledger = owner.ledger(_case(owner))
    assert ledger is not None
    ledger.add(0, {0: {1: 1}})
    assert [bool(r) for r in ledger.joints((1, 0), {})[0].room] == [False, True]
    assert ledger.joints((2, 0), {}) == []
    leader = Together("together", 0, 0, 1)
    ledger = leader.ledger(_case(leader))
    assert ledger is not None
    assert not ledger.joints((1, 0), {})[0].room.any()
    ledger.add(0, {0: {2: 1}})
    assert [bool(r) for r in ledger.joints((1, 0), {})[0].room] == [False, True]
    assert ledger.joints((0, 0), {}) == []


def test_what_is_left_after_renumbering() -> None:
    trio = Exclusive("exclusive", 0, (0, 1, 2))
    assert trio.remap({0: 1, 2: 0}) == Exclusive("exclusive", 0, (1, 0))
    assert trio.remap({0: 0}) is None
    assert Together("together", 0, 0, 1).remap({0: 5, 1: 3}) == Together("together", 0, 5, 3)
    assert Together("together", 0, 0, 1).remap({1: 0}) is None


@pytest.mark.badinput
def test_negative_prices_are_refused() -> None:
    for atom in (Exclusive("e", 0, (0, 1), -1, 0), Together("t", 0, 0, 1, -1, 0)):
        with pytest.raises(ValueError, match="not negative"):
            _case(atom)


def test_the_empty_plan_breaks_nothing() -> None:
    case = _case(Exclusive("e", 0, (0, 1)), Together("t", 0, 0, 1))
    assert not [v for atom in case.atoms for v in atom.violations(case, Plan())]
