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
