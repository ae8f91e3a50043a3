"""Greedy led by the relaxation: who had no room goes first next time, or leaves the relaxation."""

import numpy as np

from solver.atoms import Allow, RefuseCharge, Within
from solver.cells import coarse_cells
from solver.check import check
from solver.encode import Encoded, encode
from solver.guided import dive
from solver.items import Bundle, Demand, Item, Part
from solver.lp import Floats, lp_bound
from solver.plan import Plan
from solver.problem import Problem
from tests.solver.build import bins, ints, item, part, problem

RACKS = ints(0, 0, 1, 1)


def _gang_beside_singles() -> Problem:
    """Two racks of two nodes; a gang of two that needs a rack, and two denser singles, one for each rack."""
    sides = np.array([[True, True, False, False], [False, False, True, True]])
    atoms = [
        RefuseCharge("r", 0, {(0, 0): 3, (1, 0): 4, (2, 0): 4}),
        Within("w", 0, 0, 0),
        *(Allow(f"a{i}", i + 1, 0, mask) for i, mask in enumerate(sides)),
    ]
    gang, single = item(part(2, devices=1)), item(part(1, devices=1))
    return problem(bins([[1000]] * 4), [gang, single, single], atoms, [RACKS])


def _gang_that_does_not_pack() -> Problem:
    """Three replicas of two roles want 2 of a resource each; two nodes have 3: enough in sum only. A single waits."""
    gang = Item("gang", (Bundle("root"),), tuple(Part(f"p{n}", Demand(resources=(2,)), n, n) for n in (1, 2)))
    single = Item("single", (Bundle("root"),), (Part("p", Demand(resources=(1,)), 1, 1),))
    worth = RefuseCharge("r", 0, {(0, 0): 9, (0, 1): 9, (1, 0): 1})
    return problem(bins([[], []], [[3], [3]]), [gang, single], [worth])


def _plans(case: Problem) -> tuple[list[Plan], list[float]]:
    """Every plan of the first way, and what the relaxation still gives the gang whenever it is asked again."""
    again: list[float] = []

    def relax(model: Encoded) -> Floats | None:
        found = lp_bound(model.arrays, 0, (), "coarse", None)
        assert found is not None
        again.append(sum(float(found.x[column]) for column in model.columns[0, 0].values()))
        return found.x

    model = encode(case, coarse_cells(case), Plan())
    first = lp_bound(model.arrays, 0, (), "coarse", None)
    assert first is not None
    plans = list(dive(case, model, first.x, relax, lambda: False))
    assert not any(check(case, plan).violations for plan in plans)
    return plans, again


def test_who_had_no_room_goes_first_in_the_next_plan() -> None:
    plans, _ = _plans(_gang_beside_singles())
    assert 0 not in plans[0].seats
    assert 0 in plans[1].seats


def test_what_has_no_room_even_then_leaves_the_relaxation() -> None:
    plans, again = _plans(_gang_that_does_not_pack())
    assert again == [0.0]
    assert [sorted(plan.seats) for plan in plans] == [[1]] * 3


def test_it_stops_when_told() -> None:
    case = _gang_beside_singles()
    model = encode(case, coarse_cells(case), Plan())
    found = lp_bound(model.arrays, 0, (), "coarse", None)
    assert found is not None
    assert len(list(dive(case, model, found.x, lambda _: None, lambda: True))) == 1
