"""Function URLs: create, get, list, update, delete. Must not know how requests to them are served."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.resources.aliases.table import get_alias
from lamplighter.resources.function_urls import rules
from lamplighter.resources.function_urls.addresses import function_url
from lamplighter.resources.function_urls.model import FunctionUrlConfig
from lamplighter.resources.function_urls.table import delete_url, get_url, list_urls, put_url
from lamplighter.resources.functions.names import LATEST, FunctionName
from lamplighter.resources.functions.table import Reader, get_function
from lamplighter.resources.functions.tenancy import refuse_with_tenants
from lamplighter.storage.storage import Transaction


class FunctionUrlOperations:
    """The five operations on function URLs. `domain` is where URLs lead; None means the caller's own endpoint."""

    def __init__(self, plane: ControlPlane, domain: str | None) -> None:
        self._plane = plane
        self._domain = domain

    @operation("CreateFunctionUrlConfig")
    async def create_function_url_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:CreateFunctionUrlConfig")
        config = FunctionUrlConfig(
            account_id=name.account_id,
            region=name.region,
            function_name=name.name,
            qualifier=name.qualifier or LATEST,
            auth_type=request["AuthType"],
            cors=request.get("Cors") or None,
            invoke_mode=request.get("InvokeMode"),
            created_at=context.now,
            modified_at=context.now,
        )

        def decide(transaction: Transaction) -> None:
            _require(transaction, name)
            if get_url(transaction, name, config.qualifier) is not None:
                raise rules.url_exists(config.function_arn)
            put_url(transaction, config)

        await self._plane.storage.transact(decide)
        return self._answer(config, context, "CreationTime")

    @operation("GetFunctionUrlConfig")
    async def get_function_url_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetFunctionUrlConfig")
        config = get_url(self._plane.storage, name, name.qualifier or LATEST)
        if config is None:
            raise rules.no_url()
        return self._full_answer(config, context)

    @operation("ListFunctionUrlConfigs")
    async def list_function_url_configs(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:ListFunctionUrlConfigs")
        if get_function(self._plane.storage, name.account_id, name.region, name.name) is None:
            raise rules.no_function()
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = list_urls(self._plane.storage, name, after=after, limit=size + 1)
        return pagination.answer_page(
            "FunctionUrlConfigs",
            found,
            size,
            key=lambda config: config.qualifier,
            show=lambda config: self._full_answer(config, context),
        )

    @operation("UpdateFunctionUrlConfig")
    async def update_function_url_config(self, request: Request, context: RequestContext) -> Response:
        """What the request leaves out stays; an empty Cors takes the settings away."""
        name = address_function(request, context, "lambda:UpdateFunctionUrlConfig")
        # Any: values of different fields.
        changes: dict[str, Any] = {"modified_at": context.now}
        if request.get("AuthType") is not None:
            changes["auth_type"] = request["AuthType"]
        if request.get("InvokeMode") is not None:
            changes["invoke_mode"] = request["InvokeMode"]
        if request.get("Cors") is not None:
            changes["cors"] = request["Cors"] or None

        def decide(transaction: Transaction) -> FunctionUrlConfig:
            _require(transaction, name)
            config = get_url(transaction, name, name.qualifier or LATEST)
            if config is None:
                raise rules.no_url()
            updated = replace(config, **changes)
            put_url(transaction, updated)
            return updated

        updated = await self._plane.storage.transact(decide)
        return self._answer(updated, context, "CreationTime", "LastModifiedTime")

    @operation("DeleteFunctionUrlConfig")
    async def delete_function_url_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:DeleteFunctionUrlConfig")

        def decide(transaction: Transaction) -> None:
            if not delete_url(transaction, name, name.qualifier or LATEST):
                raise rules.no_url()

        await self._plane.storage.transact(decide)
        return {}

    def _full_answer(self, config: FunctionUrlConfig, context: RequestContext) -> Response:
        """Reading tells the mode that nobody has set; creating and updating do not."""
        answer = self._answer(config, context, "CreationTime", "LastModifiedTime")
        return {**answer, "InvokeMode": config.invoke_mode or "BUFFERED"}

    def _answer(self, config: FunctionUrlConfig, context: RequestContext, *times: str) -> Response:
        shown = {"CreationTime": config.created_at, "LastModifiedTime": config.modified_at}
        answer: Response = {
            "FunctionUrl": function_url(config.url_id, config.region, endpoint=context.endpoint, domain=self._domain),
            "FunctionArn": config.function_arn,
            "AuthType": config.auth_type,
            "Cors": config.cors,
            **{member: _time(shown[member]) for member in times},
            "InvokeMode": config.invoke_mode,
        }
        return {member: value for member, value in answer.items() if value is not None}


def _require(reader: Reader, name: FunctionName) -> None:
    """The function, and the alias if one is named."""
    scope = (name.account_id, name.region, name.name)
    record = get_function(reader, *scope)
    if record is None:
        raise rules.no_function()
    refuse_with_tenants(record.latest, "A function URL")
    if not name.asks_for_latest and get_alias(reader, *scope, name.qualifier or "") is None:
        raise rules.no_function()


def _time(seconds: float) -> str:
    """Function URLs have times of their own: microseconds, and UTC as Z."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
