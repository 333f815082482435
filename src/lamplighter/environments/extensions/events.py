"""The events that extensions are given, as JSON. Pure."""

import msgspec

from lamplighter.environments.event import InvokeEvent


def invoke_event(event: InvokeEvent, deadline_ms: int) -> bytes:
    told: dict[str, object] = {
        "eventType": "INVOKE",
        "deadlineMs": deadline_ms,
        "requestId": event.request_id,
        "invokedFunctionArn": event.invoked_arn,
    }
    if event.trace_header:
        told["tracing"] = {"type": "X-Amzn-Trace-Id", "value": event.trace_header}
    return msgspec.json.encode(told)


def shutdown_event(reason: str, deadline_ms: int) -> bytes:
    """`reason`: SPINDOWN, TIMEOUT or FAILURE, in the lower case in which Lambda sends it."""
    return msgspec.json.encode({"eventType": "SHUTDOWN", "deadlineMs": deadline_ms, "shutdownReason": reason})
