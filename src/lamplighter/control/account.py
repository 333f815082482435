"""Account settings: the quotas, and what is really used. Must not know how the figures are kept up to date."""

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.resources.functions.table import get_usage
from lamplighter.resources.provisioned_concurrency.table import claimed_concurrency


class AccountOperations:
    """GetAccountSettings."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("GetAccountSettings")
    async def get_account_settings(self, request: Request, context: RequestContext) -> Response:
        context.authorise("lambda:GetAccountSettings", "*")
        limits = self._plane.limits
        usage = get_usage(self._plane.storage, context.account_id, context.region)
        claimed = usage.reserved_concurrency + claimed_concurrency(
            self._plane.storage, context.account_id, context.region
        )
        return {
            "AccountLimit": {
                "TotalCodeSize": limits.total_code_bytes,
                "CodeSizeUnzipped": limits.unzipped_code_bytes,
                "CodeSizeZipped": limits.zipped_code_bytes,
                "ConcurrentExecutions": limits.concurrent_executions,
                "UnreservedConcurrentExecutions": limits.concurrent_executions - claimed,
            },
            "AccountUsage": {"TotalCodeSize": usage.code_bytes, "FunctionCount": usage.function_count},
        }
