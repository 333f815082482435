"""POST /2020-01-01/extension/init/error: an extension could not initialise and is about to exit."""

from lamplighter.environments.extensions.machine import ExtensionTrigger
from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.extensions_api.errors import handle_report
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.wire.http_message import HttpRequest


def handle_init_error(extensions: Extensions, request: HttpRequest, exchange: Answering) -> None:
    handle_report(extensions, ExtensionTrigger.INIT_ERROR, "InitError", request, exchange)
