"""POST /2018-06-01/runtime/restore/error: an after-restore hook failed."""

from lamplighter.environments.faults import reported_type
from lamplighter.environments.machine import State
from lamplighter.environments.runtime_api.answers import Answering, accept, refuse_state
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.wire.http_message import HttpRequest


def handle_restore_error(peer: Peer, request: HttpRequest, exchange: Answering) -> None:
    if peer.state is not State.RESTORING:
        refuse_state(exchange, peer.state, "RestoreError")
        return
    accept(exchange)
    error_type = reported_type(request.headers.get("lambda-runtime-function-error-type", ""))
    peer.runtime_failed_restore(request.body, error_type)
