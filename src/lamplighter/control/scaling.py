"""How many execution environments a version of a managed function shall have. Must not know how it is placed."""

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.resources.capacity_providers import rules
from lamplighter.resources.capacity_providers.model import ScalingConfig
from lamplighter.resources.capacity_providers.table import delete_scaling, get_scaling, put_scaling
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.table import Reader, capacity_provider_of
from lamplighter.storage.storage import Transaction


class ScalingOperations:
    """PutFunctionScalingConfig, GetFunctionScalingConfig."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutFunctionScalingConfig")
    async def put_function_scaling_config(self, request: Request, context: RequestContext) -> Response:
        """Replaces what was there; without a FunctionScalingConfig there is none any more."""
        name = address_function(request, context, "lambda:PutFunctionScalingConfig")
        given = request.get("FunctionScalingConfig") or {}
        config = ScalingConfig(
            minimum=given.get("MinExecutionEnvironments"), maximum=given.get("MaxExecutionEnvironments")
        )

        def decide(transaction: Transaction) -> FunctionConfiguration:
            version = _require(transaction, name)
            rules.check_scaling(config)
            if given:
                put_scaling(transaction, name, config)
            else:
                delete_scaling(transaction, name)
            return version

        return {"FunctionState": (await self._plane.storage.transact(decide)).state}

    @operation("GetFunctionScalingConfig")
    async def get_function_scaling_config(self, request: Request, context: RequestContext) -> Response:
        """What is applied is told only of a version that has been placed."""
        name = address_function(request, context, "lambda:GetFunctionScalingConfig")
        version = _require(self._plane.storage, name)
        config = get_scaling(self._plane.storage, name)
        requested = None
        if config is not None:
            requested = {
                "MinExecutionEnvironments": config.minimum,
                "MaxExecutionEnvironments": config.maximum,
            }
        return {
            "FunctionArn": name.qualified_arn,
            "AppliedFunctionScalingConfig": requested if version.state == "Active" else None,
            "RequestedFunctionScalingConfig": requested,
        }


def _require(reader: Reader, name: FunctionName) -> FunctionConfiguration:
    version = require_version(reader, require_function(reader, name), name)
    if capacity_provider_of(version) is None:
        raise rules.not_managed()
    return version
