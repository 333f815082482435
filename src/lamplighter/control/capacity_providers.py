"""Capacity providers: create, get, list, update, delete; and which function versions use one.

Must not know how functions are placed.
"""

from itertools import islice
from typing import Any

from msgspec.structs import replace

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import check_reachable
from lamplighter.control.answers import last_modified
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import Arn, lambda_arn
from lamplighter.resources.capacity_providers import rules
from lamplighter.resources.capacity_providers.model import DELETING, CapacityProvider
from lamplighter.resources.capacity_providers.table import (
    Key,
    get_capacity_provider,
    iterate_versions,
    list_capacity_providers,
    put_capacity_provider,
)
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.table import Reader, capacity_provider_of
from lamplighter.resources.tags.rules import check_tags
from lamplighter.resources.tags.table import put_tags
from lamplighter.storage.storage import Transaction

_PREFIX = "capacity-provider:"
_PATIENCE_SECONDS = 15.0


class CapacityProviderOperations:
    """The six operations on capacity providers."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("CreateCapacityProvider")
    async def create_capacity_provider(self, request: Request, context: RequestContext) -> Response:
        key = _address(request, context, "lambda:CreateCapacityProvider")
        tags = check_tags({}, request.get("Tags") or {}, self._plane.limits.tags_per_resource)
        account_id, region, name = key
        created = CapacityProvider(
            account_id=account_id,
            region=region,
            name=name,
            modified_at=context.now,
            settings=rules.first_settings(request),
        )

        def decide(transaction: Transaction) -> None:
            if get_capacity_provider(transaction, *key) is not None:
                raise rules.already_exists(created.arn)
            rules.check_count(len(list_capacity_providers(transaction, account_id, region, limit=rules.MOST)))
            put_capacity_provider(transaction, created)
            put_tags(transaction, created.arn, tags)

        await self._plane.storage.transact(decide)
        self._plane.capacity.schedule(key)
        return {"CapacityProvider": _answer(created)}

    @operation("GetCapacityProvider")
    async def get_capacity_provider(self, request: Request, context: RequestContext) -> Response:
        key = _address(request, context, "lambda:GetCapacityProvider")
        return {"CapacityProvider": _answer(_require(self._plane.storage, key))}

    @operation("ListCapacityProviders")
    async def list_capacity_providers(self, request: Request, context: RequestContext) -> Response:
        """By name; with State, those that are in it."""
        context.authorise("lambda:ListCapacityProviders", "*")
        size, after = pagination.page_size(request), pagination.read_marker(request)
        wanted = request.get("State")
        limit = None if wanted else size + 1
        found = list_capacity_providers(
            self._plane.storage, context.account_id, context.region, after=after, limit=limit
        )
        matching = [each for each in found if not wanted or each.state == wanted]
        return pagination.answer_page("CapacityProviders", matching, size, key=lambda each: each.name, show=_answer)

    @operation("UpdateCapacityProvider")
    async def update_capacity_provider(self, request: Request, context: RequestContext) -> Response:
        """What the request leaves out stays; one that changes nothing is no modification."""
        key = _address(request, context, "lambda:UpdateCapacityProvider")
        await self._plane.capacity.wait_settled(key, _PATIENCE_SECONDS)

        def decide(transaction: Transaction) -> CapacityProvider:
            current = _require(transaction, key)
            rules.check_changeable(current)
            updated = replace(current, settings=rules.changed_settings(current.settings, request))
            if updated != current:
                updated = replace(updated, modified_at=context.now)
                put_capacity_provider(transaction, updated)
            return updated

        return {"CapacityProvider": _answer(await self._plane.storage.transact(decide))}

    @operation("DeleteCapacityProvider")
    async def delete_capacity_provider(self, request: Request, context: RequestContext) -> Response:
        key = _address(request, context, "lambda:DeleteCapacityProvider")
        await self._plane.capacity.wait_settled(key, _PATIENCE_SECONDS)

        def decide(transaction: Transaction) -> CapacityProvider:
            current = _require(transaction, key)
            rules.check_changeable(current)
            if any(iterate_versions(transaction, current.arn)):
                raise rules.in_use(current.arn)
            leaving = replace(current, state=DELETING)
            put_capacity_provider(transaction, leaving)
            put_tags(transaction, leaving.arn, {})
            return leaving

        leaving = await self._plane.storage.transact(decide)
        self._plane.capacity.schedule(key)
        return {"CapacityProvider": _answer(leaving)}

    @operation("ListFunctionVersionsByCapacityProvider")
    async def list_function_versions_by_capacity_provider(self, request: Request, context: RequestContext) -> Response:
        key = _address(request, context, "lambda:ListFunctionVersionsByCapacityProvider")
        arn = _require(self._plane.storage, key).arn
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = list(islice(iterate_versions(self._plane.storage, arn, after=after), size + 1))
        page = pagination.answer_page(
            "FunctionVersions",
            found,
            size,
            key=lambda item: item[0],
            show=lambda item: {"FunctionArn": item[1].qualified_arn, "State": item[1].state},
        )
        return {"CapacityProviderArn": arn, **page}


class TaggableCapacityProvider:
    """Capacity providers, for the operations on tags."""

    prefix = _PREFIX

    def check(self, reader: Reader, arn: Arn, text: str) -> None:
        name = arn.resource.removeprefix(self.prefix)
        if get_capacity_provider(reader, arn.account_id, arn.region, name) is None:
            raise rules.not_found(text)

    def touch(self, transaction: Transaction, arn: Arn, revision_id: str) -> None:
        """Tags do not modify the capacity provider."""


def check_capacity_provider(reader: Reader, request: Request, before: FunctionConfiguration | None = None) -> None:
    """The capacity provider that a function's new configuration names must be there.

    A function is managed from its creation on, or never.
    """
    managed = (request.get("CapacityProviderConfig") or {}).get("LambdaManagedInstancesCapacityProviderConfig")
    if not managed:
        return
    if before is not None and capacity_provider_of(before) is None:
        raise rules.cannot_become_managed()
    text: str = managed["CapacityProviderArn"]
    arn = Arn.parse(text)
    if arn is None or _read(reader, arn) is None:
        raise rules.not_found(text)


def _read(reader: Reader, arn: Arn) -> CapacityProvider | None:
    found = get_capacity_provider(reader, arn.account_id, arn.region, arn.resource.removeprefix(_PREFIX))
    return None if found is None or found.state == DELETING else found


def _address(request: Request, context: RequestContext, action: str) -> Key:
    """A name, or the whole ARN of one's own."""
    text: str = request["CapacityProviderName"]
    arn = Arn.parse(text)
    if arn is None:
        context.authorise(action, _arn(context, text))
        return context.account_id, context.region, text
    check_reachable(arn, context, action, text)
    context.authorise(action, text)
    return arn.account_id, arn.region, arn.resource.removeprefix(_PREFIX)


def _arn(context: RequestContext, name: str) -> str:
    return lambda_arn(context.region, context.account_id, "capacity-provider", name)


def _require(reader: Reader, key: Key) -> CapacityProvider:
    found = get_capacity_provider(reader, *key)
    if found is None:
        account_id, region, name = key
        raise rules.not_found(lambda_arn(region, account_id, "capacity-provider", name))
    return found


# Any: the API's own nested structures.
def _answer(capacity_provider: CapacityProvider) -> dict[str, Any]:
    return {
        "CapacityProviderArn": capacity_provider.arn,
        "State": capacity_provider.state,
        **capacity_provider.settings,
        "LastModified": last_modified(capacity_provider.modified_at),
    }
