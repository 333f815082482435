"""Invoke in its three forms: what the API says on top of the one door, and how results look in the answer.

Must not know how a function runs.
"""

import base64
from collections.abc import AsyncIterator
from typing import Any, Protocol

from lamplighter.aws.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
)
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.invocation.request import InvokeRequest, InvokeResult
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.resolution import ResolvedFunction
from lamplighter.resources.functions.rules import is_json_object_in_base64, pending

_ACCEPTED = 202
_NO_CONTENT = 204
_CHUNK_BYTES = 64 * 1024


class Door(Protocol):
    """Where every way to run a function ends."""

    async def invoke(self, request: InvokeRequest) -> InvokeResult: ...


class InvokeOperations:
    """Invoke, InvokeWithResponseStream, InvokeAsync."""

    def __init__(self, plane: ControlPlane, door: Door) -> None:
        self._plane = plane
        self._door = door

    @operation("Invoke")
    async def invoke(self, request: Request, context: RequestContext) -> Response:
        result = await self._invoke(request, context, request.get("Payload") or b"")
        answer: Response = {
            "StatusCode": result.status_code,
            "FunctionError": result.function_error,
            "ExecutedVersion": result.executed_version if result.status_code not in (_ACCEPTED, _NO_CONTENT) else None,
            "Payload": result.payload,
        }
        if result.log_tail is not None:
            answer["LogResult"] = base64.b64encode(result.log_tail).decode()
        return answer

    @operation("InvokeWithResponseStream")
    async def invoke_with_response_stream(self, request: Request, context: RequestContext) -> Response:
        """The response as events, while it is produced; a function that does not stream gives all of it in one."""
        result = await self._invoke(request, context, request.get("Payload") or b"", wants_stream=True)
        return {
            "StatusCode": result.status_code,
            "ExecutedVersion": result.executed_version,
            "ResponseStreamContentType": result.content_type,
            "EventStream": _events(result),
        }

    @operation("InvokeAsync")
    async def invoke_async(self, request: Request, context: RequestContext) -> Response:
        """The API of 2014: an Event invoke under another name."""
        result = await self._invoke({**request, "InvocationType": "Event"}, context, request.get("InvokeArgs") or b"")
        return {"Status": result.status_code}

    async def _invoke(
        self, request: Request, context: RequestContext, payload: bytes, *, wants_stream: bool = False
    ) -> InvokeResult:
        name = address_function(request, context, "lambda:InvokeFunction")
        resolved = await self._resolve(name)
        _check_tenant(resolved.configuration, request.get("TenantId"))
        _check_client_context(request.get("ClientContext"))
        invocation_type = request.get("InvocationType") or "RequestResponse"
        return await self._door.invoke(
            InvokeRequest(
                request_id=context.request_id,
                account_id=name.account_id,
                region=name.region,
                function_name=name.name,
                qualifier=name.qualifier,
                invocation_type=invocation_type,
                payload=payload,
                client_context=request.get("ClientContext"),
                tenant_id=request.get("TenantId"),
                trace_header=context.trace_header,
                wants_log_tail=request.get("LogType") == "Tail" and invocation_type == "RequestResponse",
                wants_stream=wants_stream,
                invoked_arn=name.qualified_arn,
            )
        )

    async def _resolve(self, name: FunctionName) -> ResolvedFunction:
        """The function, once its creation has ended; AWS refuses one that is still Pending or has Failed."""
        resolved = self._plane.directory.resolve(name.account_id, name.region, name.name, name.qualifier)
        if resolved.configuration.state == "Pending":
            await self._plane.wait_settled_version(resolved.configuration)
            resolved = self._plane.directory.resolve(name.account_id, name.region, name.name, name.qualifier)
        if resolved.configuration.state not in ("Active", "Inactive"):
            raise pending(resolved.configuration)
        return resolved


def _check_tenant(configuration: FunctionConfiguration, tenant_id: str | None) -> None:
    is_isolated = "TenancyConfig" in configuration.settings
    if is_isolated and not tenant_id:
        raise InvalidParameterValueException(
            "The invoked function is enabled with tenancy configuration. "
            "Add a valid tenant ID in your request and try again."
        )
    if tenant_id and not is_isolated:
        raise InvalidParameterValueException(
            "The invoked function is not enabled with tenancy configuration. "
            "Remove the tenant ID from your request and try again."
        )


def _check_client_context(client_context: str | None) -> None:
    if client_context and not is_json_object_in_base64(client_context):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")


# Any: events of the model's union, by member name.
async def _events(result: InvokeResult) -> AsyncIterator[dict[str, Any]]:
    ended = result
    if result.stream is not None:
        try:
            async for piece in result.stream:
                for start in range(0, len(piece), _CHUNK_BYTES):
                    yield {"PayloadChunk": {"Payload": piece[start : start + _CHUNK_BYTES]}}
        finally:
            result.stream.abandon()
        ended = result.stream.result()
    elif result.function_error is None and result.payload:
        yield {"PayloadChunk": {"Payload": result.payload}}
    yield {"InvokeComplete": _complete(ended)}


def _complete(ended: InvokeResult) -> dict[str, Any]:
    """The last event; an error is told here and nowhere else, because the status is sent long before."""
    complete: dict[str, Any] = {}
    if ended.function_error is not None:
        complete["ErrorCode"] = ended.function_error
        complete["ErrorDetails"] = ended.payload.decode("utf-8", "replace")
    if ended.log_tail is not None:
        complete["LogResult"] = base64.b64encode(ended.log_tail).decode()
    return complete
