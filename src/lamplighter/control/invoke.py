"""Invoke in its three forms: what the API says on top of the one door, and how results look in the answer.

Must not know how a function runs.
"""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import msgspec

from lamplighter.aws.errors import InvalidRequestContentException
from lamplighter.aws.operation import Request, Response, operation, quick_start
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.invocation.request import InvokeRequest, InvokeResult
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.resolution import ResolvedFunction
from lamplighter.resources.functions.rules import is_json_object_in_base64, pending
from lamplighter.resources.functions.tenancy import check_tenant

_ACCEPTED = 202
_NO_CONTENT = 204
_CHUNK_BYTES = 64 * 1024


class Invoking(Protocol):
    """An invoke under way."""

    def when_ended(self, tell: Callable[[], None]) -> None: ...

    def result(self) -> InvokeResult: ...


class Door(Protocol):
    """Where every way to run a function ends."""

    async def invoke(self, request: InvokeRequest) -> InvokeResult: ...

    def begin(self, request: InvokeRequest) -> Invoking:
        """Begin a RequestResponse invoke; the caller waits without a task."""
        ...

    def begin_event(self, request: InvokeRequest) -> Invoking | None:
        """Begin to accept an event likewise; None when only `invoke` can do it."""
        ...


class _BegunInvoke:
    """aws.operation.Begun for Invoke."""

    __slots__ = ("_invoking", "when_ended")

    def __init__(self, invoking: Invoking) -> None:
        self._invoking = invoking
        self.when_ended = invoking.when_ended

    def response(self) -> Response:
        return _response(self._invoking.result())


class InvokeOperations:
    """Invoke, InvokeWithResponseStream, InvokeAsync."""

    def __init__(self, plane: ControlPlane, door: Door) -> None:
        self._plane = plane
        self._door = door

    @operation("Invoke")
    async def invoke(self, request: Request, context: RequestContext) -> Response:
        return _response(await self._invoke(request, context, request.get("Payload") or b""))

    @quick_start("Invoke")
    def begin_invoke(self, request: Request, context: RequestContext) -> _BegunInvoke | None:
        """The usual invokes: RequestResponse, and Event with a small payload, of a function that is Active."""
        invocation_type = request.get("InvocationType", "RequestResponse")
        if invocation_type == "DryRun":
            return None
        name = address_function(request, context, "lambda:InvokeFunction")
        resolved = self._plane.directory.resolve(name.account_id, name.region, name.name, name.qualifier)
        if resolved.configuration.state != "Active":
            return None
        asked = _invoke_request(request, context, name, resolved.configuration, request.get("Payload") or b"")
        if invocation_type == "RequestResponse":
            return _BegunInvoke(self._door.begin(asked))
        accepting = self._door.begin_event(asked)
        return None if accepting is None else _BegunInvoke(accepting)

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
        asked = _invoke_request(request, context, name, resolved.configuration, payload)
        return await self._door.invoke(msgspec.structs.replace(asked, wants_stream=True) if wants_stream else asked)

    async def _resolve(self, name: FunctionName) -> ResolvedFunction:
        """The function, once its creation has ended; AWS refuses one that is still Pending or has Failed."""
        resolved = self._plane.directory.resolve(name.account_id, name.region, name.name, name.qualifier)
        if resolved.configuration.state == "Pending":
            await self._plane.wait_settled_version(resolved.configuration)
            resolved = self._plane.directory.resolve(name.account_id, name.region, name.name, name.qualifier)
        if resolved.configuration.state != "Active":
            raise pending(resolved.configuration)
        return resolved


def _invoke_request(
    request: Request, context: RequestContext, name: FunctionName, configuration: FunctionConfiguration, payload: bytes
) -> InvokeRequest:
    """What the door is asked, after the checks that only this API makes."""
    client_context, tenant_id = request.get("ClientContext"), request.get("TenantId")
    check_tenant(configuration, tenant_id)
    if client_context:
        _check_client_context(client_context)
    invocation_type = request.get("InvocationType") or "RequestResponse"
    return InvokeRequest(
        request_id=context.request_id,
        account_id=name.account_id,
        region=name.region,
        function_name=name.name,
        qualifier=name.qualifier,
        invocation_type=invocation_type,
        payload=payload,
        client_context=client_context,
        tenant_id=tenant_id,
        trace_header=context.trace_header,
        wants_log_tail=request.get("LogType") == "Tail" and invocation_type == "RequestResponse",
        invoked_arn=name.qualified_arn,
    )


def _response(result: InvokeResult) -> Response:
    answer: Response = {"StatusCode": result.status_code, "Payload": result.payload}
    if result.status_code not in (_ACCEPTED, _NO_CONTENT):
        answer["ExecutedVersion"] = result.executed_version
    if result.function_error is not None:
        answer["FunctionError"] = result.function_error
    if result.log_tail is not None:
        answer["LogResult"] = base64.b64encode(result.log_tail).decode()
    return answer


def _check_client_context(client_context: str) -> None:
    if not is_json_object_in_base64(client_context):
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
