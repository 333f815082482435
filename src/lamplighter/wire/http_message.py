"""What travels over HTTP/1.1: the request as a handler sees it, the answer as bytes, and the limits of a listener.

Pure: must not know sockets, connections or who handles what.
"""

from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus

import msgspec

from lamplighter.wire.http_request_stream import RequestStream

Headers = Sequence[tuple[str, str]]

_BODILESS = frozenset({204, 304})
_OK = HTTPStatus.OK.value


_NAMES_KEPT = 1024
_LONGEST_KEPT = 64


class _Names(dict[bytes, str]):
    """Header names as they come to lower-case text; the usual ones are looked up instead of made again."""

    def __missing__(self, raw: bytes) -> str:
        name = raw.lower().decode("latin-1")
        if len(raw) <= _LONGEST_KEPT and len(self) < _NAMES_KEPT:
            self[raw] = name
        return name


_names = _Names()


class _StatusLines(dict[int, str]):
    """Status lines by status, those without a name of their own included."""

    def __missing__(self, status: int) -> str:
        return f"HTTP/1.1 {status} Status\r\n"


STATUS_LINES = _StatusLines({status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus})


class _Methods(dict[bytes, str]):
    """Methods as text. The parser knows a few dozen and refuses others, so this stays small."""

    def __missing__(self, raw: bytes) -> str:
        method = self[raw] = raw.decode("latin-1")
        return method


METHODS = _Methods()


class HttpRequest(msgspec.Struct, frozen=True):
    """One complete request. `path` is raw (still percent-encoded), `query` what follows the question mark.

    Header names are lower-case; a repeated header is joined with commas. `peer` is the client's address ("" on a unix
    socket). `stream` is set instead of `body` where the listener hands bodies over as they arrive.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    peer: str
    stream: RequestStream | None = None


class HttpResponse(msgspec.Struct, frozen=True):
    """A complete answer. Content-Length, Date and Connection are added by the server."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one listener accepts. A time of None means no limit, and no timer.

    `unasked_bytes` is below the limit of every request, so that small bodies need no look at their own.
    """

    header_bytes: int = 65_536
    header_count: int = 200
    body_bytes: int = 6_291_556
    unasked_bytes: int = 65_536
    drained_bytes: int = 268_435_456
    pipelined_requests: int = 16
    connections: int = 10_000
    header_seconds: float | None = 10.0
    body_stall_seconds: float | None = 30.0
    idle_seconds: float | None = 75.0
    write_stall_seconds: float | None = 120.0


class Refusal(msgspec.Struct, frozen=True):
    """Why the protocol refused a request before any handler saw it. `method` and `path` are empty when unreadable."""

    status: int
    reason: str
    method: str = ""
    path: str = ""
    limit: int = 0


Refuse = Callable[[Refusal], HttpResponse]
BodyLimit = Callable[[str, str], int]
# Whether the body of the request with this method, path and headers is wanted as it arrives.
WantsStream = Callable[[str, str, dict[str, str]], bool]


def head_refusal(method: str, path: str, headers: dict[str, str], version: str) -> Refusal | None:
    """Why a request head that was parsed is refused all the same."""
    if "host" not in headers and version == "1.1":
        return Refusal(400, "The Host header is missing.", method, path)
    if not path.startswith("/") and path != "*":
        return Refusal(400, "The request target is not a path.", method, path)
    return None


def plain_refusal(refusal: Refusal) -> HttpResponse:
    """A refusal in plain text."""
    return HttpResponse(refusal.status, (("Content-Type", "text/plain"),), refusal.reason.encode())


def has_body(method: str, status: int) -> bool:
    """Whether an answer of `status` to `method` carries its body on the wire."""
    return method != "HEAD" and status not in _BODILESS and status >= _OK


def render_head(status: int, headers: Headers, closing: str) -> bytes:
    """Status line and headers as bytes; `closing` holds the framing headers and the blank line.

    A line break inside a value (a function may choose some values) is replaced, so that nobody splits the answer.
    """
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        text = "".join([f"{_one_line(name)}: {_one_line(value)}\r\n" for name, value in headers])
    return f"{STATUS_LINES[status]}{text}{closing}".encode("latin-1", "replace")


def render_request_head(method: str, target: str, headers: Headers, body_bytes: int) -> bytes:
    """Request line and headers as bytes, up to the blank line. Raises ValueError when a header would split."""
    if any("\r" in text or "\n" in text for header in headers for text in header):
        raise ValueError("a header of a request cannot hold a line break")
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{method} {target} HTTP/1.1\r\n{text}Content-Length: {body_bytes}\r\n\r\n".encode("latin-1", "replace")


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def split_target(target: str) -> tuple[str, str]:
    """Raw path and query of a request target; the absolute form loses its scheme and authority."""
    if not target.startswith("/") and "://" in target:
        after = target.split("://", 1)[1]
        slash = after.find("/")
        target = after[slash:] if slash >= 0 else "/"
    path, _, query = target.partition("?")
    return path, query


def collect_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case header names; values of repeated headers joined with commas, as RFC 9110 allows."""
    headers = {_names[name]: value.decode("latin-1") for name, value in raw}
    if len(headers) == len(raw):
        return headers
    headers = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.lower().decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


class DateLine:
    """The Date header line, formatted once a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._second = -1
        self._line = ""

    def text(self) -> str:
        """The line of now, with its line end."""
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n"
        return self._line
