"""A response on its way from the runtime to the caller while the function still produces it.

The runtime's side writes and is slowed down by a slow caller; a caller who has gone no longer slows it down, and the
function runs on. Must not know HTTP.
"""

import asyncio
import base64
import binascii
from typing import Protocol

import msgspec

from lamplighter.environments import faults
from lamplighter.environments.event import Outcome
from lamplighter.wire.http_request_stream import BodyCutOff, RequestStream

_FULL_BYTES = 262_144
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"


class StreamedResponse:
    """Iterate over it for the parts; `outcome` tells how the invoke ended when there are no more."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._is_abandoned = False
        self._waiters: list[asyncio.Future[None]] = []

    # --- the runtime's side

    async def write(self, part: bytes) -> None:
        """Take a part; returns when there is room for the next one."""
        if self._is_abandoned or self.outcome is not None:
            return
        self._parts.append(part)
        self._size += len(part)
        self._wake()
        while self._size > _FULL_BYTES and not self._is_abandoned and self.outcome is None:
            await self._wait()

    def finish(self, outcome: Outcome) -> None:
        """There are no more parts. What was written before is still delivered."""
        if self.outcome is None:
            self.outcome = outcome
            self._wake()

    # --- the caller's side

    def __aiter__(self) -> "StreamedResponse":
        return self

    async def __anext__(self) -> bytes:
        """Everything written since the last time."""
        while not self._parts:
            if self.outcome is not None:
                raise StopAsyncIteration
            await self._wait()
        parts, self._parts = self._parts, []
        self._size = 0
        self._wake()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abandon(self) -> None:
        """The caller has gone."""
        self._is_abandoned = True
        self._parts.clear()
        self._size = 0
        self._wake()

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Sink(Protocol):
    """Where the parts of a response go."""

    async def write(self, part: bytes) -> None: ...


class CollectedResponse:
    """The sink for a caller who wants the response in one piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    async def write(self, part: bytes) -> None:
        self._parts.append(part)

    def payload(self) -> bytes:
        return b"".join(self._parts)


class StreamEnd(msgspec.Struct, frozen=True):
    """How a streamed response ended. `error_type` is None for a complete one; `error_body` what the caller is told."""

    error_type: str | None = None
    error_body: bytes = b""


async def relay(body: RequestStream, sink: Sink, limit: int) -> StreamEnd:
    """Pass the body on until it ends, grows over the limit or is cut off."""
    size = 0
    try:
        while part := await body.read():
            size += len(part)
            if size > limit:
                body.discard()
                fault = faults.response_too_large(limit)
                return StreamEnd(fault.error_type, fault.payload(""))
            await sink.write(part)
    except BodyCutOff:
        fault = faults.response_truncated()
        return StreamEnd(fault.error_type, fault.payload(""))
    return end_of(body.trailers)


def end_of(trailers: dict[str, str]) -> StreamEnd:
    """What the trailers say: a function that fails after its first byte reports it there, the body in Base64."""
    error_type, body = trailers.get(_ERROR_TYPE, ""), trailers.get(_ERROR_BODY, "")
    if not error_type and not body:
        return StreamEnd()
    try:
        error_body = base64.b64decode(body, validate=True)
    except binascii.Error:
        error_body = body.encode("latin-1")
    return StreamEnd(error_type or faults.RUNTIME_UNKNOWN, error_body)
