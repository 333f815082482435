"""The public listener: front door and status pages behind one HTTP server, with or without TLS.

Must not know configuration sources or what the services do.
"""

import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamplighter.frontends.code_downloads import CodeDownloads
from lamplighter.frontends.counters import ApiCounters
from lamplighter.frontends.front_door import FrontDoor
from lamplighter.frontends.lambda_api.frontend import LambdaApi
from lamplighter.frontends.status_pages import StatusPages
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.wire.http_message import HttpLimits
from lamplighter.wire.http_server import HttpServer, connections_allowed


class ListenFailed(Exception):
    """The listener could not be opened; says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen. With `certificate` and `key` the listener speaks TLS."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


class PublicListener:
    """Listens for API calls until closed. `endpoint` is the URL, known once `open` has returned."""

    def __init__(
        self,
        api: LambdaApi,
        downloads: CodeDownloads,
        counters: ApiCounters,
        clock: Clock,
        ids: Ids,
        figures: Callable[[], dict[str, float]] = dict,
    ) -> None:
        self._api = api
        self._downloads = downloads
        gauges = {
            "lamplighter_connections": lambda: float(self._server.connections),
            "lamplighter_requests_in_flight": lambda: float(api.in_flight),
        }
        self._pages = StatusPages(counters, gauges, services=("lambda",), figures=figures)
        door = FrontDoor({"lambda": api.handle}, self._pages, downloads, ids)
        limits = HttpLimits(connections=connections_allowed())
        self._server: HttpServer = HttpServer(
            door.handle, limits=limits, refuse=api.refuse, body_limit=api.body_limit, clock=clock
        )
        self._tls: ssl.SSLContext | None = None
        self.endpoint = ""

    async def open(self, address: Address) -> None:
        """Start to accept connections. Raises ListenFailed."""
        self._tls = _tls_context(address)
        try:
            port = await self._server.listen(address.host, address.port, tls=self._tls)
        except OSError as error:
            raise ListenFailed(_listen_sentence(address, error)) from error
        scheme = "https" if self._tls is not None else "http"
        self.endpoint = f"{scheme}://{_reachable(address.host)}:{port}"

    async def open_inside(self, listening: socket.socket) -> None:
        """Accept functions' calls, too, on a listener in their own network; plain HTTP, it never leaves the machine."""
        await self._server.listen_on(listening)

    def reload_certificate(self, address: Address) -> None:
        """Use the certificate that lies in the files now, for connections from now on. Raises ListenFailed."""
        if self._tls is not None:
            _load_certificate(self._tls, address)

    def set_ready(self, *, is_ready: bool) -> None:
        self._pages.is_ready = is_ready

    async def close(self, drain_seconds: float) -> None:
        """Stop accepting, let requests in flight finish, then drop what is left."""
        self.set_ready(is_ready=False)
        await self._server.close(drain_seconds)
        await self._api.close(drain_seconds)
        await self._downloads.close()


def _tls_context(address: Address) -> ssl.SSLContext | None:
    if address.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, address)
    return context


def _load_certificate(context: ssl.SSLContext, address: Address) -> None:
    try:
        context.load_cert_chain(str(address.certificate), str(address.key))
    except (OSError, ssl.SSLError) as error:
        raise ListenFailed(f"cannot use the certificate {address.certificate} with {address.key}: {error}") from error


def _listen_sentence(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {address.port} of {address.host} is taken: choose another with --port, or 0 for any free one"
    return f"cannot listen on {address.host}:{address.port}: {error.strerror or error}"


def _reachable(host: str) -> str:
    """The address that a client on this machine uses."""
    spoken = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"[{spoken}]" if ":" in spoken else spoken
