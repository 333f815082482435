"""AWS's six reasons to throttle, what it says with each, and after how long it is worth asking again. Pure.

Sources: ThrottleReason of the service model; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
"""

import math

from lamplighter.aws.errors import TooManyRequestsException

ACCOUNT_LIMIT = "ConcurrentInvocationLimitExceeded"
RESERVED_LIMIT = "ReservedFunctionConcurrentInvocationLimitExceeded"
FUNCTION_RATE = "FunctionInvocationRateLimitExceeded"
RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"
CALLER_RATE = "CallerRateLimitExceeded"
SNAPSHOT_LIMIT = "ConcurrentSnapshotCreateLimitExceeded"

_ENDED = "Rate Exceeded."
MESSAGES = {
    ACCOUNT_LIMIT: _ENDED,
    RESERVED_LIMIT: _ENDED,
    FUNCTION_RATE: _ENDED,
    RESERVED_RATE: _ENDED,
    # The front door of AWS words it otherwise than what stands behind it.
    CALLER_RATE: "Rate exceeded",
    # Never said: nothing bounds how many snapshots are made at a time.
    SNAPSHOT_LIMIT: _ENDED,
}


def throttled(reason: str, seconds: float = 1.0) -> TooManyRequestsException:
    """`seconds` until it may go: when a place becomes free nobody knows, so that a second is as good as any."""
    after = str(max(1, math.ceil(seconds)))
    return TooManyRequestsException(MESSAGES[reason], Reason=reason, retryAfterSeconds=after)


def invocation_rate(reserved: int | None) -> str:
    """The reason when a function is called, or grows, faster than it may."""
    return FUNCTION_RATE if reserved is None else RESERVED_RATE
