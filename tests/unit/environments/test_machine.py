"""The lifecycle's table: what may follow what, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.environments.machine import (
    RUNTIME_STATE_NAMES,
    TRANSITIONS,
    IllegalTransition,
    State,
    Trigger,
    after,
    is_allowed,
)


def test_everything_not_in_the_table_is_illegal() -> None:
    for state in State:
        for trigger in Trigger:
            if (state, trigger) in TRANSITIONS:
                assert is_allowed(state, trigger)
            else:
                assert not is_allowed(state, trigger)
                with pytest.raises(IllegalTransition, match=f"{trigger.name} is not allowed in state {state.name}"):
                    after(state, trigger)


def test_a_usual_life() -> None:
    state = State.STARTING
    seen = []
    for trigger in (
        Trigger.SANDBOX_STARTED, Trigger.NEXT, Trigger.INVOKE, Trigger.RESPONSE, Trigger.NEXT, Trigger.INVOKE,
        Trigger.ERROR, Trigger.NEXT, Trigger.SHUT_DOWN, Trigger.END,
    ):  # fmt: skip
        state = after(state, trigger)
        seen.append(state.name)
    assert seen == [
        "INIT", "READY", "INVOKING", "RESPONDED", "READY", "INVOKING", "RESPONDED", "READY", "SHUTDOWN", "DEAD",
    ]  # fmt: skip


def test_only_ready_environments_take_an_invoke() -> None:
    assert [state for state in State if is_allowed(state, Trigger.INVOKE)] == [State.READY]


def test_a_response_ends_exactly_one_invoke() -> None:
    answered = after(State.INVOKING, Trigger.RESPONSE)
    assert not is_allowed(answered, Trigger.RESPONSE)
    assert not is_allowed(answered, Trigger.ERROR)


def test_every_state_but_the_last_two_can_be_shut_down_and_the_dead_stay_dead() -> None:
    for state in State:
        assert is_allowed(state, Trigger.SHUT_DOWN) == (state not in (State.SHUTDOWN, State.DEAD))
    assert not any(is_allowed(State.DEAD, trigger) for trigger in Trigger)


def test_every_state_has_the_name_that_the_runtime_is_told() -> None:
    assert set(RUNTIME_STATE_NAMES) == set(State)


@given(st.lists(st.sampled_from(list(Trigger)), max_size=30))
def test_whatever_happens_every_environment_can_reach_its_end(triggers: list[Trigger]) -> None:
    state = State.STARTING
    for trigger in triggers:
        if is_allowed(state, trigger):
            state = after(state, trigger)
    if is_allowed(state, Trigger.SHUT_DOWN):
        state = after(state, Trigger.SHUT_DOWN)
    if state is not State.DEAD:
        state = after(state, Trigger.END)
    assert state is State.DEAD
