"""What an event invoke configuration is. Pure."""

import msgspec


class EventInvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Of one function and qualifier; None where it was not set. `modified_at` in seconds since 1970."""

    function_arn: str
    modified_at: float
    maximum_retry_attempts: int | None = None
    maximum_event_age_seconds: int | None = None
    on_success: str | None = None
    on_failure: str | None = None
