"""Parts: every bin is somebody's, whole domains stay together, each round draws anew."""

from random import Random

import numpy as np
import pytest

from solver.atoms import RefuseCharge
from solver.parts import Parts
from solver.plan import Plan, Seat
from solver.problem import Problem
from solver.ruin import Ruin
from tests.solver.build import bins, item, part, problem


def _fleet(racks: int, nodes: int) -> Problem:
    rack = np.repeat(np.arange(racks), nodes)
    pod = rack // 4
    one = item(part(1, devices=1))
    charge = RefuseCharge("r", 0, {(i, 0): 1 for i in range(racks * nodes)})
    return problem(bins([[1000]] * (racks * nodes)), [one] * (racks * nodes), [charge], [rack, pod])


@pytest.mark.parametrize("of", [2, 3, 8])
def test_every_bin_is_in_one_part_and_racks_stay_whole(of: int) -> None:
    case = _fleet(16, 3)
    parts = [Parts(case, number, of) for number in range(of)]
    for _ in range(4):
        owner = np.array([[p.ours(b) for b in range(case.bins.count)] for p in parts])
        assert (owner.sum(axis=0) == 1).all()
        assert owner.any(axis=1).all(), "nobody goes without"
        for rack in range(16):
            assert len({tuple(column) for column in owner.T[case.partitions[0] == rack]}) == 1
        for one in parts:
            one.draw()


def test_the_coarsest_partition_that_suffices_is_divided() -> None:
    case, one = _fleet(16, 3), Parts(_fleet(16, 3), 0, 2)
    pods = case.partitions[1]
    assert len({one.ours(int(b)) for b in np.flatnonzero(pods == 0)}) == 1


def test_rounds_differ() -> None:
    case = _fleet(16, 3)
    one = Parts(case, 0, 4)
    seen = set()
    for _ in range(5):
        seen.add(tuple(one.ours(b) for b in range(case.bins.count)))
        one.draw()
    assert len(seen) > 1


def test_alone_everything_is_ours() -> None:
    case = _fleet(2, 2)
    one = Parts(case)
    one.draw()
    assert all(one.ours(b) for b in range(4))


def test_ruins_stay_in_the_own_part_while_it_holds_something() -> None:
    case = _fleet(8, 4)
    full = Plan({i: ((Seat(i, ((0, 1000),)),),) for i in range(32)})
    parts = Parts(case, 1, 2)
    ruin = Ruin(case, full, Random(0), parts)
    seeds = {ruin._seed_here() for _ in range(50)}
    assert all(parts.ours(seed) for seed in seeds)
