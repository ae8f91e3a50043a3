import numpy as np
import pytest

from solver.atoms import RefuseCharge, Remainder
from solver.plan import Plan, Seat
from tests.solver.build import bins, item, optimum, part, plan, problem

FREE = bins([[1000, 1000, 1000, 1000], [1000, 500, 1000, 0]])
VALUES = np.array([[1, 100], [2, 1000]], np.int64)
ATOM = Remainder("remainder", 0, (1, 2), VALUES)


@pytest.mark.parametrize(
    ("seat", "cost"),
    [
        (Seat(0, ((0, 250),)), 1 + 100),  # 4 -> 3 devices, 2 -> 1 pairs
        (Seat(1, ((1, 250),)), 0),  # a device already broken
        (Seat(1, ((0, 250),)), 2 + 1000),
        (Seat(1, ((2, 250),)), 2 + 1000),
    ],
)
def test_a_share_costs_the_chunks_it_breaks(seat: Seat, cost: int) -> None:
    case = problem(FREE, [item(part(milli=250))], [ATOM])
    assert ATOM.cost(case, plan(i0=[[seat]])) == cost
    assert ATOM.cost(case, Plan()) == 0


def test_odd_devices_are_no_pair() -> None:
    case = problem(FREE, [item(part(devices=1), part(devices=1))], [ATOM])
    both = plan(i0=[[Seat(0, ((0, 1000),))], [Seat(0, ((1, 1000),))]])
    assert ATOM.cost(case, both) == 2 * 1 + 100


def test_the_model_says_the_same() -> None:
    wanted = RefuseCharge("refuse", 0, {(0, 0): 10_000})
    assert optimum(problem(FREE, [item(part(2, milli=250))], [ATOM, wanted])) == (0,)
    assert optimum(problem(FREE, [item(part(3, milli=250))], [ATOM, wanted])) == (101,)
    assert optimum(problem(FREE, [item(part(2, devices=1))], [ATOM, wanted])) == (102,)


@pytest.mark.badinput
def test_values_have_one_row_per_bin() -> None:
    for values in (VALUES[:1], -VALUES):
        with pytest.raises(ValueError, match="values are"):
            problem(FREE, [item(part())], [Remainder("remainder", 0, (1, 2), values)])
