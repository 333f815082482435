"""Method and path of a call from an extension to its endpoint."""

from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.extensions_api.exit_error import handle_exit_error
from lamplighter.environments.extensions_api.init_error import handle_init_error
from lamplighter.environments.extensions_api.next import handle_next
from lamplighter.environments.extensions_api.register import handle_register
from lamplighter.environments.runtime_api.answers import TEXT_HEADERS, Answering
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.wire.http_message import HttpRequest

PREFIX = "/2020-01-01/extension/"
_METHODS = {"register": "POST", "event/next": "GET", "init/error": "POST", "exit/error": "POST"}


def handle_extension_call(
    extensions: Extensions, function: FunctionConfiguration, request: HttpRequest, exchange: Answering
) -> None:
    endpoint = request.path.removeprefix(PREFIX)
    method = _METHODS.get(endpoint)
    if method is None:
        exchange.send(404, TEXT_HEADERS, b"404 page not found\n")
    elif request.method != method:
        exchange.send(405, TEXT_HEADERS, b"")
    elif endpoint == "register":
        handle_register(extensions, function, request, exchange)
    elif endpoint == "event/next":
        handle_next(extensions, request, exchange)
    elif endpoint == "init/error":
        handle_init_error(extensions, request, exchange)
    else:
        handle_exit_error(extensions, request, exchange)
