"""How long idle environments are kept, by the habits of their version."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.environments.keep_alive import KeepAlive

FIXED = 600.0


def after(*idle_seconds: float) -> KeepAlive:
    kept = KeepAlive(FIXED)
    for seconds in idle_seconds:
        kept.note(seconds)
    return kept


def test_without_data_the_time_is_fixed() -> None:
    assert after().seconds == FIXED
    assert after(*[30.0] * 19).seconds == FIXED


def test_a_habit_of_a_minute_is_waited_for_and_no_longer_than_a_tenth_more() -> None:
    # Bins of 15 s: 50 s lie in the one that ends at 60 s.
    assert after(*[50.0] * 20).seconds == pytest.approx(60 * 1.1)
    assert after(*[100.0] * 50).seconds == pytest.approx(105 * 1.1)


def test_a_habit_of_twenty_minutes_keeps_an_environment_for_longer() -> None:
    assert after(*[1200.0] * 40).seconds == pytest.approx(1215 * 1.1)


def test_the_tail_counts_not_the_mean() -> None:
    assert after(*[20.0] * 96, *[900.0] * 4).seconds == pytest.approx(915 * 1.1)
    assert after(*[20.0] * 299, 900.0).seconds == 60.0


def test_a_window_has_bounds() -> None:
    assert after(*[2.0] * 100).seconds == 60.0
    assert after(*[3590.0] * 100).seconds == 3600.0


def test_times_that_are_mostly_beyond_the_histogram_say_nothing() -> None:
    assert after(*[20.0] * 30, *[100_000.0] * 31).seconds == FIXED
    assert after(*[20.0] * 60, *[100_000.0] * 40).seconds == 3600.0


def test_a_flat_histogram_says_nothing() -> None:
    draw = random.Random(3)
    assert after(*[draw.uniform(0.0, 3599.0) for _ in range(900)]).seconds == FIXED


def test_a_new_habit_takes_the_place_of_an_old_one() -> None:
    kept = after(*[1200.0] * 900)
    for _ in range(6000):
        kept.note(30.0)
    assert kept.seconds == 60.0


def test_an_environment_that_was_missed_counts_from_its_last_use() -> None:
    kept = KeepAlive(FIXED)
    for day in range(20):
        kept.let_go(day * 10_000.0)
        kept.let_go(day * 10_000.0 - 50.0)
        kept.missed(day * 10_000.0 + 1500.0)
        kept.missed(day * 10_000.0 + 1600.0)
    assert kept.seconds == pytest.approx(1515 * 1.1)


@given(st.lists(st.floats(0.0, 1e6), max_size=300), st.floats(0.01, 86_400.0))
def test_a_window_is_always_within_its_bounds(observed: list[float], fixed: float) -> None:
    kept = KeepAlive(fixed)
    for seconds in observed:
        kept.note(seconds)
    assert fixed * 0.1 <= kept.seconds <= fixed * 6
