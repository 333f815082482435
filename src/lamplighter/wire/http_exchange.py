"""One request's answer: the exchange a handler answers through, and the stream of an answer of unknown length.

Answers go to an AnswerWriter (the connection). Must not know how requests are read, nor what the bytes mean.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from lamplighter.wire.http_message import Headers

HangUp = Callable[[], object]


class ClientGone(Exception):
    """The client hung up before the answer was complete."""


class WriteGate:
    """Open while the transport takes more bytes; whoever waits goes on when it opens or the connection ends."""

    __slots__ = ("_waiters", "is_shut")

    def __init__(self) -> None:
        self.is_shut = False
        self._waiters: list[asyncio.Future[None]] = []

    def shut(self) -> None:
        self.is_shut = True

    def release(self) -> None:
        self.is_shut = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_open(self) -> None:
        while self.is_shut:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter


class AnswerWriter(Protocol):
    """What an exchange asks of its connection."""

    def write_answer(self, exchange: "Exchange", status: int, headers: Headers, body: bytes) -> bool: ...

    def begin_stream(self, exchange: "Exchange", status: int, headers: Headers) -> "ResponseStream": ...

    def write_part(self, data: bytes) -> None: ...

    def finish(self, exchange: "Exchange") -> None: ...

    def is_closed_by_peer(self) -> bool: ...

    def abort(self) -> None: ...


class Exchange:
    """One request waiting for its answer. Answering twice is a mistake; answering a client that hung up is harmless.

    `on_hang_up` is called once if the client goes away before the answer is complete.
    """

    __slots__ = ("_connection", "_is_answered", "is_last", "method", "on_hang_up")

    def __init__(self, connection: "AnswerWriter", method: str, *, is_last: bool) -> None:
        self._connection: AnswerWriter | None = connection
        self._is_answered = False
        self.method = method
        self.is_last = is_last
        self.on_hang_up: HangUp | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the client hung up."""
        return self._connection is None

    def is_closed_by_peer(self) -> bool:
        """Like `is_gone`, but asked of the kernel: the event loop may not have looked yet."""
        return self._connection is None or self._connection.is_closed_by_peer()

    @property
    def is_answered(self) -> bool:
        """Whether an answer was begun."""
        return self._is_answered

    def send(self, status: int, headers: Headers = (), body: bytes = b"") -> bool:
        """Answer with one write. False when the client is gone."""
        if self._is_answered:
            raise RuntimeError("a request was answered twice")
        self._is_answered = True
        connection = self._connection
        return connection is not None and connection.write_answer(self, status, headers, body)

    def stream(self, status: int, headers: Headers = ()) -> "ResponseStream":
        """Begin an answer of unknown length. The stream must be ended or aborted."""
        if self._is_answered:
            raise RuntimeError("a request was answered twice")
        self._is_answered = True
        if self._connection is None:
            return ResponseStream(None, self)
        return self._connection.begin_stream(self, status, headers)

    def hang_up(self) -> None:
        """The connection is gone: forget it and tell the handler."""
        self._connection = None
        on_hang_up, self.on_hang_up = self.on_hang_up, None
        if on_hang_up is not None:
            on_hang_up()


class ResponseStream:
    """Chunked body of one answer. `write` never blocks; `await drain()` between writes keeps memory flat."""

    __slots__ = ("_connection", "_exchange", "_gate", "_has_content", "_is_chunked", "_is_ended")

    def __init__(
        self,
        connection: "AnswerWriter | None",
        exchange: Exchange,
        gate: WriteGate | None = None,
        *,
        is_chunked: bool = True,
        has_content: bool = True,
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._gate = gate
        self._is_chunked = is_chunked
        self._has_content = has_content
        self._is_ended = False

    @property
    def is_gone(self) -> bool:
        return self._connection is None or self._exchange.is_gone

    def write(self, data: bytes) -> None:
        """Send a part; an empty one is left out, because it would end a chunked body."""
        if not data or self._connection is None or self._exchange.is_gone or not self._has_content:
            return
        if self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._connection.write_part(data)

    async def drain(self) -> None:
        """Return when the client has taken enough. Raises ClientGone."""
        if self._gate is not None and self._gate.is_shut:
            await self._gate.wait_open()
        if self.is_gone:
            raise ClientGone

    def end(self) -> None:
        """The body is complete. Idempotent."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._connection is None or self._exchange.is_gone:
            return
        if self._is_chunked and self._has_content:
            self._connection.write_part(b"0\r\n\r\n")
        self._connection.finish(self._exchange)

    def abort(self) -> None:
        """The body cannot be completed: drop the connection, so that the client notices."""
        self._is_ended = True
        if self._connection is not None and not self._exchange.is_gone:
            self._connection.abort()
