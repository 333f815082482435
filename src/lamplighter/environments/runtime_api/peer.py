"""What the Runtime API's endpoints ask of the execution environment whose runtime is calling. Knows no HTTP server."""

from typing import Protocol

from lamplighter.environments.machine import State
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.wire.http_request_stream import RequestStream


class Peer(Protocol):
    """One execution environment, seen from its runtime."""

    @property
    def state(self) -> State: ...

    @property
    def request_id(self) -> str:
        """The invoke last handed to the runtime; it stays current until the next one."""
        ...

    @property
    def response_limit(self) -> int: ...

    def runtime_polled(self, exchange: Answering) -> None:
        """The runtime waits for an event at `exchange`."""
        ...

    def event_was_not_read(self) -> None:
        """The runtime closed its connection before it had read the event it was given."""
        ...

    def runtime_responded(self, payload: bytes, content_type: str) -> None: ...

    def runtime_streams(self, body: RequestStream, content_type: str, exchange: Answering) -> None:
        """The runtime responds with a stream; `exchange` is answered when it has ended."""
        ...

    def runtime_reported_error(self, payload: bytes, content_type: str, error_type: str) -> None: ...

    def runtime_responded_too_much(self) -> None: ...

    def runtime_failed_init(self, payload: bytes, error_type: str) -> None: ...

    def runtime_awaits_restore(self) -> bool:
        """The runtime is initialised under SnapStart. Whether it may go on now."""
        ...

    def runtime_failed_restore(self, payload: bytes, error_type: str) -> None: ...
