"""Budgets, reserves and lateness, on a clock of their own."""

import pytest

from placement.errors import DeadlineExceeded
from placement.service.times import Limits, Times, Usual

LIMITS = Limits()


def test_what_is_usual_follows_the_samples_within_its_bounds() -> None:
    usual = Usual(100, 1000)
    assert usual.seconds == 0.1
    for _ in range(64):
        usual.learn(0.2)
    assert usual.seconds == pytest.approx(0.3)
    usual.learn(50.0)
    assert usual.seconds == pytest.approx(0.3), "one outlier is not usual"
    for _ in range(64):
        usual.learn(50.0)
    assert usual.seconds == 1.0
    for _ in range(64):
        usual.learn(0.0)
    assert usual.seconds == 0.1


@pytest.mark.parametrize(
    ("left_s", "reserve_s", "usable_ms"),
    [
        (None, 0.15, LIMITS.max_solve_ms),
        (10.0, 0.15, 9000),  # a tenth is kept
        (1.0, 0.3, 700),
        (1.0, 2.0, LIMITS.least_ms),  # the measured reserve leaves nothing: enough for a greedy plan
        (0.2, 2.0, 50),  # all but the least reserve
        (7200.0, 0.15, LIMITS.max_solve_ms),
    ],
)
def test_the_reserve_is_taken_off_the_deadline(left_s: float | None, reserve_s: float, usable_ms: int) -> None:
    times = Times(100.0, None if left_s is None else 100.0 + left_s)
    assert times.remaining_ms(100.0, LIMITS, reserve_s) == pytest.approx(usable_ms, abs=1)


@pytest.mark.parametrize("left_s", [0.15, 0.0, -5.0])
def test_a_deadline_without_room_is_refused(left_s: float) -> None:
    with pytest.raises(DeadlineExceeded, match="allow more time"):
        Times(0.0, 100.0 + left_s).remaining_ms(100.0, LIMITS, 0.15)


def test_a_solve_ends_when_it_was_asked_to_and_never_without_a_least() -> None:
    times = Times(100.0, None)
    assert times.until_s(100.5, 5000, 2000, granted_ms=200, needed_ms=50) == 102.0
    assert times.until_s(101.9, 5000, 2000, granted_ms=200, needed_ms=50) == pytest.approx(102.1)
    assert times.until_s(101.9, 50, 2000, granted_ms=200, needed_ms=50) == pytest.approx(101.95), (
        "not beyond the deadline"
    )
    assert times.until_s(100.0, None, 2000, granted_ms=200, needed_ms=50) is None


def test_a_call_that_did_not_wait_long_gets_no_more_than_it_asked_for() -> None:
    times = Times(100.0, None)
    assert times.until_s(100.05, 250, 250, granted_ms=2700, needed_ms=50) == pytest.approx(100.25), (
        "half of its wish and more is left"
    )
    assert times.until_s(100.2, 250, 250, granted_ms=2700, needed_ms=50) == pytest.approx(100.45), (
        "it waited: the least is granted, not more"
    )
    hurried = times.until_s(100.05, 250, 250, granted_ms=2700, needed_ms=110)
    assert hurried == pytest.approx(100.3), "greedy would hardly place anything: its time counts from its turn"


def test_the_answer_is_on_its_way_before_the_time_is_over() -> None:
    assert Times(100.0, None, reading_s=0.02).until_s(
        100.03, 1000, 1000, granted_ms=200, needed_ms=50
    ) == pytest.approx(100.96)
    slow = Times(100.0, None, reading_s=0.5).until_s(100.5, 2000, 2000, granted_ms=200, needed_ms=50)
    assert slow == pytest.approx(101.92), "little is lost where reading was held up"


def test_late_is_after_the_deadline_or_after_the_time_asked_for_and_a_grace() -> None:
    assert Times(100.0, 103.0).late_s(102.9, 1000, LIMITS) == 0
    assert Times(100.0, 103.0).late_s(103.5, 9000, LIMITS) == pytest.approx(0.5)
    assert Times(100.0, None).late_s(101.4, 1000, LIMITS) == 0
    assert Times(100.0, None).late_s(102.0, 1000, LIMITS) == pytest.approx(0.5)
