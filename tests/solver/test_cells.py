import numpy as np
import pytest

from solver.atoms import Allow, Caps, Remainder, SpanCharge, Within
from solver.cells import coarse_cells, fine_cells, rooms
from solver.items import Bins, Demand, Item, Part
from solver.problem import Atom, Problem
from tests.solver.build import bins, ints, item, part, problem

FOUR = bins([[1000, 1000]] * 4)
HALVES = ints(0, 0, 1, 1)


def _groups(case: Problem, *, coarse: bool = False) -> list[list[int]]:
    cells = coarse_cells(case) if coarse else fine_cells(case)
    return sorted(members.tolist() for members in cells.members)


def _needy(milli: int, amount: int) -> Item:
    return item(Part("p", Demand(milli=milli, resources=(amount,)), 2, 2))


@pytest.mark.parametrize(
    ("atoms", "fine", "coarse"),
    [
        ([], [[0, 1, 2, 3]], [[0, 1, 2, 3]]),
        ([SpanCharge("span", 0, 0, 0, 0, 1)], [[0, 1], [2, 3]], [[0, 1, 2, 3]]),
        ([Allow("a", 0, 0, np.array([True, False, True, True]))], [[0, 2, 3], [1]], [[0, 2, 3], [1]]),
        ([Remainder("r", 0, (2,), np.array([[1], [1], [5], [1]]))], [[0, 1, 3], [2]], [[0, 1, 2, 3]]),
        ([Remainder("r", 0, (3,), np.array([[1], [1], [1], [1]]))], [[0], [1], [2], [3]], [[0, 1, 2, 3]]),
    ],
)
def test_bins_merge_when_no_atom_tells_them_apart(
    atoms: list[Atom], fine: list[list[int]], coarse: list[list[int]]
) -> None:
    case = problem(FOUR, [item(part(2, milli=250), part(1, devices=2))], atoms, [HALVES])
    assert _groups(case) == fine
    assert _groups(case, coarse=True) == coarse


def test_sizes_off_the_chain_keep_bins_apart() -> None:
    assert _groups(problem(FOUR, [item(part(2, milli=300))])) == [[0], [1], [2], [3]]
    wide = bins([[1000] * 4] * 2)
    assert _groups(problem(wide, [item(part(2, devices=2)), item(part(2, devices=4))])) == [[0, 1]]
    assert _groups(problem(wide, [item(part(2, devices=2)), item(part(2, devices=3))])) == [[0], [1]]


def test_a_resource_that_can_bind_keeps_its_bins_apart() -> None:
    free = bins([[1000, 1000]] * 4, [[16], [16], [15], [15]])
    assert _groups(problem(free, [_needy(250, 2)])) == [[0, 1], [2], [3]]
    assert _groups(problem(free, [_needy(250, 0)])) == [[0, 1, 2, 3]]


def test_a_bin_closed_by_a_resource_is_not_merged_with_an_open_one() -> None:
    free = bins([[1000, 1000], [1000, 250], [1000, 1000]], [[0], [100], [0]])
    one = item(Part("p", Demand(devices=1, resources=(2,)), 1, 1))
    small = item(Part("p", Demand(milli=125, resources=(0,)), 1, 1))
    assert [1] in _groups(problem(free, [one, one, small]))


def test_bins_that_nobody_can_use_belong_to_no_cell() -> None:
    assert _groups(problem(bins([[1000, 0], [0, 0], [500, 0]]), [item(part(devices=1))])) == [[0]]


def test_rooms_and_upper_limits() -> None:
    case = problem(bins([[1000, 500], [1000, 1000]]), [item(part(3, milli=500), part(9, 1, devices=1))])
    found = rooms(case)
    assert found[0, 0].tolist() == [3, 4]
    assert found[0, 1].tolist() == [1, 2]
    cells = fine_cells(case)
    assert cells.upper[0, 0].tolist() == [3], "never more than the part has"
    assert cells.upper[0, 1].tolist() == [3]
    assert cells.exact
    assert not coarse_cells(case).exact


def test_a_required_domain_closes_domains_that_are_too_small() -> None:
    free = Bins(np.array([[1000], [1000], [1000], [0]], np.int64), np.zeros((4, 0), np.int64))
    case = problem(free, [item(part(2, devices=1))], [Within("within", 0, 0, 0)], [HALVES])
    assert rooms(case)[0, 0].tolist() == [1, 1, 0, 0]


def test_each_detail_of_a_relaxation_keeps_more_apart() -> None:
    caps = Caps("cap", ("a",), ints(-1, -1, -1, 0), {(0, 0): ints(1)}, ints(0), ints(1))
    pairs = ints(0, 0, 1, 1)
    atoms = [caps, Within("in", 0, 0, 0), Within("alone", 0, 0, 1), SpanCharge("span", 0, 0, 0, 0, 1)]
    case = problem(FOUR, [item(part(2, milli=250))], atoms, [pairs, ints(0, 1, 2, 3)])
    found = [sorted(m.tolist() for m in coarse_cells(case, detail).members) for detail in range(3)]
    assert found == [[[0, 1, 2, 3]], [[0, 1, 2], [3]], [[0, 1], [2], [3]]]
    assert not coarse_cells(case, 2).exact
