import pytest

from solver.atoms import Capacity
from solver.items import Demand, Part
from solver.plan import Seat
from solver.problem import Problem
from tests.solver.build import bins, item, part, plan, problem


def _case() -> Problem:
    needy = Part("cpu", Demand(resources=(2,)), 2, 0)
    whole = Part("whole", Demand(devices=2, resources=(0,)), 1, 0)
    parts = [whole, Part("share", Demand(milli=300, resources=(0,)), 4, 0)]
    return problem(bins([[1000, 1000, 500], [1000, 0, 0]], [[3], [-1]]), [item(*parts, needy)])


def _broken(*parts: list[Seat]) -> list[str]:
    return [v.detail for v in Capacity().violations(_case(), plan(i0=parts))]


def share(device: int, b: int = 0) -> Seat:
    return Seat(b, ((device, 300),))


def test_what_fits_is_left_in_peace() -> None:
    whole = Seat(0, ((0, 1000), (1, 1000)))
    assert _broken([whole], [share(2), share(0, 1), share(0, 1), share(0, 1)], [Seat(0)]) == []


@pytest.mark.parametrize(
    "parts",
    [
        ([Seat(0, ((0, 1000), (1, 1000)))], [share(1)], []),  # a whole device is never shared
        ([], [share(2), share(2)], []),  # 600 of 500
        ([Seat(0, ((0, 1000), (2, 1000)))], [], []),  # the second is not whole
        ([], [], [Seat(0), Seat(0)]),  # 4 of 3
        ([], [], [Seat(1)]),  # nothing is free below zero
    ],
)
def test_over_use_is_named(parts: tuple[list[Seat], list[Seat], list[Seat]]) -> None:
    assert any("over its free" in text for text in _broken(*parts))


@pytest.mark.parametrize(
    "seat",
    [Seat(0, ((0, 1000),)), Seat(0, ((0, 1000), (0, 1000))), Seat(0, ((0, 999), (1, 1000))), Seat(0)],
)
def test_devices_that_do_not_match_the_demand_are_named(seat: Seat) -> None:
    assert any("does not hold the devices" in text for text in _broken([seat], [], []))


def test_nothing_is_free_below_zero_but_no_demand_needs_it() -> None:
    assert _broken([], [share(0, 1)], []) == []


def test_part_of_one_device_only() -> None:
    assert any("does not hold" in t for t in _broken([], [Seat(0, ((0, 150), (1, 150)))], []))
    assert part(milli=150).demand.volume == 150
