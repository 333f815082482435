"""When an event is tried again, by the table of AWS's documentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.invocation.asynchronous.delivery_policy import Obstacle, delivery_policy
from lamplighter.invocation.asynchronous.retry_policy import (
    Again,
    Attempt,
    Decision,
    Dropped,
    Ended,
    RetrySettings,
    backoff,
    retry_policy,
)

HOURS = 3600.0


def decided(
    attempt: Attempt, retries: int = 0, backoffs: int = 0, age: float = 1.0, settings: RetrySettings | None = None
) -> Decision:
    return retry_policy(attempt, retries=retries, backoffs=backoffs, age=age, settings=settings or RetrySettings())


@pytest.mark.parametrize(
    ("attempt", "state", "expected"),
    [
        (Attempt.SUCCEEDED, {}, Ended("Success")),
        (Attempt.SUCCEEDED, {"age": 7 * HOURS}, Ended("Success")),
        (Attempt.FUNCTION_ERROR, {"retries": 0}, Again(60.0, is_retry=True)),
        (Attempt.FUNCTION_ERROR, {"retries": 1}, Again(120.0, is_retry=True)),
        (Attempt.FUNCTION_ERROR, {"retries": 2}, Ended("RetriesExhausted")),
        (Attempt.FUNCTION_ERROR, {"retries": 0, "backoffs": 9}, Again(60.0, is_retry=True)),
        (Attempt.FUNCTION_ERROR, {"settings": RetrySettings(0)}, Ended("RetriesExhausted")),
        (Attempt.FUNCTION_ERROR, {"retries": 1, "settings": RetrySettings(1)}, Ended("RetriesExhausted")),
        (Attempt.FUNCTION_ERROR, {"age": 6 * HOURS}, Ended("EventAgeExceeded")),
        (Attempt.FUNCTION_ERROR, {"age": 50, "settings": RetrySettings(2, 60)}, Again(10.0, is_retry=True)),
        (Attempt.FUNCTION_ERROR, {"age": 60, "settings": RetrySettings(2, 60)}, Ended("EventAgeExceeded")),
        (Attempt.THROTTLED, {}, Again(1.0, is_retry=False)),
        (Attempt.THROTTLED, {"backoffs": 1}, Again(2.0, is_retry=False)),
        (Attempt.THROTTLED, {"backoffs": 8}, Again(256.0, is_retry=False)),
        (Attempt.THROTTLED, {"backoffs": 9}, Again(300.0, is_retry=False)),
        (Attempt.THROTTLED, {"backoffs": 10_000}, Again(300.0, is_retry=False)),
        (Attempt.THROTTLED, {"retries": 2}, Again(1.0, is_retry=False)),
        (Attempt.THROTTLED, {"backoffs": 20, "age": 6 * HOURS - 100}, Again(100.0, is_retry=False)),
        (Attempt.THROTTLED, {"age": 6 * HOURS}, Ended("EventAgeExceeded")),
        (Attempt.SYSTEM_ERROR, {"backoffs": 3}, Again(8.0, is_retry=False)),
        (Attempt.SYSTEM_ERROR, {"age": 7 * HOURS}, Ended("EventAgeExceeded")),
        (Attempt.SWITCHED_OFF, {}, Ended("ZeroReservedConcurrency")),
        (Attempt.REFUSED, {}, Ended("RetriesExhausted")),
        (Attempt.GONE, {"age": 7 * HOURS}, Dropped()),
    ],
)
def test_the_table(attempt: Attempt, state: dict[str, object], expected: Decision) -> None:
    assert decided(attempt, **state) == expected  # type: ignore[arg-type]  # a table of keyword arguments


@given(
    st.sampled_from(Attempt),
    st.integers(0, 5),
    st.integers(0, 10_000),
    st.floats(0, 8 * HOURS),
    st.integers(60, 21_600),
)
def test_no_attempt_is_planned_beyond_the_age_of_its_event(
    attempt: Attempt, retries: int, backoffs: int, age: float, maximum: int
) -> None:
    decision = decided(attempt, retries, backoffs, age, RetrySettings(2, maximum))
    if isinstance(decision, Again):
        assert 0 < decision.delay <= maximum - age
        assert decision.is_retry == (attempt is Attempt.FUNCTION_ERROR)


def test_a_failing_event_lives_through_virtual_time_as_on_aws() -> None:
    now, retries, times = 0.0, 0, []
    while isinstance(decision := decided(Attempt.FUNCTION_ERROR, retries, age=now), Again):
        times.append(now)
        now += decision.delay
        retries += 1
    assert (times, now, decision) == ([0.0, 60.0], 180.0, Ended("RetriesExhausted"))


def test_a_throttled_event_is_tried_for_six_hours() -> None:
    now, backoffs = 0.0, 0
    while isinstance(decision := decided(Attempt.THROTTLED, 0, backoffs, now), Again):
        now += decision.delay
        backoffs += 1
    assert (now, decision) == (6 * HOURS, Ended("EventAgeExceeded"))
    assert 75 < backoffs < 90


@given(st.integers(0, 10_000))
def test_backing_off_never_gets_shorter(times: int) -> None:
    assert 1.0 <= backoff(times) <= backoff(times + 1) <= 300.0


@pytest.mark.parametrize(
    ("obstacle", "code", "age", "expected"),
    [
        (Obstacle.DOWN, "", 30 * 24 * HOURS, 4.0),
        (Obstacle.UNKNOWN_PLACE, "", 30 * 24 * HOURS, 4.0),
        (Obstacle.REFUSED, "QueueDoesNotExist", 0.0, 4.0),
        (Obstacle.REFUSED, "QueueDoesNotExist", 6 * HOURS, None),
        (Obstacle.REFUSED, "InvalidMessageContents", 0.0, None),
    ],
)
def test_a_delivery_is_given_up_only_when_nothing_can_help(
    obstacle: Obstacle, code: str, age: float, expected: float | None
) -> None:
    assert delivery_policy(obstacle, code, attempts=2, age=age) == expected
