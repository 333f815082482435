"""POST /2020-01-01/extension/register: an extension takes part from now on and says which events it wants."""

import msgspec

from lamplighter.environments.extensions.extension import INVOKE, SHUTDOWN, Extension
from lamplighter.environments.extensions.registry import Extensions, NotRegistered
from lamplighter.environments.extensions_api.answers import refuse, refuse_state
from lamplighter.environments.runtime_api.answers import JSON_HEADERS, Answering
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.wire.http_message import HttpRequest

_UNKNOWN_EVENT = "ErrorInvalidEventType"
_NOT_FOR_INTERNAL = "ShutdownEventNotSupportedForInternalExtension"
_DEPRECATED = "configurationKeys are deprecated; use environment variables instead"


class _Registration(msgspec.Struct):
    events: list[str] = []  # msgspec copies defaults
    configurationKeys: list[str] = []  # noqa: N815  # the wire's name


def handle_register(
    extensions: Extensions, function: FunctionConfiguration, request: HttpRequest, exchange: Answering
) -> None:
    name = request.headers.get("lambda-extension-name", "")
    if not name:
        refuse(exchange, "Extension.InvalidExtensionName", "Empty extension name")
        return
    try:
        asked = msgspec.json.decode(request.body, type=_Registration)
    except msgspec.MsgspecError as error:
        refuse(exchange, "InvalidRequestFormat", str(error))
        return
    if asked.configurationKeys:
        refuse(exchange, "InvalidRequestFormat", _DEPRECATED)
        return
    known = extensions.named(name)
    is_external = known is not None and known.is_external
    for event in asked.events:
        problem = _problem(event, is_external=is_external)
        if problem:
            refuse(exchange, "Extension.InvalidEventType", f"{event}: {problem}")
            return
    extension = _joining(extensions, known, name, exchange)
    if extension is None:
        return
    if extensions.register(extension, tuple(dict.fromkeys(asked.events))):
        _welcome(extension, function, request, exchange)
    else:
        refuse_state(exchange, extension, "Registered", name)


def _problem(event: str, *, is_external: bool) -> str:
    if event == INVOKE or (event == SHUTDOWN and is_external):
        return ""
    return _NOT_FOR_INTERNAL if event == SHUTDOWN else _UNKNOWN_EVENT


def _joining(extensions: Extensions, known: Extension | None, name: str, exchange: Answering) -> Extension | None:
    """The external extension of that name, or a new internal one; None when it has been refused."""
    if known is not None and not known.is_external:
        refuse(exchange, "Extension.InvalidExtensionState", "Extension with this name already registered")
        return None
    if known is not None:
        return known
    try:
        return extensions.add_internal(name)
    except NotRegistered as refused:
        refuse(exchange, refused.error_type, refused.message)
        return None


def _welcome(extension: Extension, function: FunctionConfiguration, request: HttpRequest, exchange: Answering) -> None:
    told = {
        "functionName": function.name,
        "functionVersion": function.version,
        "handler": function.handler or "",
    }
    features = request.headers.get("lambda-extension-accept-feature", "")
    if "accountId" in (feature.strip() for feature in features.split(",")):
        told["accountId"] = function.account_id
    headers = (*JSON_HEADERS, ("Lambda-Extension-Identifier", extension.identifier))
    exchange.send(200, headers, msgspec.json.encode(told))
