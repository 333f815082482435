"""POST /2018-06-01/runtime/init/error: the runtime could not load the function."""

from lamplighter.environments.faults import reported_type
from lamplighter.environments.machine import Trigger, is_allowed
from lamplighter.environments.runtime_api.answers import Answering, accept, refuse_state
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.wire.http_message import HttpRequest


def handle_init_error(peer: Peer, request: HttpRequest, exchange: Answering) -> None:
    if not is_allowed(peer.state, Trigger.INIT_ERROR):
        refuse_state(exchange, peer.state, "InitError")
        return
    accept(exchange)
    peer.runtime_failed_init(request.body, reported_type(request.headers.get("lambda-runtime-function-error-type", "")))
