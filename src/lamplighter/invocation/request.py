"""The records that pass through the one door. Must not know the wire, storage or sandboxes.

ResolvedFunction, what the door is told about a function, belongs to `resources.functions.resolution`.
"""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from lamplighter.resources.functions.resolution import ResolvedFunction

__all__ = ["FunctionDirectory", "InvokeRequest", "InvokeResult", "ResolvedFunction", "ResultStream"]


class InvokeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One invoke. `invocation_type` is RequestResponse, Event or DryRun; `qualifier` a version, an alias or None.

    `trace_header` is that of the caller or of the message that leads here: its lineage is how loops are noticed.
    `is_attempt`: an event that was accepted before is tried now.
    """

    request_id: str
    account_id: str
    region: str
    function_name: str
    qualifier: str | None = None
    invocation_type: str = "RequestResponse"
    payload: bytes = b""
    client_context: str | None = None
    tenant_id: str | None = None
    trace_header: str = ""
    wants_log_tail: bool = False
    wants_stream: bool = False
    invoked_arn: str = ""
    is_attempt: bool = False


class ResultStream(Protocol):
    """A response that the function still produces: iterate over it, then ask how it ended."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def abandon(self) -> None:
        """The caller has gone; the function runs on."""
        ...

    def result(self) -> "InvokeResult":
        """What a whole result would say, without the payload of a success. Known when there are no more parts."""
        ...


class InvokeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the function answered. `function_error` is Unhandled, Handled or None; `log_tail` the last 4 KiB of log.

    `stream` is set instead of `payload` when the caller wanted a stream and the function streams its response.
    """

    status_code: int = 200
    payload: bytes = b""
    content_type: str = "application/json"
    stream: ResultStream | None = None
    function_error: str | None = None
    executed_version: str = "$LATEST"
    log_tail: bytes | None = None


class FunctionDirectory(Protocol):
    """Where the door looks functions up. Synchronous and cached: it is on the warm path (no disk I/O there)."""

    def resolve(self, account_id: str, region: str, name: str, qualifier: str | None) -> ResolvedFunction:
        """The version that `qualifier` stands for. Raises ResourceNotFoundException with AWS's words."""
        ...
