"""Resource policies as a whole: PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy.

They see and replace what AddPermission and its sisters build statement by statement. Must not know who evaluates it.
"""

from lamplighter.aws.errors import InvalidParameterValueException, ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane
from lamplighter.control.policies import change_policy, revision_of
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import Arn
from lamplighter.resources.functions.names import LATEST, FunctionName
from lamplighter.resources.policies.document import read_document
from lamplighter.resources.policies.model import PolicyRecord
from lamplighter.resources.policies.table import get_policy


class ResourcePolicyOperations:
    """PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutResourcePolicy")
    async def put_resource_policy(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:PutResourcePolicy")
        if name.qualifier == LATEST:
            raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
        revision_id = self._plane.ids.uuid()
        policy = read_document(request["Policy"], name.qualified_arn, revision_id)
        await change_policy(self._plane, name, request, revision_id, lambda _: policy)
        return {"Policy": policy.document, "RevisionId": revision_id}

    @operation("GetResourcePolicy")
    async def get_resource_policy(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:GetResourcePolicy")
        revision_id = revision_of(self._plane.storage, name)
        policy = get_policy(self._plane.storage, name.qualified_arn)
        if policy is None:
            raise _not_found()
        return {"Policy": policy.document, "RevisionId": revision_id}

    @operation("DeleteResourcePolicy")
    async def delete_resource_policy(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:DeleteResourcePolicy")
        revision_id = self._plane.ids.uuid()

        def remove(policy: PolicyRecord | None) -> PolicyRecord:
            if policy is None:
                raise _not_found()
            return PolicyRecord(revision_id=revision_id)

        await change_policy(self._plane, name, request, revision_id, remove)
        return {}


def _address(request: Request, context: RequestContext, action: str) -> FunctionName:
    """The function, version or alias that the ARN names; policies of runtimes there are none."""
    arn = Arn.parse(request["ResourceArn"])
    if arn is None or not arn.resource.startswith("function:"):
        context.authorise(action, request["ResourceArn"])
        raise _not_found()
    return address_function({"FunctionName": request["ResourceArn"]}, context, action)


def _not_found() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")
