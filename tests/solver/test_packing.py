"""Chunks that evictions free, against packings; a number that is off by one is noticed."""

from dataclasses import replace

import pytest

from solver.items import Demand
from solver.plan import Seat
from tests.solver.build import bins, item, part, problem
from tests.verify.case import make, of
from tests.verify.packing import freed_chunks, freed_chunks_are_a_packing, most_replicas


def test_freed_chunks_are_more_together_than_apart() -> None:
    """Two halves of a bin of eight devices: each frees four for a group of four, both free one for a group of eight."""
    case = problem(bins([[1000] * 8]), [item(part(1, devices=4)), item(part(1, devices=4))])
    halves = {i: ((Seat(0, tuple((d, 1000) for d in range(4 * i, 4 * i + 4))),),) for i in (0, 1)}
    case = replace(case, homes=halves)
    eight = Demand(devices=8)
    assert most_replicas(case, {0}, eight) == most_replicas(case, {1}, eight) == 0
    assert most_replicas(case, set(), eight) == 1
    assert list(freed_chunks_are_a_packing(of(case, "x"))) == []


def test_a_wrong_number_of_chunks_is_noticed() -> None:
    cases = [case for case in (make(3, number) for number in range(40)) if freed_chunks(case)]
    assert cases
    for case in cases:
        assert list(freed_chunks_are_a_packing(case)) == []
    wrong = [text for case in cases for text in freed_chunks_are_a_packing(case, off=-1)]
    assert len(wrong) > len(cases) // 2


@pytest.mark.parametrize("kept", [set(), {0}])
def test_packing_by_hand(kept: set[int]) -> None:
    case = problem(bins([[1000, 500], [0, 1000]]), [item(part(1, 0, milli=500))])
    case = replace(case, homes={0: ((Seat(0, ((0, 500),)),),)})
    assert most_replicas(case, kept, Demand(milli=500)) == (5 if not kept else 4)
    assert most_replicas(case, kept, Demand(devices=1)) == (2 if not kept else 1)
