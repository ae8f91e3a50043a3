"""Loads round up, capacities round down, and nothing else passes the border."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.errors import InputError
from placement.units import (
    capacity_units,
    ceil_div,
    floor_div,
    load_units,
    micro_usd,
    parse_duration,
)


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_quotients_enclose_the_exact_value(numerator: int, denominator: int) -> None:
    low, high = floor_div(numerator, denominator), ceil_div(numerator, denominator)
    assert low * denominator <= numerator <= high * denominator
    assert high - low == (numerator % denominator != 0)


def test_loads_up_capacities_down() -> None:
    assert (load_units(0.1, 1000), capacity_units(0.1, 1000)) == (100, 100)
    assert (load_units("1.0001", 1000), capacity_units("1.0009", 1000)) == (1001, 1000)
    assert micro_usd(2.5) == 2_500_000
    assert micro_usd(Decimal("0.0000025")) == 2


@pytest.mark.parametrize(
    ("text", "duration_ms"), [("2s", 2000), ("500ms", 500), ("1.5h", 5_400_000), ("1m", 60_000), ("0.5ms", 1)]
)
def test_durations(text: str, duration_ms: int) -> None:
    assert parse_duration(text) == duration_ms


@pytest.mark.badinput
@pytest.mark.parametrize("text", ["", "2", "s", "-1s", "0s", "1e3s", "nan s", "9" * 30 + "s", "400d", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="duration"):
        parse_duration(text)


@pytest.mark.badinput
@pytest.mark.parametrize("value", ["", "x", float("nan"), float("inf"), 1e300])
def test_what_is_no_number_is_refused(value: float | str) -> None:
    for convert in (load_units, capacity_units, micro_usd):
        with pytest.raises(InputError, match="number"):
            convert(value)
