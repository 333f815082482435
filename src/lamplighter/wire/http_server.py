"""HTTP/1.1 listeners: accept connections, hold them to their limits, hand complete requests to one handler.

The handler is a plain function `handler(request, exchange)`: it answers with `exchange.send(...)` at once, or keeps
the exchange and answers later. `AsyncHandler` adapts a coroutine function. Must not know what the requests mean.
"""

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable

from lamplighter.kernel.clock import Clock, SystemClock
from lamplighter.wire.http_connection import HttpConnection
from lamplighter.wire.http_exchange import ClientGone, Exchange, ResponseStream
from lamplighter.wire.http_message import (
    BodyLimit,
    DateLine,
    HttpLimits,
    HttpRequest,
    HttpResponse,
    Refusal,
    Refuse,
    WantsStream,
    plain_refusal,
)

__all__ = [
    "AsyncHandler",
    "ClientGone",
    "Exchange",
    "Handler",
    "HttpLimits",
    "HttpRequest",
    "HttpResponse",
    "HttpServer",
    "Refusal",
    "ResponseStream",
]

Handler = Callable[[HttpRequest, Exchange], None]

_log = logging.getLogger(__name__)
_SWEEP_SECONDS = 1.0
_BACKLOG = 4096


class HttpServer:
    """One handler behind one or more listening sockets; `limits` hold for all of their connections together."""

    def __init__(
        self,
        handler: Handler,
        *,
        limits: HttpLimits | None = None,
        refuse: Refuse = plain_refusal,
        body_limit: BodyLimit | None = None,
        wants_stream: WantsStream | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._handler = handler
        self.limits = limits or HttpLimits()
        self.refuse = refuse
        self.body_limit: BodyLimit = body_limit or (lambda _method, _path: self.limits.body_bytes)
        self.wants_stream = wants_stream
        self._clock = clock or SystemClock()
        self.monotonic = self._clock.monotonic
        self.is_closing = False
        self.date_line = DateLine(self._clock.now).text
        self._connections: set[HttpConnection] = set()
        self._listeners: list[asyncio.Server] = []
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None

    # --- listening

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listen on host:port and return the port (chosen by the kernel for 0)."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._connect, host, port, backlog=_BACKLOG, ssl=tls, reuse_address=True)
        self._listeners.append(listener)
        chosen: int = listener.sockets[0].getsockname()[1]
        return chosen

    async def listen_on(self, listening: socket.socket) -> None:
        """Accept from a socket that listens already, such as one made in another network namespace."""
        loop = asyncio.get_running_loop()
        self._listeners.append(await loop.create_server(self._connect, sock=listening))

    def _connect(self) -> HttpConnection:
        return HttpConnection(self)

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Stop accepting, let requests in flight finish for `drain_seconds`, then drop what is left."""
        self.is_closing = True
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.close_if_idle()
        if self._connections and drain_seconds > 0:
            self._drained = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._drained], timeout=drain_seconds)
        for connection in tuple(self._connections):
            connection.abort()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None

    # --- what a connection asks of its server

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def admit(self, connection: HttpConnection) -> bool:
        """Take a new connection in; False when it is one too many and should only be told so."""
        self._connections.add(connection)
        if self._sweep_timer is None and self.limits.header_seconds is not None:
            self._schedule_sweep()
        return len(self._connections) <= self.limits.connections

    def forget(self, connection: HttpConnection) -> None:
        self._connections.discard(connection)
        if self._drained is not None and not self._connections and not self._drained.done():
            self._drained.set_result(None)

    def handle(self, request: HttpRequest, exchange: Exchange) -> None:
        """The loop boundary around a handler: an unexpected exception is logged and answered with 500."""
        try:
            self._handler(request, exchange)
        except Exception as error:  # noqa: BLE001  # loop boundary: one bad request must not end the connection's parser
            self.report(error)
            if not exchange.is_answered:
                response = self.refuse(Refusal(500, "Internal error.", request.method, request.path))
                exchange.send(response.status, response.headers, response.body)

    def report(self, error: BaseException) -> None:
        _log.error("a request could not be handled", exc_info=error)

    # --- one coarse timer for all connections

    def _schedule_sweep(self) -> None:
        self._sweep_timer = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = self.monotonic()
        for connection in tuple(self._connections):
            if connection.deadline is not None and connection.deadline < now:
                connection.expire(now)
        if self._connections:
            self._schedule_sweep()
        else:
            self._sweep_timer = None


class AsyncHandler:
    """Adapts `async handle(request) -> HttpResponse` to a Handler: one asyncio task for each request, kept here.

    The task is cancelled when the client hangs up, unless `keeps_running`.
    """

    def __init__(
        self, handle: Callable[[HttpRequest], Awaitable[HttpResponse]], *, keeps_running: bool = False
    ) -> None:
        self._handle = handle
        self._keeps_running = keeps_running
        self._running: set[asyncio.Task[None]] = set()

    def __call__(self, request: HttpRequest, exchange: Exchange) -> None:
        running = asyncio.get_running_loop().create_task(self._run(request, exchange))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        if not self._keeps_running:
            exchange.on_hang_up = running.cancel

    async def _run(self, request: HttpRequest, exchange: Exchange) -> None:
        try:
            response = await self._handle(request)
        except Exception:  # noqa: BLE001  # loop boundary: nobody awaits this, so log here and answer
            _log.exception("a request could not be handled")
            exchange.send(500, (("Content-Type", "text/plain"),), b"Internal error.")
            return
        exchange.send(response.status, response.headers, response.body)


def connections_allowed(reserved: int = 512, ceiling: int = 10_000) -> int:
    """How many connections fit in the open-file limit, which is raised to what the machine allows.

    Descriptors for sandboxes, storage and logs stay reserved, so that a flood of clients ends in 503, not in EMFILE.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    spare = soft - reserved if soft > 2 * reserved else soft // 2
    return max(16, min(ceiling, spare))
