"""Concurrency limits, exact to one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.aws.errors import TooManyRequestsException
from lamplighter.invocation.admission import Admission, Load, throttle_reason

A = ("000000000000", "us-east-1", "a")
B = ("000000000000", "us-east-1", "b")
ELSEWHERE = ("000000000000", "eu-west-1", "a")


def refused(admission: Admission, function: tuple[str, str, str], reserved: int | None) -> str:
    with pytest.raises(TooManyRequestsException) as error:
        admission.admit(function, reserved)
    assert error.value.message == "Rate Exceeded."
    reason: str = error.value.members["Reason"]
    return reason


def test_an_account_runs_as_many_as_its_limit_in_each_region() -> None:
    admission = Admission(2)
    leave = admission.admit(A, None)
    admission.admit(B, None)
    assert refused(admission, A, None) == "ConcurrentInvocationLimitExceeded"
    admission.admit(ELSEWHERE, None)
    leave()
    admission.admit(A, None)


def test_a_reservation_is_a_cap_and_counts_against_itself_only() -> None:
    admission = Admission(1)
    admission.admit(A, 2)
    admission.admit(A, 2)
    assert refused(admission, A, 2) == "ReservedFunctionConcurrentInvocationLimitExceeded"
    admission.admit(B, None)
    assert refused(admission, B, None) == "ConcurrentInvocationLimitExceeded"


def test_a_reservation_of_zero_switches_a_function_off() -> None:
    assert refused(Admission(1000), A, 0) == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_what_is_reserved_is_kept_from_everybody_else() -> None:
    admission = Admission(10, lambda _account, _region: 9)
    admission.admit(A, None)
    assert refused(admission, B, None) == "ConcurrentInvocationLimitExceeded"


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.booleans(), st.booleans()), max_size=60))
def test_counts_return_to_nothing(steps: list[tuple[tuple[str, str, str], bool, bool]]) -> None:
    admission = Admission(5)
    leaving: list[Callable[[], None]] = []
    for function, is_reserved, is_leaving in steps:
        if is_leaving and leaving:
            leaving.pop()()
            continue
        try:
            leaving.append(admission.admit(function, 3 if is_reserved else None))
        except TooManyRequestsException:
            assert admission.in_flight(A) + admission.in_flight(B) >= 3
    for leave in leaving:
        leave()
    assert admission.in_flight(A) == admission.in_flight(B) == 0


def test_the_decision_needs_figures_only() -> None:
    assert throttle_reason(Load(0, 999), None, 1000, 0) is None
    assert throttle_reason(Load(0, 900), None, 1000, 100) == "ConcurrentInvocationLimitExceeded"
    assert throttle_reason(Load(4, 1000), 5, 1000, 100) is None
