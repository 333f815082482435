"""One endpoint before two servers: Lambda goes to lamplighter, every other AWS service to moto.

The service is read from the scope of the signature, as a gateway would. moto's reset empties lamplighter as well, with
its own API. Must not change what passes through.
"""

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request")
_RESET = "/moto-api/reset"
_SECONDS = 60
_OF_ONE_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "server", "date"})


class Front(ThreadingHTTPServer):
    """Has its address before the servers behind it have theirs, which may need to know it.

    `regions` are those in which Lambda was asked for anything since the last reset.
    """

    daemon_threads = True
    lamplighter: tuple[str, int]
    moto: tuple[str, int]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Forwarding)
        self.regions: set[str] = set()

    def forward(self, lamplighter: str, moto: str, empty: Callable[[str], None]) -> None:
        """From now on, to these; `empty` empties a region of lamplighter."""
        self.lamplighter = _address(lamplighter)
        self.moto = _address(moto)
        self._empty = empty

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def reset(self) -> None:
        while self.regions:
            self._empty(self.regions.pop())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no trouble of ours."""


class _Forwarding(BaseHTTPRequestHandler):
    """One connection of a client, with one onward to each server."""

    protocol_version = "HTTP/1.1"
    server: Front

    def setup(self) -> None:
        super().setup()
        self._onward: dict[tuple[str, int], http.client.HTTPConnection] = {}

    def finish(self) -> None:
        for connection in self._onward.values():
            connection.close()
        super().finish()

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == _RESET:
            self.server.reset()
        answer = self._ask(self._target(), body)
        content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_ONE_HOP:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _target(self) -> tuple[str, int]:
        scope = _SCOPE.search(self.headers.get("Authorization") or "")
        if scope is None or scope["service"] != "lambda":
            return self.server.moto
        self.server.regions.add(scope["region"])
        return self.server.lamplighter

    def _ask(self, target: tuple[str, int], body: bytes) -> http.client.HTTPResponse:
        connection = self._onward.setdefault(target, http.client.HTTPConnection(*target, timeout=_SECONDS))
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"connection", "expect"}:
                connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _forward  # noqa: N815  # the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Quiet: what was asked can be read in the tests."""


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80


@contextmanager
def front() -> Iterator[Front]:
    server = Front()
    serving = threading.Thread(target=server.serve_forever, name="front", daemon=True)
    serving.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
