"""The body of one request, handed to its handler while it arrives instead of when it is complete.

The connection feeds it; a reader that is slower than the client makes the connection stop reading. Must not know who
reads, nor what the bytes mean.
"""

import asyncio
from typing import Protocol

_FULL_BYTES = 262_144
_LOW_BYTES = 65_536


class BodyCutOff(Exception):
    """The client hung up before the body was complete."""


class Flow(Protocol):
    """What a stream asks of its connection."""

    def hold_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...


class RequestStream:
    """`await read()` until it returns nothing; `trailers` are known then."""

    __slots__ = ("_drained_bytes", "_flow", "_is_cut_off", "_is_discarded", "_is_ended", "_is_held", "_parts", "_size",
                 "_waiter", "trailers")  # fmt: skip

    def __init__(self, flow: Flow, drained_bytes: int) -> None:
        self._flow = flow
        self._drained_bytes = drained_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._is_held = False
        self._is_discarded = False
        self._is_ended = False
        self._is_cut_off = False
        self.trailers: dict[str, str] = {}

    # --- the reader's side

    async def read(self) -> bytes:
        """Everything that has arrived since, at least one byte; nothing at the end. Raises BodyCutOff."""
        while not self._parts:
            if self._is_ended:
                return b""
            if self._is_cut_off:
                raise BodyCutOff
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        parts, self._parts = self._parts, []
        self._size = 0
        self._let_go()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def discard(self) -> None:
        """Nobody reads any more: what still comes is dropped, so that the connection can be used again."""
        self._is_discarded = True
        self._parts.clear()
        self._size = 0
        self._let_go()

    def _let_go(self) -> None:
        if self._is_held and self._size <= _LOW_BYTES:
            self._is_held = False
            self._flow.resume_reading()

    # --- the connection's side

    def feed(self, part: bytes) -> None:
        self._size += len(part)
        if self._is_discarded:
            if self._size > self._drained_bytes:
                self._flow.abort()
            return
        self._parts.append(part)
        if self._size > _FULL_BYTES and not self._is_held:
            self._is_held = True
            self._flow.hold_reading()
        self._wake()

    def end(self, trailers: dict[str, str]) -> None:
        self._is_ended = True
        self.trailers = trailers
        self._wake()

    def cut_off(self) -> None:
        self._is_cut_off = True
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
