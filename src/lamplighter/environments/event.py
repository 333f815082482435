"""What goes into an execution environment and what comes out of it: one invoke as the environment sees it.

Must not know routing, admission or HTTP; `invocation` makes the event and reads the outcome.
"""

import msgspec


class InvokeEvent(msgspec.Struct, frozen=True):
    """One invoke. `timeout_seconds` starts to run when an environment takes the event."""

    request_id: str
    payload: bytes
    invoked_arn: str
    trace_header: str
    timeout_seconds: float
    client_context: str = ""
    cognito_identity: str = ""
    tenant_id: str = ""
    wants_log_tail: bool = False
    wants_stream: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """How it ended. `error_type` is None for a success; `payload` is what the caller gets either way."""

    payload: bytes
    error_type: str | None = None
    duration_ms: float = 0.0
    billed_ms: int = 0
    init_ms: float | None = None
    memory_used_mib: int = 0
    log_tail: bytes = b""
    content_type: str = "application/json"
