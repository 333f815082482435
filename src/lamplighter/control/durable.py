"""The operations on durable executions, for as long as none can be started: every execution and callback is unknown.

Requests are parsed, validated and authorised as they will be. Must not know how executions run.
"""

from typing import NoReturn

from lamplighter.aws.errors import InvalidParameterValueException, ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext

# The SDKs tell a stale token from a broken request by these words, and only by these: the one for Python spells them
# differently from the others.
_STALE_TOKEN = "Invalid Checkpoint Token"  # noqa: S105  # a message
_STALE_TOKEN_FOR_PYTHON = "Invalid checkpoint token"  # noqa: S105  # a message
_PYTHON_SDK = "aws-durable-execution-sdk-python"


class DurableExecutionOperations:
    """The twelve operations on durable executions."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("ListDurableExecutionsByFunction")
    async def list_durable_executions_by_function(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:ListDurableExecutionsByFunction")
        require_version(self._plane.storage, require_function(self._plane.storage, name), name)
        pagination.read_marker(request)
        return {"DurableExecutions": []}

    @operation("GetDurableExecution")
    async def get_durable_execution(self, request: Request, context: RequestContext) -> Response:
        _refuse_execution(request, context, "lambda:GetDurableExecution")

    @operation("GetDurableExecutionHistory")
    async def get_durable_execution_history(self, request: Request, context: RequestContext) -> Response:
        _refuse_execution(request, context, "lambda:GetDurableExecutionHistory")

    @operation("StopDurableExecution")
    async def stop_durable_execution(self, request: Request, context: RequestContext) -> Response:
        _refuse_execution(request, context, "lambda:StopDurableExecution")

    @operation("PauseDurableExecution")
    async def pause_durable_execution(self, request: Request, context: RequestContext) -> Response:
        _refuse_execution(request, context, "lambda:PauseDurableExecution")

    @operation("ResumeDurableExecution")
    async def resume_durable_execution(self, request: Request, context: RequestContext) -> Response:
        _refuse_execution(request, context, "lambda:ResumeDurableExecution")

    @operation("DeleteDurableExecution")
    async def delete_durable_execution(self, request: Request, context: RequestContext) -> Response:
        _refuse_execution(request, context, "lambda:DeleteDurableExecution")

    @operation("CheckpointDurableExecution")
    async def checkpoint_durable_execution(self, request: Request, context: RequestContext) -> Response:
        _refuse_token(request, context, "lambda:CheckpointDurableExecution")

    @operation("GetDurableExecutionState")
    async def get_durable_execution_state(self, request: Request, context: RequestContext) -> Response:
        _refuse_token(request, context, "lambda:GetDurableExecutionState")

    @operation("SendDurableExecutionCallbackSuccess")
    async def send_durable_execution_callback_success(self, request: Request, context: RequestContext) -> Response:
        _refuse_callback(request, context, "lambda:SendDurableExecutionCallbackSuccess")

    @operation("SendDurableExecutionCallbackFailure")
    async def send_durable_execution_callback_failure(self, request: Request, context: RequestContext) -> Response:
        _refuse_callback(request, context, "lambda:SendDurableExecutionCallbackFailure")

    @operation("SendDurableExecutionCallbackHeartbeat")
    async def send_durable_execution_callback_heartbeat(self, request: Request, context: RequestContext) -> Response:
        _refuse_callback(request, context, "lambda:SendDurableExecutionCallbackHeartbeat")


def _refuse_execution(request: Request, context: RequestContext, action: str) -> NoReturn:
    """Those of other accounts and regions are as unknown as all others."""
    context.authorise(action, request["DurableExecutionArn"])
    raise ResourceNotFoundException(f"Durable execution not found: {request['DurableExecutionArn']}")


def _refuse_token(request: Request, context: RequestContext, action: str) -> NoReturn:
    """What a running invocation sends: AWS's model has no 404 for it, so an unknown execution is a stale token."""
    context.authorise(action, request["DurableExecutionArn"])
    is_python = _PYTHON_SDK in context.user_agent
    raise InvalidParameterValueException(_STALE_TOKEN_FOR_PYTHON if is_python else _STALE_TOKEN)


def _refuse_callback(request: Request, context: RequestContext, action: str) -> NoReturn:
    """A callback's id is opaque; which execution it belongs to decides who may send it."""
    context.authorise(action, "*")
    raise ResourceNotFoundException(f"Callback not found: {request['CallbackId']}")
