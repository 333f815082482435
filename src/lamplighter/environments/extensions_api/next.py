"""GET /2020-01-01/extension/event/next: an extension is done with its event and waits for the next one."""

from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.extensions_api.answers import caller, refuse_state
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.wire.http_message import HttpRequest


def handle_next(extensions: Extensions, request: HttpRequest, exchange: Answering) -> None:
    extension = caller(extensions, request, exchange)
    if extension is not None and not extensions.polled(extension, exchange):
        refuse_state(exchange, extension, "Ready", extension.identifier)
