"""When to start another environment, and what the machine has room for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.environments.capacity import Capacity
from lamplighter.environments.placement import PATIENCE_SECONDS, SETTLING_SECONDS, Decision, Situation, decide


def situation(**figures: Any) -> Situation:
    return Situation(
        **{
            "waiting": 1,
            "longest_wait_seconds": 0.0,
            "starting": 0,
            "settling": 0,
            "busy": 0,
            "mean_seconds": None,
            "cores": 2,
            **figures,
        }
    )


def test_the_first_invoke_starts_an_environment_at_once() -> None:
    assert decide(situation()) == Decision(1)


def test_a_burst_starts_as_many_as_wait() -> None:
    assert decide(situation(waiting=50)).start == 50


def test_what_is_starting_already_is_not_started_again() -> None:
    assert decide(situation(waiting=3, starting=2)).start == 1
    assert decide(situation(waiting=3, starting=3)) == Decision(0)


def test_an_environment_that_has_just_answered_is_waited_for_a_moment() -> None:
    assert decide(situation(settling=1)) == Decision(0, SETTLING_SECONDS)


def test_busy_environments_of_a_quick_function_are_waited_for() -> None:
    decision = decide(situation(waiting=12, busy=4, mean_seconds=0.001))
    assert decision == Decision(0, PATIENCE_SECONDS)


def test_busy_environments_of_a_slow_function_are_not() -> None:
    assert decide(situation(waiting=12, busy=4, mean_seconds=1.0)).start == 12


def test_idle_cores_are_used_first() -> None:
    assert decide(situation(waiting=1, busy=1, mean_seconds=0.001)).start == 1


def test_patience_ends() -> None:
    waited = situation(waiting=12, busy=4, mean_seconds=0.001, longest_wait_seconds=PATIENCE_SECONDS)
    assert decide(waited).start == 12


@given(
    waiting=st.integers(1, 1000),
    starting=st.integers(0, 1000),
    settling=st.integers(0, 50),
    busy=st.integers(0, 1000),
    wait=st.floats(0, 10),
    mean=st.none() | st.floats(0.0001, 100),
)
def test_nobody_waits_without_a_start_a_settling_environment_or_a_second_look(
    waiting: int, starting: int, settling: int, busy: int, wait: float, mean: float | None
) -> None:
    decision = decide(Situation(waiting, wait, starting, settling, busy, mean, 2))
    assert 0 <= decision.start <= max(0, waiting - starting)
    is_covered = starting + decision.start >= waiting
    assert is_covered or (decision.recheck_seconds is not None and decision.recheck_seconds > 0)


def test_capacity_counts_environments_and_memory() -> None:
    capacity = Capacity(2, 1000)
    assert capacity.has_room(1000)
    capacity.reserve(512)
    assert not capacity.has_room(489)
    assert capacity.has_room(488)
    capacity.reserve(128)
    assert not capacity.has_room(1)
    capacity.release(512)
    assert capacity.has_room(872)
    assert not capacity.could_ever_hold(1001)
