"""Aliases: create, get, list, update, delete. Must not know how invokes are routed by them."""

from typing import Any

from msgspec.structs import replace

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.deletion import delete_dependents_of
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.aliases.rules import (
    alias_exists,
    alias_to_get_not_found,
    alias_to_update_not_found,
    check_weights,
)
from lamplighter.resources.aliases.table import delete_alias, get_alias, list_aliases, put_alias
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.rules import check_revision
from lamplighter.storage.storage import Transaction


class AliasOperations:
    """CreateAlias, GetAlias, ListAliases, UpdateAlias, DeleteAlias."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("CreateAlias")
    async def create_alias(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:CreateAlias")
        await self._plane.wait_settled(name)
        alias = AliasRecord(
            account_id=name.account_id,
            region=name.region,
            function_name=name.name,
            name=request["Name"],
            version=request["FunctionVersion"],
            description=request.get("Description") or "",
            revision_id=self._plane.ids.uuid(),
            weights=_weights(request) or {},
        )

        def decide(transaction: Transaction) -> None:
            require_function(transaction, name)
            if get_alias(transaction, alias.account_id, alias.region, alias.function_name, alias.name) is not None:
                raise alias_exists(alias)
            _check_versions(transaction, alias)
            put_alias(transaction, alias)

        await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return _answer(alias)

    @operation("GetAlias")
    async def get_alias(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:GetAlias")
        require_function(self._plane.storage, name)
        alias = get_alias(self._plane.storage, name.account_id, name.region, name.name, request["Name"])
        if alias is None:
            raise alias_to_get_not_found(f"{name.arn}:{request['Name']}")
        return _answer(alias)

    @operation("ListAliases")
    async def list_aliases(self, request: Request, context: RequestContext) -> Response:
        """By name; with FunctionVersion, those whose own version it is."""
        name = _address(request, context, "lambda:ListAliases")
        require_function(self._plane.storage, name)
        size, after = pagination.page_size(request), pagination.read_marker(request)
        wanted = request.get("FunctionVersion")
        limit = None if wanted else size + 1
        found = list_aliases(self._plane.storage, name.account_id, name.region, name.name, after=after, limit=limit)
        matching = [alias for alias in found if not wanted or alias.version == wanted]
        return pagination.answer_page("Aliases", matching, size, key=lambda alias: alias.name, show=_answer)

    @operation("UpdateAlias")
    async def update_alias(self, request: Request, context: RequestContext) -> Response:
        """What the request leaves out stays; an empty RoutingConfig takes the weights away."""
        name = _address(request, context, "lambda:UpdateAlias")
        await self._plane.wait_settled(name)
        revision_id = self._plane.ids.uuid()

        def decide(transaction: Transaction) -> AliasRecord:
            require_function(transaction, name)
            alias = get_alias(transaction, name.account_id, name.region, name.name, request["Name"])
            if alias is None:
                raise alias_to_update_not_found(f"{name.arn}:{request['Name']}")
            check_revision(request.get("RevisionId"), alias.revision_id)
            # Any: values of different fields.
            changes: dict[str, Any] = {"revision_id": revision_id}
            if request.get("FunctionVersion"):
                changes["version"] = request["FunctionVersion"]
            if request.get("Description") is not None:
                changes["description"] = request["Description"]
            weights = _weights(request)
            if weights is not None:
                changes["weights"] = weights
            updated = replace(alias, **changes)
            _check_versions(transaction, updated)
            put_alias(transaction, updated)
            return updated

        updated = await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return _answer(updated)

    @operation("DeleteAlias")
    async def delete_alias(self, request: Request, context: RequestContext) -> Response:
        """AWS says nothing when there is no such alias."""
        name = _address(request, context, "lambda:DeleteAlias")

        def decide(transaction: Transaction) -> None:
            require_function(transaction, name)
            alias = get_alias(transaction, name.account_id, name.region, name.name, request["Name"])
            if alias is not None:
                delete_alias(transaction, alias)
                delete_dependents_of(transaction, name, alias.name)

        await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return {}


def _address(request: Request, context: RequestContext, action: str) -> FunctionName:
    """The function alone: a qualifier in its name means nothing to aliases."""
    name = address_function(request, context, action)
    return FunctionName(name.account_id, name.region, name.name)


def _weights(request: Request) -> dict[str, float] | None:
    """The weights asked for; None when the request does not speak of them."""
    routing = request.get("RoutingConfig")
    return None if routing is None else dict(routing.get("AdditionalVersionWeights") or {})


def _check_versions(transaction: Transaction, alias: AliasRecord) -> None:
    """The versions must exist and the weights make sense."""
    scope = (alias.account_id, alias.region, alias.function_name)
    record = require_function(transaction, FunctionName(*scope))
    require_version(transaction, record, FunctionName(*scope, alias.version))
    check_weights(alias.version, alias.weights)
    for version in alias.weights:
        require_version(transaction, record, FunctionName(*scope, version))


def _answer(alias: AliasRecord) -> Response:
    return {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": alias.weights} if alias.weights else None,
        "RevisionId": alias.revision_id,
    }
