from dataclasses import replace

import numpy as np
import pytest

from solver.atoms import Capacity, LeftValue, RefuseCharge
from solver.check import check
from solver.items import Demand, Part
from solver.plan import Plan, Seat
from tests.solver.build import bins, ints, item, optimum, plan, problem

FREE = bins([[1000, 1000, 530, 0], [1000, 1000, 1000, 1000]], [[8], [3]])
HALF, PAIR = Demand(milli=470, resources=(1,)), Demand(devices=2, resources=(2,))


def atom(*, usable: tuple[int, int] = (0, 0), slots: tuple[int, int] = (0, 0), scale: int = 1) -> LeftValue:
    """Halves and pairs; pairs only on bins of kind 0, the first bin; the second bin counts three times."""
    allowed = np.array([[True, True], [True, False]])
    values = ints(*usable), ints(*slots)
    return LeftValue("left", 0, (HALF, PAIR), *values, allowed, ints(0, 1), ints(1, 3), scale)


@pytest.mark.parametrize(
    ("seat", "demand", "cost"),
    [
        (Seat(0, ((2, 470),)), HALF, 1),  # five halves (2 + 2 + 1), then four
        (Seat(0, ((0, 470),)), HALF, 1 + 10),  # a half of a whole device and the only pair
        (Seat(0, ()), Demand(resources=(7,)), 4 + 10),  # one core is left: one half, no pair
        (Seat(1, ((0, 470),)), HALF, 3 * 1),  # three cores: three halves, then two, at three times the value
        (Seat(1, ((0, 1000), (1, 1000))), Demand(devices=2, resources=(0,)), 0),  # CPU was short, not devices
    ],
)
def test_slots_are_counted_by_devices_and_resources(seat: Seat, demand: Demand, cost: int) -> None:
    case = problem(FREE, [], [atom(slots=(1, 10))])
    held = problem(FREE, [item(Part("p", demand, 1, 1))], case.atoms[1:])
    assert held.atoms[1].cost(held, plan(i0=[[seat]])) == cost
    assert held.atoms[1].cost(held, Plan()) == 0


def test_usable_are_the_thousandths_on_devices_that_have_enough() -> None:
    left = atom(usable=(1, 0), scale=10)
    case = problem(FREE, [item(Part("p", HALF, 1, 1))], [left])
    assert left.values(ints(0, 1), FREE.devices, FREE.resources).tolist() == [253, 1200]
    assert left.cost(case, plan(i0=[[Seat(0, ((2, 470),))]])) == 253 - 200  # the rest of 60 is lost as well
    assert left.values(ints(0), ints(1000, 1000, 530, 0)[None], ints(0)[None]).tolist() == [0]  # no CPU, no use


def test_the_model_is_a_lower_bound_exact_for_whole_devices() -> None:
    wanted = RefuseCharge("refuse", 0, {(0, 0): 10_000})
    free = bins([[1000] * 4, [1000, 1000, 1000, 0]], [[9], [9]])
    values = ints(1, 1), ints(1000, 50)
    demands = (Demand(devices=1, resources=(0,)), Demand(devices=2, resources=(1,)))
    left = LeftValue("left", 0, demands, *values, np.ones((2, 1), np.bool_), ints(0, 0), ints(1, 1))
    one = item(Part("p", Demand(devices=1, resources=(0,)), 1, 1))
    case = problem(free, [one], [left, wanted])
    # On the bin of three no pair is lost; 1000 usable for each demand and a slot of the single.
    assert optimum(case) == (3000,)
    assert left.cost(case, plan(i0=[[Seat(1, ((0, 1000),))]])) == 3000
    share = item(Part("p", Demand(milli=250, resources=(0,)), 1, 1))
    broken = problem(bins([[500, 1000]], [[9]]), [share], [atom_of_shares(), wanted])
    assert optimum(broken) == (0,)
    assert broken.atoms[1].cost(broken, plan(i0=[[Seat(0, ((0, 250),))]])) == 1


@pytest.mark.parametrize(
    ("demand", "seen", "cost"),
    [
        (Demand(milli=250, resources=(0,)), 0, 1),  # the slot of the broken device is lost, the model does not know
        (Demand(milli=500, resources=(0,)), 1, 1),
        (Demand(milli=700, resources=(0,)), 1, 2),  # a slot by what it takes, one more by the rest of 300
        (Demand(devices=2, resources=(0,)), 4, 4),
    ],
)
def test_demands_of_shares_lose_by_what_replicas_take(demand: Demand, seen: int, cost: int) -> None:
    seats = ((0, 1000), (1, 1000)) if demand.devices else ((2 if demand.milli < 600 else 0, demand.milli),)
    wanted = RefuseCharge("refuse", 0, {(0, 0): 10_000})
    one = item(Part("p", demand, 1, 1))
    case = problem(bins([[1000, 1000, 500]], [[9]]), [one], [atom_of_shares(), wanted])
    assert optimum(case) == (seen,)
    assert case.atoms[1].cost(case, plan(i0=[[Seat(0, seats)]])) == cost
    short = problem(bins([[1000, 1000, 500]], [[4]]), [one], [replace(atom_of_shares(), demands=(HALF,)), wanted])
    assert optimum(short) == (0,), "cores leave fewer slots than devices do"


def test_a_plan_that_gives_or_takes_more_than_there_is_has_a_cost_and_is_refused() -> None:
    share = item(Part("p", Demand(milli=250, resources=(0,)), 1, 1))
    odd = problem(bins([[500, 1000]], [[9]]), [share], [Capacity("capacity"), atom_of_shares()])
    for milli in (-5000, 5000):
        report = check(odd, plan(i0=[[Seat(0, ((1, milli),))]]))
        assert report.violations, milli
        assert len(report.values) == 1


def atom_of_shares() -> LeftValue:
    """A slot of 500 thousandths, which the model does not see."""
    allowed = np.ones((1, 1), np.bool_)
    return LeftValue("left", 0, (Demand(milli=500, resources=(0,)),), ints(0), ints(1), allowed, ints(0), ints(1))


@pytest.mark.badinput
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usable": ints(1)}, "usable and slots"),
        ({"kind": ints(0, 2)}, "a kind without"),
        ({"unit": ints(1, -1)}, "negative"),
        ({"demands": (HALF, Demand(resources=(1,)))}, "asks for devices"),
        ({"slots": ints(2**52, 0)}, "beyond what is counted"),
    ],
)
def test_figures_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem(FREE, [], [replace(atom(), **changes)])  # type: ignore[arg-type]
