import numpy as np
import pytest

from solver.atoms import Hinge, RefuseCharge, Share
from solver.plan import Plan
from solver.problem import Problem
from tests.solver.build import at, bins, item, optimum, part, plan, problem, written

THREE = bins([[1000], [1000], [1000]])
LEFT = np.array([True, True, False])
USE = {(0, 0): 3, (1, 0): 2}
WANTED = RefuseCharge("refuse", 0, {(0, 0): 10, (1, 0): 10})


def _case(atom: Share, *more: RefuseCharge) -> Problem:
    return problem(THREE, [item(part(2, 0, devices=1)), item(part(1, 0, devices=1))], [atom, *more])


def test_load_counts_only_its_bins() -> None:
    some = plan(i0=[at(0, 2)], i1=[at(1)])
    assert Share("s", "x", USE, None, base=4).load(some) == 12
    assert Share("s", "x", USE, LEFT, base=4).load(some) == 9
    assert Share("s", "x", USE, LEFT, base=4).load(Plan()) == 4


@pytest.mark.parametrize(("base", "limit", "broken"), [(0, 8, False), (0, 7, True), (9, 3, True), (1, 9, False)])
def test_limit(base: int, limit: int, broken: bool) -> None:
    atom = Share("s", "x", USE, None, base, limit)
    assert bool(atom.violations(_case(atom), plan(i0=[at(0, 1)], i1=[at(2)]))) == broken


def test_a_base_above_the_limit_may_stay_but_not_grow() -> None:
    atom = Share("s", "x", USE, LEFT, base=9, limit=3)
    assert not atom.violations(_case(atom), Plan())
    assert not atom.violations(_case(atom), plan(i0=[at(2)]))
    assert atom.violations(_case(atom), plan(i1=[at(0)]))
    assert optimum(_case(atom, WANTED)) == (20,), "only the bin outside is left"


def test_hinges_add_up_to_a_convex_price() -> None:
    hinges = (Hinge(5, 2), Hinge(8, 10), Hinge(4, 3, below=True))
    atom = Share("s", "x", {(0, 0): 1}, None, 0, None, hinges, 0)
    costs = [sum(h.cost(load) for h in hinges) for load in range(11)]
    assert costs == [12, 9, 6, 3, 0, 0, 2, 4, 6, 18, 30]
    assert atom.cost(_case(atom), Plan()) == 12


def test_the_model_pays_both_sides() -> None:
    below = Share("s", "x", USE, None, 1, None, (Hinge(6, 1, below=True),), 0)
    assert optimum(_case(below)) == (0,)
    above = Share("s", "x", USE, None, 1, None, (Hinge(4, 4),), 0)
    assert optimum(_case(above, WANTED)) == (10 + 4 * 2,), "one of each: load 6"
    dear = Share("s", "x", USE, None, 1, None, (Hinge(4, 9),), 0)
    assert optimum(_case(dear, WANTED)) == (20,), "one of the first: load 4"


def test_a_rate_of_zero_keeps_the_hint_feasible() -> None:
    atom = Share("s", "x", USE, None, 0, None, (Hinge(1, 0),), 0)
    _, encoded = written(_case(atom), plan(i0=[at(0, 1, milli=1000)]))
    assert encoded.arrays.broken_row(encoded.arrays.hint) is None


def test_the_ledger_leaves_what_the_limit_leaves() -> None:
    atom = Share("s", "x", USE, LEFT, base=1, limit=9)
    ledger = atom.ledger(_case(atom))
    assert ledger is not None
    (joint,) = ledger.joints((0, 0), {})
    assert joint.room.tolist() == [2]
    assert joint.labels.tolist() == [0, 0, -1]
    ledger.add(1, {0: {0: 1, 2: 5}})
    (joint,) = ledger.joints((0, 0), {0: {1: 1}})
    assert joint.room.tolist() == [1]


@pytest.mark.badinput
def test_figures_that_make_no_sense_are_refused() -> None:
    for atom in (
        Share("s", "x", {(0, 0): -1}),
        Share("s", "x", USE, hinges=(Hinge(1, -1),), tier=0),
        Share("s", "x", USE, hinges=(Hinge(1, 1),)),
        Share("s", "x", USE, tier=0),
    ):
        with pytest.raises(ValueError, match="s x: "):
            _case(atom)
