"""Runtime management: when a function's runtime is brought up to date. Must not know where runtimes come from.

Each version of a function has its own setting, kept among its `settings`; publishing copies it.
"""

from msgspec.structs import replace

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import LATEST, FunctionName
from lamplighter.resources.functions.runtime_management import AUTO, check_qualifier, chosen_mode, managed
from lamplighter.resources.functions.table import put_function, put_version, with_latest
from lamplighter.storage.storage import Transaction


class RuntimeManagementOperations:
    """PutRuntimeManagementConfig, GetRuntimeManagementConfig."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutRuntimeManagementConfig")
    async def put_runtime_management_config(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:PutRuntimeManagementConfig")
        await self._plane.wait_settled(name)
        revision_id = self._plane.ids.uuid()

        def decide(transaction: Transaction) -> FunctionConfiguration:
            record = require_function(transaction, name)
            current = require_version(transaction, record, name)
            changed = managed(current, request["UpdateRuntimeOn"], request.get("RuntimeVersionArn"))
            if changed == current:
                return current
            rules.check_changeable(record.latest)
            changed = replace(changed, revision_id=revision_id)
            if changed.version == LATEST:
                put_function(transaction, with_latest(record, changed))
            else:
                put_version(transaction, changed)
            return changed

        changed = await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return _answer(changed, name)

    @operation("GetRuntimeManagementConfig")
    async def get_runtime_management_config(self, request: Request, context: RequestContext) -> Response:
        name = _address(request, context, "lambda:GetRuntimeManagementConfig")
        record = require_function(self._plane.storage, name)
        return _answer(require_version(self._plane.storage, record, name), name)


def _address(request: Request, context: RequestContext, action: str) -> FunctionName:
    name = address_function(request, context, action)
    check_qualifier(name.qualifier)
    return name


def _answer(configuration: FunctionConfiguration, name: FunctionName) -> Response:
    """The runtime's version is told only where somebody has pinned it."""
    answer: Response = {"UpdateRuntimeOn": chosen_mode(configuration) or AUTO, "FunctionArn": name.qualified_arn}
    pinned = configuration.settings.get("RuntimeVersionArn")
    return answer if pinned is None else {**answer, "RuntimeVersionArn": pinned}
