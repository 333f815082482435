"""One HTTP/1.1 connection of a listener: requests in, answers out in the order of the requests.

An asyncio.Protocol over httptools. A request reaches the handler when it is complete, or with its head where the
server wants to read the body as a stream; the handler answers through the Exchange, at once or later, from anywhere in
the event loop. Must not know what the requests mean.
"""

import asyncio
import select
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from lamplighter.wire.http_exchange import Exchange, ResponseStream, WriteGate
from lamplighter.wire.http_message import (
    METHODS,
    BodyLimit,
    Headers,
    HttpLimits,
    HttpRequest,
    HttpResponse,
    Refusal,
    Refuse,
    WantsStream,
    collect_headers,
    has_body,
    head_refusal,
    render_head,
    split_target,
)
from lamplighter.wire.http_request_stream import RequestStream

_COPY_BYTES = 65_536
_LINGER_SECONDS = 2.0
_OK = 200


class Owner(Protocol):
    """What a connection asks of the server that accepted it."""

    limits: HttpLimits
    refuse: Refuse
    body_limit: BodyLimit
    wants_stream: WantsStream | None
    monotonic: Callable[[], float]
    is_closing: bool

    def admit(self, connection: "HttpConnection") -> bool: ...

    def forget(self, connection: "HttpConnection") -> None: ...

    def handle(self, request: HttpRequest, exchange: Exchange) -> None: ...

    def report(self, error: BaseException) -> None: ...

    def date_line(self) -> str: ...


class HttpConnection(asyncio.Protocol):
    """The protocol of one connection. `deadline` is looked at by the server's coarse timer."""

    # More attributes than CPython 3.11 keeps in line (30): in slots each is read and written at twice the speed.
    __slots__ = ("_arrived", "_body_before", "_body_bytes", "_body_limit", "_buffered_before", "_deadline_status",
                 "_exchange", "_fed", "_gate", "_head_bytes", "_headers", "_is_closing_soon", "_is_dispatching",
                 "_is_held", "_is_in_body", "_is_in_head", "_is_reading", "_is_refused", "_is_skipping", "_is_timed",
                 "_limits", "_method", "_parser", "_parts", "_path", "_peer", "_query", "_raw_headers",
                 "_read_stream", "_server", "_small_bytes", "_stream", "_trailers_from", "_trailing_bytes",
                 "_transport", "_url", "_waiting", "deadline")  # fmt: skip

    def __init__(self, server: Owner) -> None:
        self._server = server
        self._limits = server.limits
        self._small_bytes = min(self._limits.unasked_bytes, self._limits.body_bytes)
        self.deadline: float | None = None
        self._deadline_status = 0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._peer = ""
        self._gate = WriteGate()
        self._exchange: Exchange | None = None
        self._waiting: deque[tuple[HttpRequest, bool] | Refusal] = deque()
        self._is_dispatching = False
        self._is_reading = True
        self._is_held = False
        self._read_stream: RequestStream | None = None  # of the request that is being answered
        self._trailers_from = 0
        self._trailing_bytes = 0
        self._body_before = 0
        self._is_refused = False
        self._is_closing_soon = False
        self._buffered_before = 0
        self._arrived = 0  # with the last read
        self._fed = 0  # since the message began, at most
        self._headers: dict[str, str] = {}
        self.on_message_begin()
        self._is_in_head = False

    # --- the parser's side. This runs for every request of every listener, so the usual case is written out.

    def on_message_begin(self) -> None:
        self._method = self._path = self._query = ""
        self._url: list[bytes] = []
        self._raw_headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._stream: RequestStream | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_limit = 0
        self._is_in_head = True
        self._is_in_body = False
        self._is_timed = False
        self._is_skipping = False
        self._fed = self._arrived

    # --- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._server.is_closing:  # accepted just before the listener closed: nobody would ever close it
            self.abort()
            return
        address = transport.get_extra_info("peername")
        self._peer = address[0] if isinstance(address, tuple) else ""
        self._wait(self._limits.header_seconds, 408)
        if not self._server.admit(self):
            self._refuse(Refusal(503, "Too many connections."))

    def connection_lost(self, exc: Exception | None) -> None:  # asyncio's signature
        self._transport = None
        self.deadline = None
        self._waiting.clear()
        self._server.forget(self)
        self._gate.release()
        if self._stream is not None:
            self._stream.cut_off()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.hang_up()

    def pause_writing(self) -> None:
        self._gate.shut()
        self._buffered_before = self._buffered()
        self._wait(self._limits.write_stall_seconds, 0)

    def resume_writing(self) -> None:
        self._gate.release()
        self._wait(None, 0)

    def _buffered(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        was_in_head = self._is_in_head
        self._arrived = len(data)
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._is_closing_soon = True
        except httptools.HttpParserError as error:
            self._refuse_parse(error)
            return
        if self._stream is not None:
            self._limit_trailers(len(data))
        elif self._is_in_head:
            self._head_bytes += len(data) if was_in_head else 0
            if self._is_head_too_large():
                self._refuse(Refusal(431, "Request header fields are too large."))
            elif not self._is_timed:
                self._is_timed = True  # once: whoever sends a head byte by byte does not gain time
                if self._exchange is None:
                    self._wait(self._limits.header_seconds, 408)
        elif self._is_in_body and self._exchange is None:
            self._wait(self._limits.body_stall_seconds, 408)

    def _limit_trailers(self, arrived: int) -> None:
        """What follows the last part of a streamed body is held to the limit of a head."""
        self._trailing_bytes = self._trailing_bytes + arrived if self._body_bytes == self._body_before else 0
        self._body_before = self._body_bytes
        if self._trailing_bytes > self._limits.header_bytes:
            self.abort()

    def eof_received(self) -> bool:
        return False

    def on_url(self, part: bytes) -> None:
        self._url.append(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._is_in_body = True
        if self._is_refused:
            return
        self._method = METHODS[self._parser.get_method()]
        target = b"".join(self._url).decode("latin-1")
        if target[:1] == "/":
            self._path, _, self._query = target.partition("?")
        else:
            self._path, self._query = split_target(target)
        raw = self._raw_headers
        self._headers = headers = collect_headers(raw)
        limits = self._limits
        is_usual = self._fed <= limits.header_bytes and len(raw) <= limits.header_count
        if not (is_usual and self._path[:1] == "/" and "host" in headers):
            refusal = self._head_refusal()
            if refusal is not None:
                self._refuse(refusal)
                return
        length = headers.get("content-length")
        if length is not None and length.isdigit() and int(length) <= self._small_bytes and "expect" not in headers:
            self._body_limit = self._small_bytes  # below any limit: not worth asking
        elif length is not None or "transfer-encoding" in headers:
            self._expect_body()

    def _head_refusal(self) -> Refusal | None:
        if self._fed > self._limits.header_bytes:  # so much with the body; how much is the head alone?
            self._head_bytes = sum([len(name) + len(value) for name, value in self._raw_headers]) + len(self._path)
        if self._is_head_too_large():
            return Refusal(431, "Request header fields are too large.", self._method, self._path)
        return head_refusal(self._method, self._path, self._headers, self._parser.get_http_version())

    def _is_head_too_large(self) -> bool:
        return self._head_bytes > self._limits.header_bytes or len(self._raw_headers) > self._limits.header_count

    def _expect_body(self) -> None:
        length = self._headers.get("content-length", "")
        small = self._small_bytes
        is_streamed = False
        if length.isdigit() and int(length) <= small:  # below any limit: not worth asking
            self._body_limit = small
        else:
            wants = self._server.wants_stream
            is_streamed = wants is not None and wants(self._method, self._path, self._headers)
            self._body_limit = self._server.body_limit(self._method, self._path)
        expects_continue = self._headers.get("expect", "").lower() == "100-continue"
        if is_streamed:
            self._begin_reading(expects_continue=expects_continue)
        elif length.isdigit() and int(length) > self._body_limit:
            if expects_continue:  # the client may never send the body, so the connection cannot be read on
                self._refuse(self._too_large())
            else:
                self._skip_body()
        elif expects_continue and self._is_quiet():
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _begin_reading(self, *, expects_continue: bool) -> None:
        """Hand the request out now; its body follows through a stream."""
        if expects_continue and self._is_quiet():
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._stream = stream = RequestStream(self, self._limits.drained_bytes)
        self._trailers_from = len(self._raw_headers)
        self._trailing_bytes = self._body_before = 0
        self._offer(HttpRequest(self._method, self._path, self._query, self._headers, b"", self._peer, stream))

    def hold_reading(self) -> None:
        """A stream is full (request_stream.Flow)."""
        self._is_held = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._is_held = False
        if self._is_reading and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _is_quiet(self) -> bool:
        return self._exchange is None and not self._waiting

    def on_body(self, part: bytes) -> None:
        if self._is_refused:
            return
        self._body_bytes += len(part)
        if self._stream is not None:
            self._stream.feed(part)
        elif self._is_skipping:
            if self._body_bytes > self._limits.drained_bytes:
                self.abort()
        elif self._body_bytes > self._body_limit:
            self._skip_body()
        else:
            self._parts.append(part)

    def _skip_body(self) -> None:
        """Refuse a body that is too large, yet read it to its end, or the client would see a reset, not the answer."""
        self._is_skipping = True
        self._parts.clear()
        self._enqueue(self._too_large())

    def _too_large(self) -> Refusal:
        return Refusal(413, "The request body is too large.", self._method, self._path, self._body_limit)

    def _end_skipping(self) -> None:
        """The body that was refused has ended: go on, or close if that was the client's last request."""
        self._is_skipping = False
        if not self._parser.should_keep_alive():
            self._is_closing_soon = True
            if self._is_quiet() and self._transport is not None:
                self._transport.close()
        elif self._exchange is None:
            self._wait(self._limits.idle_seconds, 0)

    def on_message_complete(self) -> None:
        self._is_in_body = False
        if self._is_refused:
            return
        if self._is_skipping:
            self._end_skipping()
            return
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.end(collect_headers(self._raw_headers[self._trailers_from :]))
            return
        body = b"".join(self._parts)  # one part comes back as it is
        self._offer(HttpRequest(self._method, self._path, self._query, self._headers, body, self._peer))

    def _offer(self, request: HttpRequest) -> None:
        is_last = not self._parser.should_keep_alive()
        if self._exchange is None and not self._waiting and not self._is_dispatching:
            self._is_dispatching = True
            self.deadline = None
            self._read_stream = request.stream
            self._exchange = exchange = Exchange(self, request.method, is_last=is_last or self._is_closing_soon)
            self._server.handle(request, exchange)
            self._is_dispatching = False
            if self._waiting:
                self._dispatch()
        else:
            self._enqueue((request, is_last))

    # --- requests to the handler, one at a time

    def _enqueue(self, item: tuple[HttpRequest, bool] | Refusal) -> None:
        self._waiting.append(item)
        self._dispatch()
        transport = self._transport
        if len(self._waiting) >= self._limits.pipelined_requests and self._is_reading and transport is not None:
            self._is_reading = False
            transport.pause_reading()

    def _dispatch(self) -> None:
        """Hand out waiting requests until one stays unanswered. A loop, so that a long pipeline cannot recurse."""
        if self._is_dispatching:
            return
        self._is_dispatching = True
        while self._waiting and self._exchange is None and self._transport is not None:
            item = self._waiting.popleft()
            if isinstance(item, Refusal):
                self._answer_refusal(item)
            else:
                self._handle(item[0], is_last=item[1])
        self._is_dispatching = False
        if not self._is_reading and not self._waiting:
            self._is_reading = True
            if not self._is_held:
                self.resume_reading()

    def _handle(self, request: HttpRequest, *, is_last: bool) -> None:
        self.deadline = None
        self._read_stream = request.stream
        self._exchange = exchange = Exchange(self, request.method, is_last=is_last or self._is_closing_soon)
        self._server.handle(request, exchange)

    # --- answers

    def write_answer(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> bool:
        """Write a complete answer in one go and move on to the next request."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        is_last = exchange.is_last or self._server.is_closing
        tail = "Connection: close\r\n\r\n" if is_last else "\r\n"
        head = render_head(status, headers, f"{self._server.date_line()}Content-Length: {len(body)}\r\n{tail}")
        if not body or (status != _OK and not has_body(exchange.method, status)) or exchange.method == "HEAD":
            transport.write(head)
        elif len(body) <= _COPY_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        self.finish(exchange)
        return True

    def begin_stream(self, exchange: Exchange, status: int, headers: Headers) -> ResponseStream:
        """Write the head of a chunked answer (ended by closing, for HTTP/1.0) and return its stream."""
        is_chunked = self._parser.get_http_version() != "1.0"
        exchange.is_last = exchange.is_last or not is_chunked or self._server.is_closing
        framing = "Transfer-Encoding: chunked\r\n" if is_chunked else ""
        tail = "Connection: close\r\n\r\n" if exchange.is_last else "\r\n"
        self._write(render_head(status, headers, f"{self._server.date_line()}{framing}{tail}"))
        has_content = has_body(exchange.method, status)
        return ResponseStream(self, exchange, self._gate, is_chunked=is_chunked, has_content=has_content)

    def write_part(self, data: bytes) -> None:
        """Part of a streamed answer."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def finish(self, exchange: Exchange) -> None:
        """The answer is complete: close, or go on with the next request."""
        if self._exchange is not exchange:
            return
        self._exchange = None
        exchange.on_hang_up = None
        if self._read_stream is not None:
            self._read_stream.discard()
        if self._transport is None:
            return
        if exchange.is_last or (self._server.is_closing and not self._waiting):
            self._transport.close()
            return
        if not self._waiting and not self._is_in_head:
            idle_seconds = self._limits.idle_seconds
            self.deadline = None if idle_seconds is None else self._server.monotonic() + idle_seconds
            self._deadline_status = 0
        if self._waiting or not self._is_reading:
            self._dispatch()

    def is_closed_by_peer(self) -> bool:
        """Asked of the kernel: the event loop may not have looked yet."""
        if self._transport is None or self._transport.is_closing():
            return True
        state = select.poll()
        state.register(self._transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
        return bool(state.poll(0))

    def abort(self) -> None:
        """Drop the connection without flushing."""
        if self._transport is not None:
            self._transport.abort()

    # --- refusals

    def _refuse_parse(self, error: httptools.HttpParserError) -> None:
        if isinstance(error, httptools.HttpParserCallbackError) and error.__context__ is not None:
            self._server.report(error.__context__)
            self._refuse(Refusal(500, "The request could not be handled.", self._method, self._path))
            return
        self._refuse(Refusal(400, f"Malformed HTTP request: {error}.", self._method, self._path))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be read on from, in its turn, then close."""
        if self._is_refused:
            return
        self._is_refused = True
        self._is_closing_soon = True
        self._enqueue(refusal)

    def _answer_refusal(self, refusal: Refusal) -> None:
        response: HttpResponse = self._server.refuse(refusal)
        is_last = self._is_closing_soon and not self._is_refused
        self._exchange = exchange = Exchange(self, refusal.method, is_last=is_last)
        if not self._is_refused:
            exchange.send(response.status, response.headers, response.body)
            return
        headers = (*response.headers, ("Connection", "close"))
        exchange.send(response.status, headers, response.body)
        self._linger()

    def _linger(self) -> None:
        """Half-close and read on for a moment: closing over unread bytes would reset the answer away."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.can_write_eof():
            transport.write_eof()
        self.deadline = None
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, transport.close)

    # --- time

    def _wait(self, seconds: float | None, status: int) -> None:
        self.deadline = None if seconds is None else self._server.monotonic() + seconds
        self._deadline_status = status

    def expire(self, now: float) -> None:
        """Called by the coarse timer when `deadline` has passed."""
        if self._gate.is_shut and self._buffered() < self._buffered_before:
            self._buffered_before = self._buffered()
            self._wait(self._limits.write_stall_seconds, 0)
        elif self._deadline_status and (self._url or self._raw_headers or self._body_bytes) and not self._gate.is_shut:
            self._refuse(Refusal(self._deadline_status, f"The request was not complete in time ({now:.0f})."))
        else:
            self.abort()

    def close_if_idle(self) -> None:
        """Close between requests; a connection with a request in flight closes after its answer."""
        if self._exchange is None and not self._waiting and self._transport is not None:
            self._transport.close()
