"""Reserved concurrency of functions. Must not know how admission counts."""

from msgspec.structs import replace

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function
from lamplighter.identity.context import RequestContext
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.rules import check_reserved_concurrency
from lamplighter.resources.functions.table import add_usage, get_usage, put_function
from lamplighter.resources.provisioned_concurrency.rules import check_reservation
from lamplighter.resources.provisioned_concurrency.table import claimed_concurrency, list_configs
from lamplighter.storage.storage import Transaction


class ConcurrencyOperations:
    """PutFunctionConcurrency, GetFunctionConcurrency, DeleteFunctionConcurrency."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutFunctionConcurrency")
    async def put_function_concurrency(self, request: Request, context: RequestContext) -> Response:
        reserved: int = request["ReservedConcurrentExecutions"]
        await self._set(_address(request, context, "lambda:PutFunctionConcurrency"), reserved)
        return {"ReservedConcurrentExecutions": reserved}

    @operation("GetFunctionConcurrency")
    async def get_function_concurrency(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetFunctionConcurrency")
        record = require_function(self._plane.storage, name)
        return {"ReservedConcurrentExecutions": record.reserved_concurrency}

    @operation("DeleteFunctionConcurrency")
    async def delete_function_concurrency(self, request: Request, context: RequestContext) -> Response:
        await self._set(_address(request, context, "lambda:DeleteFunctionConcurrency"), None)
        return {}

    async def _set(self, name: FunctionName, reserved: int | None) -> None:
        def decide(transaction: Transaction) -> None:
            record = require_function(transaction, name)
            added = (reserved or 0) - (record.reserved_concurrency or 0)
            usage = get_usage(transaction, name.account_id, name.region)
            if reserved is not None:
                claimed = claimed_concurrency(transaction, name.account_id, name.region, besides=name.name)
                check_reserved_concurrency(usage.reserved_concurrency + added + claimed, self._plane.limits)
                check_reservation(reserved, sum(config.requested for config in list_configs(transaction, name)))
            put_function(transaction, replace(record, reserved_concurrency=reserved))
            add_usage(transaction, name.account_id, name.region, reserved_concurrency=added)

        await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)


def _address(request: Request, context: RequestContext, action: str) -> FunctionName:
    name = address_function(request, context, action)
    if name.qualifier is not None:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return name
