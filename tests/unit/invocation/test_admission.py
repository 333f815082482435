"""Concurrency limits, exact to one, and rates, exact under a virtual clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.aws.errors import TooManyRequestsException
from lamplighter.aws.service_model import load_model
from lamplighter.environments.capacity import Ready
from lamplighter.invocation.admission import Admission, Function
from lamplighter.invocation.throttling import MESSAGES, throttled
from lamplighter.kernel.clock import ManualClock
from lamplighter.kernel.limits import Limits

A = ("000000000000", "us-east-1", "a")
B = ("000000000000", "us-east-1", "b")
ELSEWHERE = ("000000000000", "eu-west-1", "a")

ACCOUNT_LIMIT = "ConcurrentInvocationLimitExceeded"
RESERVED_LIMIT = "ReservedFunctionConcurrentInvocationLimitExceeded"
FUNCTION_RATE = "FunctionInvocationRateLimitExceeded"
RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"


@dataclass
class Place:
    """An admission, the clock it lives by and the environments it is told of."""

    limits: Limits = field(default_factory=Limits)
    claimed: int = 0
    environments: dict[Function, int] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.admission = Admission(
            self.limits,
            clock=self.clock,
            claimed=lambda _account, _region: self.claimed,
            environments=lambda function: self.environments.get(function, 0),
        )

    def admit(self, function: Function = A, reserved: int | None = None, **members: Any) -> Callable[[], None]:
        return self.admission.admit(function, reserved, **members)

    def refusal(self, function: Function = A, reserved: int | None = None, **members: Any) -> tuple[str, str]:
        """Reason and Retry-After."""
        with pytest.raises(TooManyRequestsException) as error:
            self.admission.admit(function, reserved, **members)
        assert (error.value.message, error.value.members["Type"]) == ("Rate Exceeded.", "User")
        return error.value.members["Reason"], error.value.members["retryAfterSeconds"]

    def admitted(self, most: int, function: Function = A, reserved: int | None = None, **members: Any) -> int:
        """How many of `most` may run one beside the other."""
        count = 0
        for _ in range(most):
            try:
                self.admit(function, reserved, **members)
            except TooManyRequestsException:
                continue
            count += 1
        return count


def small(**figures: Any) -> Place:
    return Place(Limits(**figures))


# --- concurrency


def test_an_account_runs_as_many_as_its_limit_in_each_region() -> None:
    place = small(concurrent_executions=2)
    leave = place.admit()
    place.admit(B)
    assert place.refusal() == (ACCOUNT_LIMIT, "1")
    place.admit(ELSEWHERE)
    leave()
    place.admit()


def test_a_reservation_is_a_cap_and_counts_against_itself_only() -> None:
    place = small(concurrent_executions=1)
    assert place.admitted(5, reserved=2) == 2
    assert place.refusal(reserved=2)[0] == RESERVED_LIMIT
    place.admit(B)
    assert place.refusal(B)[0] == ACCOUNT_LIMIT


def test_a_reservation_of_zero_switches_a_function_off() -> None:
    assert Place().refusal(reserved=0)[0] == RESERVED_LIMIT


def test_what_is_reserved_is_kept_from_everybody_else_from_the_moment_it_is() -> None:
    place = small(concurrent_executions=10)
    assert place.admitted(4) == 4
    place.claimed = 5
    place.admission.function_changed(*B)
    assert place.admitted(9) == 1
    place.claimed = 0
    place.admission.function_changed(*B)
    assert place.admitted(9) == 5


def test_an_invoke_leaves_the_pool_it_was_counted_in_even_when_its_function_is_reserved_meanwhile() -> None:
    place = small(concurrent_executions=2)
    leave = place.admit()
    assert place.admitted(3, reserved=2) == 1
    leave()
    assert place.admitted(3, B) == 2
    assert place.admitted(3, reserved=2) == 1


def test_provisioned_environments_serve_first_and_the_rest_comes_out_of_the_account() -> None:
    place = Place(Limits(concurrent_executions=5), claimed=3)
    ready = Ready(3, 3)
    leaving = [place.admit(version="1", ready=ready) for _ in range(3)]
    assert place.admitted(9, B) == 2
    assert place.refusal(version="1", ready=ready)[0] == ACCOUNT_LIMIT
    leaving[0]()
    place.admit(version="1", ready=ready)


def test_spill_over_counts_against_the_reservation_and_leaves_what_is_provisioned_to_its_version() -> None:
    place = Place()
    ready = Ready(3, 3)
    assert place.admitted(9, reserved=5, version="2", ready=Ready(0, 3)) == 2
    assert place.admitted(9, reserved=5, version="1", ready=ready) == 3
    assert place.refusal(reserved=5, version="1", ready=ready)[0] == RESERVED_LIMIT
    assert place.admission.in_flight(A) == 5


def test_a_reservation_holds_while_provisioned_environments_are_still_getting_ready() -> None:
    place = Place()
    assert place.admitted(2, reserved=4, version="1") == 2
    assert place.admitted(9, reserved=4, version="1", ready=Ready(4, 4)) == 2


# --- rates


def test_a_function_grows_by_a_thousand_environments_in_ten_seconds() -> None:
    place = small(concurrent_executions=5000)
    assert place.admitted(1500) == 1000
    assert place.refusal() == (FUNCTION_RATE, "1")
    assert place.admitted(10, B) == 10
    for seconds, more in ((0.005, 0), (0.005, 1), (1.0, 100), (9.0, 900), (60.0, 1000)):
        place.clock.advance(seconds)
        assert place.admitted(1500) == more, seconds


def test_a_function_that_has_grown_needs_no_further_environment() -> None:
    place = small(scaling_environments=10, scaling_seconds=10.0)
    leaving = [place.admit() for _ in range(10)]
    assert place.refusal()[0] == FUNCTION_RATE
    for leave in leaving:
        leave()
    assert place.admitted(11) == 10


def test_a_reserved_function_is_told_so_when_it_grows_too_fast() -> None:
    place = small(scaling_environments=3, scaling_seconds=30.0)
    assert place.admitted(5, reserved=4) == 3
    assert place.refusal(reserved=4) == (RESERVED_RATE, "10")


def test_environments_that_are_there_already_are_no_growth() -> None:
    place = small(scaling_environments=1, scaling_seconds=10.0)
    place.environments[A] = 4
    assert place.admitted(9) == 5


def test_a_function_whose_environments_have_ended_must_grow_again() -> None:
    place = small(scaling_environments=4, scaling_seconds=4.0)
    for leave in [place.admit() for _ in range(4)]:
        leave()
    place.environments[A] = 1
    place.admission.environment_ended(A)
    place.clock.advance(1.0)
    assert place.admitted(9) == 2


def test_a_provisioned_environment_is_no_growth() -> None:
    place = small(scaling_environments=1, scaling_seconds=10.0)
    assert place.admitted(5, version="1", ready=Ready(5, 5)) == 5


def test_an_account_is_called_ten_times_a_second_for_each_of_its_concurrency() -> None:
    place = small(concurrent_executions=100)
    assert sum(_is_served(place) for _ in range(1500)) == 1000
    assert place.refusal() == (FUNCTION_RATE, "1")
    for seconds, more in ((0.0005, 0), (0.0006, 1), (0.5, 500), (5.0, 1000)):
        place.clock.advance(seconds)
        assert sum(_is_served(place) for _ in range(1500)) == more, seconds


def test_a_reserved_function_has_a_pace_of_its_own() -> None:
    place = small(concurrent_executions=100)
    assert sum(_is_served(place, reserved=3) for _ in range(50)) == 30
    assert place.refusal(reserved=3)[0] == RESERVED_RATE
    assert _is_served(place)


def test_events_have_no_pace() -> None:
    place = small(concurrent_executions=1)
    assert sum(_is_served(place, is_paced=False) for _ in range(100)) == 100


def _is_served(place: Place, **members: Any) -> bool:
    try:
        place.admit(**{"reserved": None, **members})()
    except TooManyRequestsException:
        return False
    return True


def test_callers_are_held_to_the_pace_an_operator_sets() -> None:
    place = small(calls_per_second=2)
    for _ in range(2):
        place.admission.admit_call(*A[:2])
    with pytest.raises(TooManyRequestsException) as error:
        place.admission.admit_call(*A[:2])
    assert (error.value.message, error.value.members["Reason"]) == ("Rate exceeded", "CallerRateLimitExceeded")
    place.admission.admit_call(*ELSEWHERE[:2])
    place.clock.advance(0.5)
    place.admission.admit_call(*A[:2])


# --- what is said


def test_the_reasons_are_those_of_the_model() -> None:
    assert set(MESSAGES) == set(load_model("lambda").shape("ThrottleReason")["enum"])
    assert [throttled(ACCOUNT_LIMIT, seconds).members["retryAfterSeconds"] for seconds in (0.01, 1.0, 1.2)] == [
        "1",
        "1",
        "2",
    ]


# --- whatever happens


@given(
    st.lists(
        st.tuples(
            st.sampled_from([A, B]),
            st.sampled_from([None, 0, 3]),
            st.sampled_from([None, Ready(2, 2), Ready(0, 2)]),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_no_limit_is_exceeded_and_counts_return_to_nothing(
    steps: list[tuple[Function, int | None, Ready | None, bool]],
) -> None:
    place = Place(Limits(concurrent_executions=9), claimed=4)
    shared: list[Callable[[], None]] = []
    others: list[Callable[[], None]] = []
    for function, reserved, ready, is_leaving in steps:
        leaving = shared if reserved is None and ready is None else others
        if is_leaving and leaving:
            leaving.pop()()
            continue
        before = place.admission.in_flight(function)
        try:
            leaving.append(place.admit(function, reserved, version="1", ready=ready))
        except TooManyRequestsException:
            assert place.admission.in_flight(function) == before
            continue
        assert reserved is None or before < reserved
    assert len(shared) <= 5
    for leave in (*shared, *others):
        leave()
    assert place.admission.in_flight(A) == place.admission.in_flight(B) == 0
