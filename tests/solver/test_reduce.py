import numpy as np

from solver.atoms import Allow, RefuseCharge, Share, SpanCharge, UnitCharge
from solver.check import check
from solver.problem import Atom
from solver.reduce import merge_items
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem

FREE = bins([[1000, 1000], [1000, 1000], [1000, 1000]])
MASK = np.array([True, True, False])
PRICE = ints(1, 2, 3)
ONE = item(part(1, devices=1))


def _alike(count: int, *more: Atom) -> list[Atom]:
    atoms: list[Atom] = [
        RefuseCharge("refuse", 0, {(i, 0): 10 for i in range(count)}),
        Share("share", "quota", {(i, 0): 1 for i in range(count)}, limit=3),
    ]
    for i in range(count):
        atoms += [Allow("allow", i, 0, MASK), UnitCharge("unit", 0, i, 0, PRICE)]
    return [*atoms, *more]


def test_equal_single_replicas_become_one_elastic_item_and_back() -> None:
    case = problem(FREE, [ONE] * 4, _alike(4))
    merged = merge_items(case)
    assert merged.members == ((0, 1, 2, 3),)
    only = merged.problem.items[0].parts[0]
    assert (only.count, only.min_count) == (4, 0)
    small = plan(i0=[at(0, 1, 1)])
    full = merged.push(small)
    assert sorted(full.seats) == [0, 1, 2]
    assert check(case, full).values == check(merged.problem, small).values == (15,)
    assert merged.pull(full) == small


def test_what_differs_stays_apart() -> None:
    other = np.array([True, True, False])
    more: list[Atom] = [Allow("allow", 1, 0, other), SpanCharge("span", 0, 2, 0, 0, 1)]
    case = problem(FREE, [ONE, ONE, ONE, ONE, item(part(2, devices=1))], _alike(5, *more), [ints(0, 0, 1)])
    assert merge_items(case).members == ((0, 3), (1,), (2,), (4,))


def test_other_prices_or_uses_stay_apart() -> None:
    for atom in (
        RefuseCharge("refuse", 0, {(0, 0): 10, (1, 0): 11}),
        Share("share", "quota", {(0, 0): 1, (1, 0): 2}, limit=3),
        Share("share", "quota", {(0, 0): 1}, limit=3),
    ):
        case = problem(FREE, [ONE, ONE], [atom])
        assert merge_items(case).members == ((0,), (1,))
        assert merge_items(case).problem.items == case.items


def test_a_span_that_cannot_be_spared_is_settled_beforehand() -> None:
    halves = ints(0, 0, 1)
    wide, narrow = item(part(5, devices=1)), item(part(4, devices=1))
    for gang, always in ((wide, True), (narrow, False)):
        atoms = [SpanCharge("span", 0, 0, 0, 0, 3), RefuseCharge("refuse", 0, {(0, 0): 1})]
        settled = merge_items(problem(FREE, [gang], atoms, [halves])).problem
        span = next(a for a in settled.atoms if isinstance(a, SpanCharge))
        assert span.always == always
        assert optimum(settled) == optimum(problem(FREE, [gang], atoms, [halves])) == ((3,) if always else (0,))


def test_little_that_is_alike_is_left_as_it_is_and_spans_are_settled_all_the_same() -> None:
    halves = ints(0, 0, 1)
    many = [item(part(5, devices=1)), ONE, ONE, *(item(part(2, devices=1)) for _ in range(64))]
    spans = [SpanCharge("span", 0, i, 0, 0, 3) for i in range(len(many))]
    case = problem(FREE, many, [RefuseCharge("refuse", 0, {(1, 0): 1, (2, 0): 1}), spans[0], *spans[3:]], [halves])
    merged = merge_items(case)
    assert merged.members == tuple((i,) for i in range(len(many)))
    made = merged.problem
    assert made.items is case.items
    settled = [atom for atom in made.atoms if isinstance(atom, SpanCharge)]
    assert [atom.always for atom in settled] == [True] + [False] * 64
    assert made.own_atoms[0] == made.atoms_of[0] == (settled[0],)
    assert made.own_atoms[3:] == tuple((atom,) for atom in settled[1:])
    assert all(atom in made.atoms for atoms in made.atoms_of for atom in atoms)
    assert not any(atom.always for atom in case.of(SpanCharge))
    assert made.of(SpanCharge) == tuple(settled)


def test_nothing_to_settle_and_nothing_alike_gives_the_problem_itself() -> None:
    case = problem(FREE, [ONE, item(part(2, devices=1))], [RefuseCharge("refuse", 0, {(0, 0): 1, (1, 0): 1})])
    assert merge_items(case).problem is case
