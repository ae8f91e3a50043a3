from random import Random

import pytest

from solver.cells import fine_cells
from solver.check import check
from solver.items import Demand
from solver.pack import pack_bin, seat_plan
from tests.solver.build import bins, item, part, problem
from tests.verify.brute import packings


@pytest.mark.parametrize(
    ("free", "whole", "shares", "possible"),
    [
        ([1000, 1000], 1, [300, 300, 300], True),
        ([1000, 1000], 1, [300, 300, 300, 300], False),
        ([1000, 500], 1, [300], True),
        ([1000, 500], 1, [300, 300], False),
        ([470, 530], 0, [470, 530], True),
        ([530, 530], 0, [470, 300, 230], True),
        ([], 0, [], True),
        ([1000], 2, [], False),
    ],
)
def test_one_bin(free: list[int], whole: int, shares: list[int], possible: bool) -> None:
    assert (pack_bin(free, whole, shares) is not None) == possible


@pytest.mark.parametrize("seed", range(4))
def test_packing_is_found_exactly_when_there_is_one_and_opens_the_fewest_devices(seed: int) -> None:
    rng = Random(seed)
    found = 0
    for _ in range(150):
        free = [rng.choice((1000, 1000, 810, 530, 470, 250)) for _ in range(rng.randint(1, 4))]
        shares = [rng.choice((125, 190, 300, 470, 530, 810)) for _ in range(rng.randint(0, 6))]
        whole = rng.randint(0, 2)
        demands = tuple(Demand(milli=s) for s in sorted(shares, reverse=True))
        contents = [c for c in packings(tuple(free), demands) if c.count(1000) >= whole]
        seats = pack_bin(free, whole, shares)
        assert (seats is not None) == bool(contents), (free, whole, shares)
        if seats is None:
            continue
        found += 1
        left = list(free)
        for device, share in zip(seats, shares, strict=True):
            left[device] -= share
        assert min(left) >= 0
        assert left.count(1000) == max(c.count(1000) for c in contents), (free, whole, shares)
    assert found


def test_merged_cells_are_seated_largest_first() -> None:
    gangs = [item(part(2, devices=2)), item(part(2, devices=1)), item(part(8, milli=250))]
    case = problem(bins([[1000, 1000], [1000, 1000], [1000, 1000], [500, 1000]]), gangs)
    cells = fine_cells(case)
    assert len(cells.members) == 1
    plan = seat_plan(case, cells, {(0, 0): {0: 2}, (1, 0): {0: 2}, (2, 0): {0: 6}})
    assert plan is not None
    assert {v.rule for v in check(case, plan).violations} == {"gang"}, "two of the eight shares were left out"
    assert seat_plan(case, cells, {(0, 0): {0: 2}, (1, 0): {0: 4}}) is None


def test_items_without_replicas_are_refused() -> None:
    case = problem(bins([[1000]]), [item(part(devices=1)), item(part(devices=1))])
    plan = seat_plan(case, fine_cells(case), {(1, 0): {0: 1}})
    assert plan is not None
    assert list(plan.seats) == [1]
