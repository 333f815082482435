"""The listener of one execution environment's Runtime API: whoever comes through it is that environment's runtime.

Must not know sandboxes: it is given a socket that listens already.
"""

from lamplighter.environments.runtime_api.connection import Hold, RuntimeConnection
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.environments.runtime_api.response import wants_stream
from lamplighter.environments.runtime_api.router import Others, Router
from lamplighter.kernel.clock import Clock
from lamplighter.wire.http_connection import HttpConnection
from lamplighter.wire.http_message import HttpLimits
from lamplighter.wire.http_server import HttpServer

_HEADER_BYTES = 2 * 1024 * 1024
_CONNECTIONS = 64
_RESPONSES_HELD = 2


def listener_limits(response_bytes: int) -> HttpLimits:
    """What one runtime may send. Python's client puts an X-Ray cause of up to 1 MiB into a header.

    There is no time limit: the invoke has one, and a frozen environment must find its connections as it left them.
    """
    return HttpLimits(
        header_bytes=_HEADER_BYTES,
        body_bytes=response_bytes,
        connections=_CONNECTIONS,
        header_seconds=None,
        body_stall_seconds=None,
        idle_seconds=None,
        write_stall_seconds=None,
    )


class RuntimeApiListener(HttpServer):
    """Serves one peer."""

    def __init__(self, peer: Peer, clock: Clock, others: Others | None = None) -> None:
        router = Router(peer, others)
        super().__init__(
            router.handle,
            limits=listener_limits(peer.response_limit),
            refuse=router.refuse,
            wants_stream=wants_stream,
            clock=clock,
        )
        self._peer = peer
        self._hold = Hold(peer.response_limit * _RESPONSES_HELD + 2 * _HEADER_BYTES, _CONNECTIONS)

    def _connect(self) -> HttpConnection:
        return RuntimeConnection(self, self._peer, self._hold)
