"""The one place of rounding: floats stop here, loads round up, capacities round down.

Integer units used everywhere behind the border: GPU milli (1000 = one device), CPU milli (1000 = one core),
MiB, watts, micro-USD, grams of CO2, seconds, milliseconds, microseconds.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

from placement.errors import InputError

__all__ = [
    "MAX_INT",
    "MICRO",
    "MILLI",
    "capacity_units",
    "ceil_div",
    "floor_div",
    "load_units",
    "micro_usd",
    "parse_duration",
]

MAX_INT = 2**53
"""Largest integer in any document: the last one that every JSON reader keeps exactly."""
MILLI = 1000
"""Thousandths in one device or one core."""
MICRO = 1_000_000
"""Millionths in one unit."""

_DURATION_MS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|min|m|h|d)", re.ASCII)


def ceil_div(numerator: int, denominator: int) -> int:
    """Quotient rounded up (towards plus infinity): for loads. The denominator is positive."""
    return -(-numerator // denominator)


def floor_div(numerator: int, denominator: int) -> int:
    """Quotient rounded down (towards minus infinity): for capacities. The denominator is positive."""
    return numerator // denominator


def load_units(value: float | str | Decimal, scale: int = 1) -> int:
    """`value * scale` rounded up: what a workload asks for. InputError if `value` is no finite number."""
    return int((_decimal(value) * scale).to_integral_value(ROUND_CEILING))


def capacity_units(value: float | str | Decimal, scale: int = 1) -> int:
    """`value * scale` rounded down: what a node offers. InputError if `value` is no finite number."""
    return int((_decimal(value) * scale).to_integral_value(ROUND_FLOOR))


def micro_usd(usd: float | str | Decimal) -> int:
    """US dollars as whole micro-dollars, halves to even. InputError if `usd` is no finite number."""
    return int((_decimal(usd) * MICRO).to_integral_value(ROUND_HALF_EVEN))


def parse_duration(text: str) -> int:
    """Milliseconds of a duration such as "500ms", "2s", "1.5h" (units ms, s, m or min, h, d), rounded up.

    InputError for anything else, for zero and for more than a year.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise InputError(
            "duration", f"{text[:40]!r} is no duration", 'write a number and a unit, such as "500ms" or "2s"'
        )
    duration_ms = load_units(found[1], _DURATION_MS[found[2]])
    if not 0 < duration_ms <= 366 * 86_400_000:
        raise InputError("duration", f"{text[:40]!r} is out of range", "use more than zero and at most a year")
    return duration_ms


def _decimal(value: float | str | Decimal) -> Decimal:
    """The exact decimal of what was written (a float by its shortest text, so 0.1 stays 0.1)."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise InputError("number", f"{str(value)[:40]!r} is no number", "write a plain decimal number") from None
    if not number.is_finite() or abs(number) > MAX_INT:
        raise InputError("number", f"{str(value)[:40]!r} is out of range", f"use a finite number of at most {MAX_INT}")
    return number
