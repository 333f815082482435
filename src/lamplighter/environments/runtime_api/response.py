"""POST /2018-06-01/runtime/invocation/{id}/response: what the function returned."""

from lamplighter.environments.faults import RUNTIME_INVALID_RESPONSE_MODE
from lamplighter.environments.machine import Trigger, is_allowed
from lamplighter.environments.runtime_api.answers import (
    Answering,
    accept,
    refuse_request_id,
    refuse_response_mode,
    refuse_state,
)
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.wire.http_message import HttpRequest

_MODE = "lambda-runtime-function-response-mode"
_STREAMING = "streaming"


def wants_stream(_method: str, path: str, headers: dict[str, str]) -> bool:
    """Whether a runtime's call has a body that is wanted as it arrives."""
    return headers.get(_MODE) == _STREAMING and path.endswith("/response")


def handle_response(peer: Peer, request_id: str, request: HttpRequest, exchange: Answering) -> None:
    # The id is checked before the state: transitions are irreversible, a wrong id must not cause one.
    if request_id != peer.request_id:
        refuse_request_id(exchange)
        return
    if not is_allowed(peer.state, Trigger.RESPONSE):
        refuse_state(exchange, peer.state, "InvocationResponse")
        return
    mode = request.headers.get(_MODE)
    content_type = request.headers.get("content-type", "application/json")
    if mode is not None and mode != _STREAMING:
        refuse_response_mode(exchange)
        peer.runtime_reported_error(b"", content_type, RUNTIME_INVALID_RESPONSE_MODE)
        return
    if request.stream is not None:
        peer.runtime_streams(request.stream, content_type, exchange)
        return
    accept(exchange)
    peer.runtime_responded(request.body, content_type)
