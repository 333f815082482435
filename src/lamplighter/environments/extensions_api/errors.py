"""What /init/error and /exit/error have in common: an extension says why it is about to exit."""

from lamplighter.environments.extensions.machine import ExtensionTrigger
from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.extensions_api.answers import caller, refuse, refuse_state
from lamplighter.environments.runtime_api.answers import Answering, accept
from lamplighter.wire.http_message import HttpRequest

_ERROR_TYPE = "Lambda-Extension-Function-Error-Type"


def handle_report(
    extensions: Extensions, trigger: ExtensionTrigger, wanted: str, request: HttpRequest, exchange: Answering
) -> None:
    extension = caller(extensions, request, exchange, unknown="Unknown Lambda-Extension-Identifier")
    if extension is None:
        return
    error_type = request.headers.get(_ERROR_TYPE.lower(), "")
    if not error_type:
        refuse(exchange, "Extension.MissingHeader", f"{_ERROR_TYPE} not found")
    elif extensions.failed(extension, trigger, error_type):
        accept(exchange)
    else:
        refuse_state(exchange, extension, wanted, extension.identifier)
