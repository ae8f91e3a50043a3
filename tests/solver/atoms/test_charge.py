from collections.abc import Sequence

import numpy as np
import pytest

from solver.atoms import RefuseCharge, SpanCharge, UnitCharge
from solver.cells import coarse_cells, fine_cells
from solver.encode import encode
from solver.greedy import ways
from solver.items import Bundle, IntArray, Ranked
from solver.plan import Plan
from solver.problem import Problem
from tests.solver.build import at, bins, ints, item, optimum, part, plan, problem

THREE = bins([[1000], [1000], [1000]])
SIDES = ints(0, 0, 1)


def _case(*atoms: RefuseCharge | UnitCharge | SpanCharge) -> Problem:
    tree = (Bundle("root"), Bundle("a", 0))
    return problem(THREE, [item(part(2, 0, devices=1), part(1, 0, 1, devices=1), bundles=tree)], atoms, [SIDES])


def test_refuse_charge_counts_missing_replicas() -> None:
    atom = RefuseCharge("refuse", 0, {(0, 0): 5, (0, 1): 2})
    assert atom.cost(_case(atom), Plan()) == 12
    assert atom.cost(_case(atom), plan(i0=[at(0), at(1)])) == 5
    moved = atom.remap({0: 3})
    assert isinstance(moved, RefuseCharge)
    assert moved.each == {(3, 0): 5, (3, 1): 2}
    assert atom.remap({}) is None


def test_unit_charge_is_per_replica_and_bin() -> None:
    atom = UnitCharge("unit", 0, 0, 0, ints(1, 10, 100))
    assert atom.cost(_case(atom), plan(i0=[at(0, 2), at(1)])) == 101
    assert atom.cost(_case(atom), Plan()) == 0
    assert optimum(_case(atom, RefuseCharge("refuse", 0, {(0, 0): 50}))) == (11,)


@pytest.mark.parametrize("seed", range(5))
def test_ranked_costs_say_what_an_array_of_them_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bins_, items = bins([[1000, 1000]] * 8), [item(part(int(n), devices=1)) for n in rng.integers(1, 4, 5)]
    refuse = RefuseCharge("refuse", 0, {(i, 0): int(rng.integers(1, 9)) for i in range(5)})
    labels = ints(0, 0, 1, 1, 2, 2, 3, 3)
    values, ranks = ints(0, 3, 7), [rng.permutation(8).astype(np.uint8) % 3 for _ in range(5)]
    each = [Ranked(rank, values) for rank in ranks]
    assert all((one.whole() == values[rank]).all() for one, rank in zip(each, ranks, strict=True))
    assert [(one.min(0), one.max(5), one.item(0)) for one in each] == [(0, 7, int(values[r[0]])) for r in ranks]

    def case(costs: Sequence[IntArray | Ranked]) -> Problem:
        charges = [UnitCharge("u", 0, i, 0, cost) for i, cost in enumerate(costs)]
        return problem(bins_, items, [refuse, *charges], [labels])

    arrays, ranked = case([one.whole() for one in each]), case(each)
    assert [p for p, *_ in ways(arrays)] == [p for p, *_ in ways(ranked)]
    for cells in (coarse_cells, fine_cells):
        models = [encode(one, cells(one), Plan()).arrays for one in (arrays, ranked)]
        assert (models[0].objective[0] == models[1].objective[0]).all()
        assert models[0].columns.tolist() == models[1].columns.tolist()
    assert optimum(arrays) == optimum(ranked)
    with pytest.raises(ValueError, match="not negative"):
        problem(bins_, items, [UnitCharge("u", 0, 0, 0, Ranked(ranks[0], ints(-1, 3, 7)))])


@pytest.mark.parametrize(
    ("parts", "cost"),
    [([at(0, 1), ()], 0), ([at(0, 2), ()], 7), ([at(0), at(2)], 7), ([(), at(2)], 0)],
)
def test_span_charge_is_once_for_the_subtree(parts: list[tuple[object, ...]], cost: int) -> None:
    atom = SpanCharge("span", 0, 0, 0, 0, 7)
    assert atom.cost(_case(atom), plan(i0=parts)) == cost  # type: ignore[arg-type]


def test_span_charge_of_an_inner_bundle() -> None:
    atom = SpanCharge("span", 0, 0, 1, 0, 7)
    assert atom.cost(_case(atom), plan(i0=[at(0, 2), at(1)])) == 0


def test_span_is_paid_when_it_is_worth_it() -> None:
    for price, best in ((3, 3), (9, 5)):
        refuse = RefuseCharge("refuse", 0, {(0, 0): 5, (0, 1): 5})
        assert optimum(_case(SpanCharge("span", 0, 0, 0, 0, price), refuse)) == (best,)


@pytest.mark.badinput
def test_charges_are_not_negative() -> None:
    for atom in (
        RefuseCharge("r", 0, {(0, 0): -1}),
        UnitCharge("u", 0, 0, 0, ints(0, -1, 0)),
        SpanCharge("s", 0, 0, 0, 0, -1),
    ):
        with pytest.raises(ValueError, match=r"^[rus]: "):
            _case(atom)


@pytest.mark.badinput
def test_a_tier_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond the last tier"):
        _case(SpanCharge("s", 1, 0, 0, 0, 1))
