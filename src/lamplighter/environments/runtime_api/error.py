"""POST /2018-06-01/runtime/invocation/{id}/error: the function raised."""

import msgspec

from lamplighter.environments.faults import reported_type
from lamplighter.environments.machine import Trigger, is_allowed
from lamplighter.environments.runtime_api.answers import Answering, accept, refuse_request_id, refuse_state
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.wire.http_message import HttpRequest

_WITH_CAUSE = "application/vnd.aws.lambda.error.cause+json"


class _ErrorWithCause(msgspec.Struct):
    """The body of the content type that carries an X-Ray cause beside the error; the cause is not the caller's."""

    errorMessage: str = ""  # noqa: N815  # the wire's name
    errorType: str = ""  # noqa: N815  # the wire's name
    stackTrace: list[str] = []  # noqa: N815  # the wire's name; msgspec copies defaults


def handle_error(peer: Peer, request_id: str, request: HttpRequest, exchange: Answering) -> None:
    if request_id != peer.request_id:
        refuse_request_id(exchange)
        return
    if not is_allowed(peer.state, Trigger.ERROR):
        refuse_state(exchange, peer.state, "InvocationErrorResponse")
        return
    error_type = reported_type(request.headers.get("lambda-runtime-function-error-type", ""))
    content_type = request.headers.get("content-type", "application/json")
    body = request.body
    if content_type == _WITH_CAUSE:
        body, content_type = _without_cause(body)
    accept(exchange)
    peer.runtime_reported_error(body, content_type, error_type)


def _without_cause(body: bytes) -> tuple[bytes, str]:
    try:
        error = msgspec.json.decode(body, type=_ErrorWithCause)
    except msgspec.MsgspecError:
        return b'"Invalid error body"', "application/octet-stream"
    return msgspec.json.encode(error), "application/json"
