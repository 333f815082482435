"""Event invoke configurations: put, update, get, list, delete. Must not know how events are retried."""

from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.resources.event_invoke import rules
from lamplighter.resources.event_invoke.model import EventInvokeConfig
from lamplighter.resources.event_invoke.table import delete_config, get_config, list_configs, put_config
from lamplighter.resources.functions.names import LATEST, FunctionName
from lamplighter.resources.functions.table import Reader, get_function
from lamplighter.storage.storage import Transaction

_FIELDS = {"MaximumRetryAttempts": "maximum_retry_attempts", "MaximumEventAgeInSeconds": "maximum_event_age_seconds"}


class EventInvokeOperations:
    """The five operations on a function's event invoke configuration."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutFunctionEventInvokeConfig")
    async def put_function_event_invoke_config(self, request: Request, context: RequestContext) -> Response:
        """Replaces what was there."""
        return await self._write(request, context, "lambda:PutFunctionEventInvokeConfig", replaces=True)

    @operation("UpdateFunctionEventInvokeConfig")
    async def update_function_event_invoke_config(self, request: Request, context: RequestContext) -> Response:
        """Changes what is there; what the request leaves out stays."""
        return await self._write(request, context, "lambda:UpdateFunctionEventInvokeConfig", replaces=False)

    @operation("GetFunctionEventInvokeConfig")
    async def get_function_event_invoke_config(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:GetFunctionEventInvokeConfig")
        config = get_config(self._plane.storage, *_scope(name))
        if config is None:
            raise rules.no_config(name.qualified_arn)
        return _answer(config)

    @operation("ListFunctionEventInvokeConfigs")
    async def list_function_event_invoke_configs(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:ListFunctionEventInvokeConfigs")
        if get_function(self._plane.storage, name.account_id, name.region, name.name) is None:
            raise rules.no_function()
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = list_configs(self._plane.storage, name.account_id, name.region, name.name, after=after, limit=size + 1)
        return pagination.answer_page(
            "FunctionEventInvokeConfigs",
            found,
            size,
            key=lambda config: config.function_arn.rpartition(":")[2],
            show=_answer,
        )

    @operation("DeleteFunctionEventInvokeConfig")
    async def delete_function_event_invoke_config(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:DeleteFunctionEventInvokeConfig")

        def decide(transaction: Transaction) -> None:
            if not delete_config(transaction, *_scope(name)):
                raise rules.no_config(name.qualified_arn)

        await self._plane.storage.transact(decide)
        return {}

    async def _write(self, request: Request, context: RequestContext, action: str, *, replaces: bool) -> Response:
        name = _address(request, context, action)
        if not any(request.get(member) is not None for member in (*_FIELDS, "DestinationConfig")):
            raise rules.nothing_given()

        def decide(transaction: Transaction) -> EventInvokeConfig:
            _require(transaction, name)
            config = get_config(transaction, *_scope(name))
            if config is None and not replaces:
                raise rules.no_config(name.qualified_arn)
            if config is None or replaces:
                config = EventInvokeConfig(function_arn=name.qualified_arn, modified_at=context.now)
            config = replace(config, modified_at=context.now, **_changes(request))
            for arn in rules.check_destinations(config.on_success, config.on_failure, name.arn):
                _require_destination(transaction, f"{arn.resource}", arn.account_id, arn.region)
            put_config(transaction, *_scope(name), config)
            return config

        return _answer(await self._plane.storage.transact(decide))


def _address(request: Request, context: RequestContext, action: str) -> FunctionName:
    """Without a qualifier, $LATEST is meant, and AWS shows it."""
    name = address_function(request, context, action)
    return FunctionName(name.account_id, name.region, name.name, name.qualifier or LATEST)


def _scope(name: FunctionName) -> tuple[str, str, str, str]:
    return name.account_id, name.region, name.name, name.qualifier or LATEST


def _require(reader: Reader, name: FunctionName) -> None:
    """These operations have words of their own for a function, version or alias that is not there."""
    try:
        require_version(reader, require_function(reader, name), name)
    except ResourceNotFoundException as missing:
        raise rules.no_function() from missing


def _require_destination(reader: Reader, resource: str, account_id: str, region: str) -> None:
    """A function that is named as destination, with or without qualifier, must be there."""
    _, _, name_and_qualifier = resource.partition(":")
    name, _, qualifier = name_and_qualifier.partition(":")
    destination = FunctionName(account_id, region, name, qualifier or None)
    try:
        require_version(reader, require_function(reader, destination), destination)
    except ResourceNotFoundException as missing:
        raise rules.destination_missing(destination.qualified_arn) from missing


# Any: values of different fields.
def _changes(request: Request) -> dict[str, Any]:
    changes = {field: request[member] for member, field in _FIELDS.items() if request.get(member) is not None}
    destinations = request.get("DestinationConfig")
    if destinations is not None:
        changes["on_success"] = (destinations.get("OnSuccess") or {}).get("Destination") or None
        changes["on_failure"] = (destinations.get("OnFailure") or {}).get("Destination") or None
    return changes


def _answer(config: EventInvokeConfig) -> Response:
    return {
        "LastModified": config.modified_at,
        "FunctionArn": config.function_arn,
        "MaximumRetryAttempts": config.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": config.maximum_event_age_seconds,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success} if config.on_success else {},
            "OnFailure": {"Destination": config.on_failure} if config.on_failure else {},
        },
    }
