"""What becomes of a delivery that failed: tried again, and when; or given up. Pure.

A target that is down or not there yet only delays. A message that it refuses is offered for as long as AWS keeps an
event, since queues get created and permissions granted; one that can never fit is given up at once.
"""

from enum import Enum

from lamplighter.invocation.asynchronous.retry_policy import DEFAULT_AGE_SECONDS, backoff

# Refusals that no waiting changes: the message is too large or is no message to this service.
_NEVER = frozenset(
    {"MessageTooLong", "InvalidMessageContents", "InvalidParameterValue", "InvalidParameter", "EntityTooLarge"}
    | {"RequestEntityTooLarge", "RequestEntityTooLargeException", "RequestTooLargeException", "ValidationException"}
    | {"InvalidRequestContentException"}
)


class Obstacle(Enum):
    """DOWN: nobody answers, or only with a promise. UNKNOWN_PLACE: no endpoint is set. REFUSED: a clear no."""

    DOWN = "down"
    UNKNOWN_PLACE = "unknown place"
    REFUSED = "refused"


def delivery_policy(obstacle: Obstacle, code: str, *, attempts: int, age: float) -> float | None:
    """Seconds until the next attempt, or None to give up. `attempts` were made before this one."""
    if obstacle is Obstacle.REFUSED and (code in _NEVER or age >= DEFAULT_AGE_SECONDS):
        return None
    return backoff(attempts)
