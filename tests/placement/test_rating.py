"""The gap: zero only where the bound is met, and a part of what could be gained or is spent."""

import pytest

from placement.rating import gap_of


@pytest.mark.parametrize(
    ("value", "bound", "idle", "gap"),
    [
        (5, 5, 9, 0.0),
        (6, 5, 9, 0.25),
        (9, 5, 9, 1.0),
        (12, 5, 9, 1.0),
        (8, 6, None, 0.25),
        (0, 0, None, 0.0),
    ],
)
def test_gaps_by_hand(value: int, bound: int, idle: int | None, gap: float) -> None:
    assert gap_of(value, bound, idle) == gap


@pytest.mark.parametrize("idle", [0, 49, 50])
def test_an_open_tier_has_a_gap_also_where_doing_nothing_costs_less(idle: int) -> None:
    """An earlier tier made running work leave: refusals cost more here than in the plan that changes nothing."""
    assert gap_of(100, 50, idle) == 0.5
