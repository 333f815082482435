"""How the Extensions API refuses. Pure but for the write."""

import re

from lamplighter.environments.extensions.extension import Extension
from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.runtime_api.answers import JSON_HEADERS, Answering, error_body
from lamplighter.wire.http_message import HttpRequest

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def refuse(exchange: Answering, error_type: str, message: str) -> None:
    exchange.send(403, JSON_HEADERS, error_body(error_type, message))


def refuse_state(exchange: Answering, extension: Extension, wanted: str, called: str) -> None:
    message = (
        f"State transition from {extension.state_name} to {wanted} failed for extension {called}. "
        "Error: State transition is not allowed"
    )
    refuse(exchange, "Extension.InvalidExtensionState", message)


def caller(extensions: Extensions, request: HttpRequest, exchange: Answering, unknown: str = "") -> Extension | None:
    """The extension that calls; None when the call has been refused already. `unknown` replaces AWS's usual words."""
    identifier = request.headers.get("lambda-extension-identifier", "")
    if not identifier:
        refuse(exchange, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        return None
    if not _UUID.fullmatch(identifier):
        refuse(exchange, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        return None
    extension = extensions.identified(identifier.lower())
    if extension is None:
        refuse(exchange, "Extension.UnknownExtensionIdentifier", unknown or f"Unknown extension {identifier.lower()}")
    return extension
