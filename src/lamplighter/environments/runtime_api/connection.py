"""One connection of a runtime, with a short way for the calls that it makes for every invoke.

A runtime client sends the same bytes over and over: the same poll, and response heads that differ by request id and
length only. What the general HTTP connection has parsed once is recognised by comparison afterwards, which saves half
of the server's work for a warm invoke; whatever looks different in the least goes the general way. Must not know pools.
"""

import asyncio
import os
from typing import cast

from lamplighter.environments.machine import State
from lamplighter.environments.runtime_api.answers import ACCEPTED
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.wire.http_connection import HttpConnection, Owner
from lamplighter.wire.http_exchange import Exchange
from lamplighter.wire.http_message import STATUS_LINES, Headers

_INVOCATION = b"POST /2018-06-01/runtime/invocation/"
_NEXT_PATH = "/2018-06-01/runtime/invocation/next"
_POLL = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
_RESPONSE = b"/response HTTP/1.1\r\n"
_LENGTH = b"\r\ncontent-length:"
_END = b"\r\n\r\n"
# Heads with these are rare and mean something: they are never recognised.
_SPECIAL = (b"\r\ntransfer-encoding:", b"\r\nexpect:", b"\r\nconnection:", b"\r\nlambda-runtime-function-")
_LONGEST_HEAD = 4096
_HELD_BYTES = 1024 * 1024
_COPY_BYTES = 65_536


class Hold:
    """How many connections one environment may open, and how many bytes of unfinished requests they may leave here.

    A hostile function could otherwise begin a large response on each of its connections and finish none.
    """

    __slots__ = ("_connections", "_free")

    def __init__(self, most_bytes: int, most_connections: int) -> None:
        self._free = most_bytes
        self._connections = most_connections

    def admit(self) -> bool:
        if self._connections == 0:
            return False
        self._connections -= 1
        return True

    def leave(self) -> None:
        self._connections += 1

    def take(self, size: int) -> bool:
        """Whether there was room."""
        self._free -= size
        return self._free >= 0

    def give_back(self, size: int) -> None:
        self._free += size


class RuntimeConnection(HttpConnection):
    """A connection that is itself the exchange of a poll that came the short way."""

    # More attributes than CPython 3.11 keeps in line (30): in slots each is read and written at twice the speed.
    __slots__ = ("_content_type", "_descriptor", "_environment", "_has_unread_event", "_held", "_hold_of_all",
                 "_is_admitted", "_is_parked", "_known_poll", "_known_response", "_missing", "_pieces",
                 "_taken")  # fmt: skip

    def __init__(self, server: Owner, peer: Peer, hold: Hold) -> None:
        super().__init__(server)
        self._hold_of_all = hold
        self._is_admitted = False
        self._taken = 0  # bytes of it that this connection keeps
        self._environment = peer
        self._descriptor = -1
        self._is_parked = False
        self._has_unread_event = False  # nothing has come since an event was given to this connection
        self._held = b""
        self._known_poll = b""
        # A known response head without its request id and without its length: (before the length, behind it).
        self._known_response: tuple[bytes, bytes] | None = None
        self._content_type = "application/json"
        self._missing = 0
        self._pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._is_admitted = self._hold_of_all.admit()
        if self._is_admitted:
            super().connection_made(transport)
            connected = transport.get_extra_info("socket")
            self._descriptor = -1 if connected is None else connected.fileno()
        else:  # to tell it so politely would keep a descriptor of the server's for a while
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._descriptor = -1
        # The kernel resets a connection that is closed over unread bytes, and only then.
        if self._has_unread_event and isinstance(exc, ConnectionResetError):
            self._environment.event_was_not_read()
        self._drop()
        self._let_go()
        if self._is_admitted:
            self._hold_of_all.leave()
        super().connection_lost(exc)

    def _take(self, size: int) -> bool:
        """Count bytes that have to be kept for a while; ends the connection when there is no room for them."""
        self._taken += size
        if self._hold_of_all.take(size):
            return True
        self._drop()
        self.abort()
        return False

    def _drop(self) -> None:
        """Free what is kept now; connection and parser refer to one another, so it would wait for the collector."""
        for kept in (self._parts, self._pieces, self._raw_headers, self._url):
            kept.clear()
        self._waiting.clear()
        self._held = b""

    def _let_go(self) -> None:
        if self._taken:
            self._hold_of_all.give_back(self._taken)
            self._taken = 0

    def _receive(self, data: bytes) -> None:
        """The general way, which keeps what is not a whole request yet."""
        if not self._take(len(data)):
            return
        super().data_received(data)
        is_kept = self._is_in_head or self._is_in_body or self._waiting
        if not is_kept or self._stream is not None or self._is_skipping:
            self._let_go()

    def data_received(self, data: bytes) -> None:
        self._has_unread_event = False
        if self._is_parked:
            self._hold(data)
        elif self._missing:
            self._take_body(data)
        elif (
            self._exchange is not None or self._is_in_head or self._is_in_body or self._waiting or self._is_closing_soon
        ):
            self._receive(data)
        elif data == self._known_poll and self._environment.state is State.RESPONDED:
            self._is_parked = True
            self._environment.runtime_polled(self)
        elif self._known_response is None or not self._take_response(data, *self._known_response):
            self._receive(data)
            self._learn(data)

    # --- learning, from what the general way has just taken

    def _learn(self, data: bytes) -> None:
        end = data.find(_END) + len(_END)
        if end < len(_END) or end > _LONGEST_HEAD:
            return
        head = data[:end]
        lowered = head.lower()
        if any(name in lowered for name in _SPECIAL):
            return
        if head.startswith(_POLL) and head == data and _LENGTH not in lowered:
            self._known_poll = data
        elif head.startswith(_INVOCATION) and lowered.count(_LENGTH) == 1:
            start = head.find(_RESPONSE)
            length = lowered.find(_LENGTH) + len(_LENGTH)
            length += len(head[length:]) - len(head[length:].lstrip(b" "))
            if start > 0:
                self._known_response = head[start:length], head[head.find(b"\r\n", length) :]
                self._content_type = self._headers.get("content-type", "application/json")

    # --- the short way of a response

    def _take_response(self, data: bytes, before: bytes, behind: bytes) -> bool:
        """Whether `data` begins with a known head for the invoke in progress."""
        environment = self._environment
        start = b"%b%b%b" % (_INVOCATION, environment.request_id.encode(), before)
        if environment.state is not State.INVOKING or not data.startswith(start):
            return False
        digits_end = data.find(b"\r\n", len(start))
        digits = data[len(start) : digits_end]
        if not digits.isdigit() or len(digits) > 9 or not data.startswith(behind, digits_end):  # noqa: PLR2004  # < 1 GB
            return False
        length = int(digits)
        if length > environment.response_limit:
            return False
        self._missing = length
        head_end = digits_end + len(behind)
        if len(data) > head_end or not length:
            self._take_body(data[head_end:])
        return True

    def _take_body(self, data: bytes) -> None:
        surplus = data[self._missing :] if len(data) > self._missing else b""
        piece = data[: self._missing] if surplus else data
        self._missing -= len(piece)
        if self._missing or self._pieces:
            self._pieces.append(piece)
        if self._missing:
            self._take(len(piece))
            return
        if self._taken:
            self._let_go()
        pieces, self._pieces = self._pieces, []
        if self._environment.state is State.INVOKING:
            if self._transport is not None and not self._transport.is_closing():
                self._write_now(self._transport, ACCEPTED)
            self._environment.runtime_responded(b"".join(pieces) if pieces else piece, self._content_type)
        else:
            # The invoke ended under it (its time was up): the sandbox is on its way out, and so is this connection.
            self.abort()
        if surplus:
            self.data_received(surplus)

    def write_answer(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> bool:
        self._has_unread_event = status == 200 and self._path == _NEXT_PATH  # noqa: PLR2004  # an event
        return super().write_answer(exchange, status, headers, body)

    # --- the short way of a poll: this connection is the exchange

    @property
    def is_gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def send(self, status: int, headers: Headers = (), body: bytes = b"") -> bool:
        """Answer the poll, then go on with what came meanwhile."""
        transport = self._transport
        if not self._is_parked or transport is None or transport.is_closing():
            return False
        self._is_parked = False
        self._has_unread_event = True
        fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if fields.count("\n") != len(headers):
            fields = "".join([f"{name}: {_one_line(value)}\r\n" for name, value in headers])
        head = f"{STATUS_LINES[status]}{fields}Content-Length: {len(body)}\r\n\r\n".encode("latin-1", "replace")
        if len(body) <= _COPY_BYTES:
            self._write_now(transport, head + body)
        else:
            transport.writelines((head, body))
        if self._held:
            held, self._held = self._held, b""
            self._let_go()
            self.data_received(held)
        return True

    def _write_now(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write past the transport if nothing waits in it: uvloop would write when it has dealt with all that has come,
        and until then the runtime would sleep, and a core with it.
        """
        if self._descriptor >= 0 and not transport.get_write_buffer_size():
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                sent = 0  # full, or gone: the transport finds out which
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)

    def _hold(self, data: bytes) -> None:
        """Bytes behind a poll that is not answered yet: a pipelining client. They wait for their turn."""
        self._held += data
        if len(self._held) > _HELD_BYTES:
            self.abort()
        else:
            self._take(len(data))


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
