"""The first steps of every operation on a function: which one is meant, is it the caller's own, may the caller do that.

Must not know what an operation does next.
"""

from lamplighter.aws.errors import AccessDeniedException, ResourceNotFoundException
from lamplighter.aws.operation import Request
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import Arn
from lamplighter.resources.functions.names import FunctionName, locate_function


def address_function(request: Request, context: RequestContext, action: str) -> FunctionName:
    """The function that `request` names, after the permission check for `action` (e.g. lambda:GetFunction)."""
    name = locate_function(
        request["FunctionName"], request.get("Qualifier"), account_id=context.account_id, region=context.region
    )
    arn = name.qualified_arn
    if name.account_id != context.account_id:
        check_own_account(name.account_id, context, action, arn)
    context.authorise(action, arn)
    return name


def check_own_account(account_id: str, context: RequestContext, action: str, arn: str) -> None:
    """Another account's resource is out of reach unless a policy of the resource says otherwise."""
    if account_id != context.account_id:
        raise AccessDeniedException(
            f"User: {context.principal.arn} is not authorized to perform: {action} on resource: {arn} "
            f"because no resource-based policy allows the {action} action"
        )


def check_reachable(arn: Arn, context: RequestContext, action: str, text: str) -> None:
    """A resource named by its whole ARN must be of this region and this account."""
    if arn.region != context.region:
        raise ResourceNotFoundException(
            f"Functions from '{arn.region}' are not reachable in this region ('{context.region}')"
        )
    check_own_account(arn.account_id, context, action, text)
