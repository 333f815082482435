"""The answers of the Runtime API, as AWS's open-source runtime interface emulator gives them (2025). Pure but for the
write: must not know which endpoint answers.
"""

from typing import Protocol

import msgspec

from lamplighter.environments.faults import FUNCTION_RESPONSE_TOO_LARGE, RUNTIME_TRUNCATED_RESPONSE
from lamplighter.environments.machine import RUNTIME_STATE_NAMES, State
from lamplighter.wire.http_message import Headers, HttpResponse

JSON_HEADERS: Headers = (("Content-Type", "application/json"),)
TEXT_HEADERS: Headers = (("Content-Type", "text/plain; charset=utf-8"),)
_ACCEPTED_BODY = b'{"status":"OK"}\n'
# The whole answer to a response or error, for connections that need nothing else said.
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_ACCEPTED_BODY),
    _ACCEPTED_BODY,
)


class Answering(Protocol):
    """The exchange of one request: answered once, at once or later."""

    @property
    def is_gone(self) -> bool: ...

    def is_closed_by_peer(self) -> bool:
        """Like `is_gone`, asked of the kernel."""
        ...

    def send(self, status: int, headers: Headers = (), body: bytes = b"") -> bool: ...


def accept(exchange: Answering) -> None:
    exchange.send(202, JSON_HEADERS, _ACCEPTED_BODY)


def refuse_state(exchange: Answering, state: State, wanted: str) -> None:
    message = (
        f"State transition from {RUNTIME_STATE_NAMES[state]} to {wanted} failed for runtime. "
        "Error: State transition is not allowed"
    )
    exchange.send(403, JSON_HEADERS, error_body("InvalidStateTransition", message))


def refuse_request_id(exchange: Answering) -> None:
    exchange.send(400, JSON_HEADERS, error_body("InvalidRequestID", "Invalid request ID"))


def refuse_response_mode(exchange: Answering) -> None:
    exchange.send(400, JSON_HEADERS, error_body("InvalidFunctionResponseMode", "Invalid function response mode"))


def too_large(limit: int) -> HttpResponse:
    message = f"Exceeded maximum allowed payload size ({limit} bytes)."
    return HttpResponse(413, JSON_HEADERS, error_body("RequestEntityTooLarge", message))


def answer_stream(exchange: Answering, error_type: str | None, limit: int) -> None:
    """A streamed response has ended, well or not; an error that the function reported itself is accepted too."""
    if error_type == FUNCTION_RESPONSE_TOO_LARGE:
        refusal = too_large(limit)
        exchange.send(refusal.status, refusal.headers, refusal.body)
    elif error_type == RUNTIME_TRUNCATED_RESPONSE:
        exchange.send(400, JSON_HEADERS, error_body("TruncatedHTTPRequest", "HTTP request detected as truncated"))
    else:
        accept(exchange)


def error_body(error_type: str, message: str) -> bytes:
    return msgspec.json.encode({"errorMessage": message, "errorType": error_type})
