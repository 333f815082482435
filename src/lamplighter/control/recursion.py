"""Recursion: whether a function that invokes itself in a loop is stopped. Must not know how loops are noticed."""

from msgspec.structs import replace

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function
from lamplighter.identity.context import RequestContext
from lamplighter.resources.functions.table import put_function
from lamplighter.storage.storage import Transaction


class RecursionOperations:
    """PutFunctionRecursionConfig, GetFunctionRecursionConfig."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutFunctionRecursionConfig")
    async def put_function_recursion_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:PutFunctionRecursionConfig")
        wanted: str = request["RecursiveLoop"]

        def decide(transaction: Transaction) -> None:
            put_function(transaction, replace(require_function(transaction, name), recursive_loop=wanted))

        await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return {"RecursiveLoop": wanted}

    @operation("GetFunctionRecursionConfig")
    async def get_function_recursion_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetFunctionRecursionConfig")
        return {"RecursiveLoop": require_function(self._plane.storage, name).recursive_loop}
