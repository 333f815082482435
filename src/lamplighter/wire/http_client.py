"""HTTP/1.1 calls over kept connections: a pool for each origin, one request at a time on a connection.

A kept connection that the server closed meanwhile is replaced once, unseen. Must not know what is called, nor retry.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec

from lamplighter.wire.http_message import Headers, HttpResponse, collect_headers, render_request_head


class CallFailed(Exception):
    """No complete answer came; says why. Whether the request had an effect is unknown."""


class ClientLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`connections` to one origin at once; further calls wait for one. Times in seconds."""

    connections: int = 32
    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    idle_seconds: float = 20.0
    body_bytes: int = 64 * 1024 * 1024


class Origin(msgspec.Struct, frozen=True):
    """Where connections go to."""

    host: str
    port: int
    is_tls: bool

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of a URL. Raises ValueError when it has none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a URL of http or https: {url}")
        is_tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if is_tls else 80), is_tls)

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


class HttpClient:
    """`call` from any coroutine of one event loop; `close` drops every connection."""

    def __init__(self, limits: ClientLimits | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits or ClientLimits()
        self._tls = tls
        self._origins: dict[Origin, _Pool] = {}

    async def call(self, origin: Origin, method: str, target: str, headers: Headers, body: bytes = b"") -> HttpResponse:
        """The complete answer, whatever its status; header names are lower-case. Raises CallFailed.

        `headers` must hold Host; Content-Length is added.
        """
        pool = self._origins.get(origin)
        if pool is None:
            pool = self._origins[origin] = _Pool(origin, self._limits, self._tls_for(origin))
        request = render_request_head(method, target, headers, len(body)) + body
        try:
            async with asyncio.timeout(self._limits.total_seconds):
                return await pool.call(request, method)
        except TimeoutError as error:
            raise CallFailed(f"{origin.host}:{origin.port} did not answer in time") from error
        except OSError as error:
            raise CallFailed(f"{origin.host}:{origin.port}: {error.strerror or error}") from error

    def _tls_for(self, origin: Origin) -> ssl.SSLContext | None:
        if not origin.is_tls:
            return None
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def close(self) -> None:
        for pool in self._origins.values():
            pool.close()
        self._origins.clear()


class _Pool:
    """The connections to one origin; the one used last is used first."""

    def __init__(self, origin: Origin, limits: ClientLimits, tls: ssl.SSLContext | None) -> None:
        self._origin = origin
        self._limits = limits
        self._tls = tls
        self._idle: deque[_Connection] = deque()
        self._free = asyncio.Semaphore(limits.connections)

    async def call(self, request: bytes, method: str) -> HttpResponse:
        async with self._free:
            kept = self._take_idle()
            if kept is not None:
                try:
                    return await self._use(kept, request, method)
                except _Stale:
                    pass
            fresh = await self._connect()
            try:
                return await self._use(fresh, request, method)
            except _Stale as error:
                raise CallFailed(f"{self._origin.host}:{self._origin.port} closed the connection unasked") from error

    async def _use(self, connection: "_Connection", request: bytes, method: str) -> HttpResponse:
        try:
            response = await connection.exchange(request, method)
        except BaseException:
            connection.abort()
            raise
        if connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return response

    def _take_idle(self) -> "_Connection | None":
        oldest = asyncio.get_running_loop().time() - self._limits.idle_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        body_bytes = self._limits.body_bytes
        async with asyncio.timeout(self._limits.connect_seconds):
            _, connection = await loop.create_connection(
                lambda: _Connection(loop.time, body_bytes), self._origin.host, self._origin.port, ssl=self._tls
            )
        return connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()


class _Stale(Exception):
    """The connection ended before the first byte of an answer: the server had given it up."""


class _Connection(asyncio.Protocol):
    """One connection and the exchange on it."""

    def __init__(self, monotonic: Callable[[], float], body_bytes: int) -> None:
        self._monotonic = monotonic
        self._body_bytes = body_bytes
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[HttpResponse] | None = None
        self.is_reusable = True
        self.idle_since = 0.0

    async def exchange(self, request: bytes, method: str) -> HttpResponse:
        if self._transport is None:
            raise _Stale
        self._answer = asyncio.get_running_loop().create_future()
        self._is_head = method == "HEAD"
        self._has_answer = False
        self._is_last = False
        self._raw_headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None
            self.idle_since = self._monotonic()

    def abort(self) -> None:
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    # --- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # asyncio's signature
        self._transport = None
        self.is_reusable = False
        if self._answer is None or self._answer.done():
            return
        if self._has_answer and self._is_last:
            self.on_message_complete()  # a body without a length ends with its connection
        else:
            self._fail(CallFailed("the answer broke off") if self._has_answer else _Stale())

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nobody asked
            return
        self._has_answer = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(CallFailed(f"the answer is not HTTP: {error}"))

    # --- the parser's side

    def on_header(self, name: bytes, value: bytes) -> None:
        self._raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        headers = collect_headers(self._raw_headers)
        self._is_last = "content-length" not in headers and "transfer-encoding" not in headers
        if self._is_head:
            self.is_reusable = False  # the parser would wait for the body that a HEAD does not have
            self.on_message_complete()

    def on_body(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._body_bytes:
            self._fail(CallFailed(f"the answer is larger than {self._body_bytes} bytes"))
        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._answer is None or self._answer.done():
            return
        self.is_reusable = self.is_reusable and self._parser.should_keep_alive()
        headers = tuple(collect_headers(self._raw_headers).items())
        self._answer.set_result(HttpResponse(self._parser.get_status_code(), headers, b"".join(self._parts)))

    def _fail(self, error: Exception) -> None:
        self.is_reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
