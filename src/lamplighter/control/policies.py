"""Permissions on functions: AddPermission, RemovePermission, GetPolicy.

A policy hangs on the function, on a version or on an alias; its revision is that of what it hangs on. Must not know
who evaluates it.
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from lamplighter.aws.errors import InvalidParameterValueException, ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.resources.aliases.rules import alias_to_get_not_found
from lamplighter.resources.aliases.table import get_alias, put_alias
from lamplighter.resources.functions.names import LATEST, FunctionName, is_alias
from lamplighter.resources.functions.rules import check_revision
from lamplighter.resources.functions.table import Reader, get_function, put_function, put_version, with_latest
from lamplighter.resources.policies.model import PolicyRecord
from lamplighter.resources.policies.rules import add_statement, no_policy_of, remove_statement, statement_of
from lamplighter.resources.policies.table import get_policy, put_policy
from lamplighter.storage.storage import Transaction

Change = Callable[[PolicyRecord | None], PolicyRecord]


class PolicyOperations:
    """AddPermission, RemovePermission, GetPolicy."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("AddPermission")
    async def add_permission(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:AddPermission")
        if name.qualifier == LATEST:
            raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
        statement = statement_of(request, name.qualified_arn, name.region)
        revision_id = self._plane.ids.uuid()
        await change_policy(
            self._plane, name, request, revision_id, lambda policy: add_statement(policy, statement, revision_id)
        )
        return {"Statement": msgspec.json.encode(statement).decode()}

    @operation("RemovePermission")
    async def remove_permission(self, request: Request, context: RequestContext) -> Response:
        """AWS looks for the statement before it compares revisions, and has words of its own for a missing function."""
        name = address_function(request, context, "lambda:RemovePermission")
        if get_function(self._plane.storage, name.account_id, name.region, name.name) is None:
            raise no_policy_of(name.arn)
        statement_id, revision_id = request["StatementId"], self._plane.ids.uuid()
        await change_policy(
            self._plane,
            name,
            request,
            revision_id,
            lambda policy: remove_statement(policy, statement_id, revision_id),
            is_guarded_last=True,
        )
        return {}

    @operation("GetPolicy")
    async def get_policy(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetPolicy")
        revision_id = revision_of(self._plane.storage, name)
        policy = get_policy(self._plane.storage, name.qualified_arn)
        if policy is None:
            raise ResourceNotFoundException("The resource you requested does not exist.")
        return {"Policy": policy.document, "RevisionId": revision_id}


async def change_policy(
    plane: ControlPlane,
    name: FunctionName,
    request: Request,
    revision_id: str,
    change: Change,
    *,
    is_guarded_last: bool = False,
) -> PolicyRecord:
    """Change policy and revision in one transaction.

    The request's RevisionId must be the current one; `is_guarded_last` lets what `change` refuses be said before.
    """

    def decide(transaction: Transaction) -> PolicyRecord:
        current = revision_of(transaction, name)
        if not is_guarded_last:
            check_revision(request.get("RevisionId"), current)
        changed = change(get_policy(transaction, name.qualified_arn))
        check_revision(request.get("RevisionId"), current)
        put_policy(transaction, name.qualified_arn, changed)
        _revise(transaction, name, revision_id)
        return changed

    changed = await plane.storage.transact(decide)
    plane.directory.forget(name.account_id, name.region, name.name)
    return changed


def revision_of(reader: Reader, name: FunctionName) -> str:
    """The revision of what the policy hangs on, which must exist."""
    record = require_function(reader, FunctionName(name.account_id, name.region, name.name))
    if is_alias(name.qualifier):
        alias = get_alias(reader, name.account_id, name.region, name.name, str(name.qualifier))
        if alias is None:
            raise alias_to_get_not_found(name.qualified_arn)
        return alias.revision_id
    return require_version(reader, record, name).revision_id


def _revise(transaction: Transaction, name: FunctionName, revision_id: str) -> None:
    record = require_function(transaction, name)
    if name.asks_for_latest:
        put_function(transaction, with_latest(record, replace(record.latest, revision_id=revision_id)))
    elif is_alias(name.qualifier):
        alias = get_alias(transaction, name.account_id, name.region, name.name, str(name.qualifier))
        if alias is not None:
            put_alias(transaction, replace(alias, revision_id=revision_id))
    else:
        put_version(transaction, replace(require_version(transaction, record, name), revision_id=revision_id))
