"""Permissions on layer versions: who else may use them. Must not know who evaluates them."""

from collections.abc import Callable

import msgspec

from lamplighter.aws.errors import PreconditionFailedException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.layers import address_layer
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import lambda_arn
from lamplighter.resources.functions.table import Reader
from lamplighter.resources.layers.rules import check_number, version_without_policy
from lamplighter.resources.layers.table import get_layer_version
from lamplighter.resources.policies.model import PolicyRecord
from lamplighter.resources.policies.rules import add_statement, no_policy, remove_statement, statement_of
from lamplighter.resources.policies.table import get_policy, put_policy
from lamplighter.storage.storage import Transaction

Change = Callable[[PolicyRecord | None], PolicyRecord]


class LayerPolicyOperations:
    """AddLayerVersionPermission, RemoveLayerVersionPermission, GetLayerVersionPolicy."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("AddLayerVersionPermission")
    async def add_layer_version_permission(self, request: Request, context: RequestContext) -> Response:
        arn = self._address(self._plane.storage, request, context, "lambda:AddLayerVersionPermission")
        statement = statement_of(request, arn, context.region)
        revision_id = self._plane.ids.uuid()
        await self._change(arn, request, lambda policy: add_statement(policy, statement, revision_id))
        return {"Statement": msgspec.json.encode(statement).decode(), "RevisionId": revision_id}

    @operation("RemoveLayerVersionPermission")
    async def remove_layer_version_permission(self, request: Request, context: RequestContext) -> Response:
        arn = self._address(self._plane.storage, request, context, "lambda:RemoveLayerVersionPermission")
        statement_id, revision_id = request["StatementId"], self._plane.ids.uuid()
        await self._change(arn, request, lambda policy: remove_statement(policy, statement_id, revision_id))
        return {}

    @operation("GetLayerVersionPolicy")
    async def get_layer_version_policy(self, request: Request, context: RequestContext) -> Response:
        arn = self._address(self._plane.storage, request, context, "lambda:GetLayerVersionPolicy")
        policy = get_policy(self._plane.storage, arn)
        if policy is None:
            raise no_policy()
        return {"Policy": policy.document, "RevisionId": policy.revision_id}

    def _address(self, reader: Reader, request: Request, context: RequestContext, action: str) -> str:
        """The ARN of a layer version that is there."""
        number = request["VersionNumber"]
        check_number(number)
        account_id, region, name = address_layer(request["LayerName"], context, action, number)
        arn = lambda_arn(region, account_id, "layer", name, str(number))
        if get_layer_version(reader, account_id, region, name, number) is None:
            raise version_without_policy(arn)
        return arn

    async def _change(self, arn: str, request: Request, change: Change) -> None:
        def decide(transaction: Transaction) -> None:
            policy = get_policy(transaction, arn)
            given = request.get("RevisionId")
            if given and (policy is None or given != policy.revision_id):
                raise PreconditionFailedException(
                    "The Revision Id provided does not match the latest Revision Id. "
                    "Call the GetLayerPolicy API to retrieve the latest Revision Id"
                )
            put_policy(transaction, arn, change(policy))

        await self._plane.storage.transact(decide)
