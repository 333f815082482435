"""What becomes of an event after an attempt: tried again, and when; or ended, and with which condition. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. Seconds are AWS's; whoever
runs events on a faster clock scales before and after. Must not know queues.
"""

from dataclasses import dataclass
from enum import Enum

RETRY_SECONDS = (60.0, 120.0)
FIRST_BACKOFF_SECONDS = 1.0
MAXIMUM_BACKOFF_SECONDS = 300.0
DEFAULT_RETRIES = 2
DEFAULT_AGE_SECONDS = 21_600

SUCCESS = "Success"
RETRIES_EXHAUSTED = "RetriesExhausted"
AGE_EXCEEDED = "EventAgeExceeded"
SWITCHED_OFF = "ZeroReservedConcurrency"


class Attempt(Enum):
    """What one attempt came to.

    THROTTLED and SYSTEM_ERROR did not reach the function. REFUSED will be refused for ever: what was accepted cannot
    be invoked (recursion, a payload the function's settings no longer allow). GONE: there is no such function.
    """

    SUCCEEDED = "succeeded"
    FUNCTION_ERROR = "function error"
    THROTTLED = "throttled"
    SYSTEM_ERROR = "system error"
    SWITCHED_OFF = "switched off"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """The event invoke configuration, as far as it is about retrying."""

    maximum_retries: int = DEFAULT_RETRIES
    maximum_age_seconds: float = DEFAULT_AGE_SECONDS


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `delay` seconds. `is_retry`: one of the function's retries is used up by it."""

    delay: float
    is_retry: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """No further attempt; `condition` is AWS's word for why."""

    condition: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Forgotten without a word to anybody, because nobody is left to be told."""


Decision = Again | Ended | Dropped

# Attempts after which there is no other, whatever the settings.
_FINAL: dict[Attempt, Decision] = {
    Attempt.SUCCEEDED: Ended(SUCCESS),
    Attempt.GONE: Dropped(),
    Attempt.SWITCHED_OFF: Ended(SWITCHED_OFF),
    Attempt.REFUSED: Ended(RETRIES_EXHAUSTED),
}


def is_expired(age: float, settings: RetrySettings) -> bool:
    return age >= settings.maximum_age_seconds


def retry_policy(attempt: Attempt, *, retries: int, backoffs: int, age: float, settings: RetrySettings) -> Decision:
    """`retries` and `backoffs` are those before this attempt, `age` the event's now.

    An event whose next attempt would come too late is looked at once more when its time is up, to be ended then.
    """
    if attempt in _FINAL:
        return _FINAL[attempt]
    is_retry = attempt is Attempt.FUNCTION_ERROR
    if is_retry and retries >= settings.maximum_retries:
        return Ended(RETRIES_EXHAUSTED)
    if is_expired(age, settings):
        return Ended(AGE_EXCEEDED)
    delay = RETRY_SECONDS[min(retries, len(RETRY_SECONDS) - 1)] if is_retry else backoff(backoffs)
    return Again(min(delay, settings.maximum_age_seconds - age), is_retry)


def backoff(times: int) -> float:
    """1, 2, 4, ... seconds, at most 5 minutes; `times` is how often before."""
    if FIRST_BACKOFF_SECONDS * 2 ** min(times, 32) >= MAXIMUM_BACKOFF_SECONDS:
        return MAXIMUM_BACKOFF_SECONDS
    return FIRST_BACKOFF_SECONDS * float(2**times)
