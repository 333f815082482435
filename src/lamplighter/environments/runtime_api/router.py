"""Method and path of a call from a runtime to its endpoint, and what a listener refuses on its own.

One router per execution environment. Must not know sandboxes.
"""

from collections.abc import Callable

from lamplighter.environments.runtime_api.answers import JSON_HEADERS, TEXT_HEADERS, Answering, error_body, too_large
from lamplighter.environments.runtime_api.error import handle_error
from lamplighter.environments.runtime_api.init_error import handle_init_error
from lamplighter.environments.runtime_api.next import handle_next
from lamplighter.environments.runtime_api.peer import Peer
from lamplighter.environments.runtime_api.response import handle_response
from lamplighter.environments.runtime_api.restore_error import handle_restore_error
from lamplighter.environments.runtime_api.restore_next import handle_restore_next
from lamplighter.wire.http_message import HttpRequest, HttpResponse, Refusal

_NEXT = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR = "/2018-06-01/runtime/init/error"
_INVOCATION = "/2018-06-01/runtime/invocation/"
_PING = "/2018-06-01/ping"
_RESTORE_NEXT = "/2018-06-01/runtime/restore/next"
_RESTORE_ERROR = "/2018-06-01/runtime/restore/error"


Others = Callable[[HttpRequest, Answering], bool]


class Router:
    """Answers the calls of one environment's runtime; `others` takes those to further APIs, or says no."""

    def __init__(self, peer: Peer, others: Others | None = None) -> None:
        self._peer = peer
        self._others = others

    def handle(self, request: HttpRequest, exchange: Answering) -> None:
        method, path = request.method, request.path
        if path == _NEXT:
            if method == "GET":
                handle_next(self._peer, exchange)
            else:
                _refuse_method(exchange)
        elif path.startswith(_INVOCATION):
            self._handle_invocation(request, exchange)
        elif path == _INIT_ERROR and method == "POST":
            handle_init_error(self._peer, request, exchange)
        elif path == _PING and method == "GET":
            exchange.send(200, TEXT_HEADERS, b"pong")
        elif path == _RESTORE_NEXT and method == "GET":
            handle_restore_next(self._peer, exchange)
        elif path == _RESTORE_ERROR and method == "POST":
            handle_restore_error(self._peer, request, exchange)
        elif path in (_INIT_ERROR, _RESTORE_NEXT, _RESTORE_ERROR):
            _refuse_method(exchange)
        elif self._others is None or not self._others(request, exchange):
            _refuse_path(exchange)

    def _handle_invocation(self, request: HttpRequest, exchange: Answering) -> None:
        request_id, _, verb = request.path.removeprefix(_INVOCATION).partition("/")
        if verb not in ("response", "error"):
            _refuse_path(exchange)
        elif request.method != "POST":
            _refuse_method(exchange)
        elif verb == "response":
            handle_response(self._peer, request_id, request, exchange)
        else:
            handle_error(self._peer, request_id, request, exchange)

    def refuse(self, refusal: Refusal) -> HttpResponse:
        """The listener refused a call before it was read; an oversized response ends its invoke."""
        if refusal.status != 413:  # noqa: PLR2004  # the only refusal with a meaning of its own
            return HttpResponse(refusal.status, JSON_HEADERS, error_body("InvalidRequest", refusal.reason))
        request_id, _, verb = refusal.path.removeprefix(_INVOCATION).partition("/")
        if verb in ("response", "error") and request_id == self._peer.request_id:
            self._peer.runtime_responded_too_much()
        return too_large(self._peer.response_limit)


def _refuse_path(exchange: Answering) -> None:
    exchange.send(404, TEXT_HEADERS, b"404 page not found\n")


def _refuse_method(exchange: Answering) -> None:
    exchange.send(405, TEXT_HEADERS, b"")
