"""PUT /2022-07-01/telemetry and PUT /2020-08-15/logs."""

from typing import Protocol

from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.extensions_api.answers import caller, refuse
from lamplighter.environments.runtime_api.answers import JSON_HEADERS, TEXT_HEADERS, Answering, error_body
from lamplighter.environments.telemetry.hub import Closed, OtherApi
from lamplighter.environments.telemetry.subscription import Invalid, Subscription, parse_subscription
from lamplighter.wire.http_message import HttpRequest

TELEMETRY, LOGS = "/2022-07-01/telemetry", "/2020-08-15/logs"


class Subscribers(Protocol):
    """Takes subscriptions; see telemetry.hub for what it raises."""

    def subscribe(self, name: str, subscription: Subscription) -> None: ...


def handle_subscribe(
    extensions: Extensions, subscribers: Subscribers, request: HttpRequest, exchange: Answering
) -> None:
    is_logs_api = request.path.rstrip("/") == LOGS
    if request.method != "PUT":
        exchange.send(405, TEXT_HEADERS, b"")
        return
    extension = caller(extensions, request, exchange)
    if extension is None:
        return
    name = "Logs" if is_logs_api else "Telemetry"
    invalid_type = "Logs.ValidationError" if is_logs_api else "ValidationError"
    try:
        subscribers.subscribe(extension.name, parse_subscription(request.body, is_logs_api=is_logs_api))
    except Invalid as invalid:
        exchange.send(400, JSON_HEADERS, error_body(invalid_type, str(invalid)))
    except Closed:
        refuse(exchange, f"{name}.SubscriptionClosed", f"{name} API subscription is closed already")
    except OtherApi:
        other = "Telemetry" if is_logs_api else "Logs"
        message = f"the extension has subscribed with the {other} API already"
        exchange.send(400, JSON_HEADERS, error_body(invalid_type, message))
    else:
        exchange.send(200, JSON_HEADERS, b'"OK"')
