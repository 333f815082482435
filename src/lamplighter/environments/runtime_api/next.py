"""GET /2018-06-01/runtime/invocation/next: the runtime asks for work and waits until there is some."""

from lamplighter.environments.event import InvokeEvent
from lamplighter.environments.machine import Trigger, is_allowed
from lamplighter.environments.runtime_api.answers import Answering, refuse_state
from lamplighter.environments.runtime_api.peer import Peer

_CONTENT_TYPE = ("Content-Type", "application/json")


def handle_next(peer: Peer, exchange: Answering) -> None:
    if not is_allowed(peer.state, Trigger.NEXT):
        refuse_state(exchange, peer.state, "Ready")
        return
    peer.runtime_polled(exchange)


def send_event(exchange: Answering, event: InvokeEvent, deadline_ms: int) -> bool:
    """Hand the event over. False when the runtime hung up meanwhile."""
    headers = [
        _CONTENT_TYPE,
        ("Lambda-Runtime-Aws-Request-Id", event.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
        ("Lambda-Runtime-Invoked-Function-Arn", event.invoked_arn),
    ]
    if event.trace_header:
        headers.append(("Lambda-Runtime-Trace-Id", event.trace_header))
    if event.client_context:
        headers.append(("Lambda-Runtime-Client-Context", event.client_context))
    if event.cognito_identity:
        headers.append(("Lambda-Runtime-Cognito-Identity", event.cognito_identity))
    if event.tenant_id:
        headers.append(("Lambda-Runtime-Aws-Tenant-Id", event.tenant_id))
    return exchange.send(200, headers, event.payload)
