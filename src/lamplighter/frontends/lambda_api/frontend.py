"""The Lambda API: route -> authenticate -> parse and validate -> operation -> serialise, in that order.

Every answer carries x-amzn-RequestId; nothing unexpected reaches the client but AWS's ServiceException. Must not know
what an operation does, nor which port a request came through.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial

from lamplighter.aws.errors import (
    AwsError,
    InvalidRequestContentException,
    InvalidSignatureException,
    NotImplementedException,
    ServiceException,
    UnknownOperationException,
)
from lamplighter.aws.operation import Begun, OperationRegistry, PayloadStream, QuickStart
from lamplighter.aws.service import Match, Operation, Service, WireResponse
from lamplighter.frontends.authentication import Authenticator
from lamplighter.frontends.counters import ApiCounters
from lamplighter.frontends.lambda_api.sizes import RequestSizes, too_large
from lamplighter.identity.context import Authoriser, RequestContext
from lamplighter.identity.sigv4 import Caller
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.storage.storage import StorageBusy, StorageFailed, StorageFull
from lamplighter.wire.http_exchange import ClientGone, Exchange
from lamplighter.wire.http_message import HttpRequest, HttpResponse, Refusal

_log = logging.getLogger(__name__)
_SERVICE = "lambda"
_REQUEST_ID = "x-amzn-RequestId"
_TOO_LARGE = 413
_INTERNAL = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the Lambda API is made of. `scheme` (http or https) completes the links that answers hold."""

    service: Service
    registry: OperationRegistry
    authenticator: Authenticator
    authoriser: Authoriser
    sizes: RequestSizes
    counters: ApiCounters
    clock: Clock
    ids: Ids
    scheme: str = "http"


class LambdaApi:
    """Answers the requests of the `lambda` service. An operation once begun runs to its end, whoever hangs up."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._service = parts.service
        self._new_id = parts.ids.uuid
        self._count = parts.counters.count
        self._running: set[asyncio.Task[None]] = set()
        self._begun = 0

    def handle(self, request: HttpRequest, exchange: Exchange) -> None:
        """Begin to answer a request."""
        request_id = self._new_id()
        match = self._service.match(request.method, request.path, request.query)
        if match is not None:
            start = self._parts.registry.quick_start(match.operation.name)
            if start is not None and self._begin(start, match, request, exchange, request_id):
                return
        running = asyncio.get_running_loop().create_task(self._answer(request, exchange, match, request_id))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return len(self._running) + self._begun

    async def close(self, seconds: float) -> None:
        """Wait for operations in flight, then cancel what is left."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=seconds)
        for running in tuple(self._running):
            running.cancel()

    def body_limit(self, method: str, path: str) -> int:
        """How many bytes the body of a request may have, known from its head."""
        match = self._service.match(method, path, "")
        return self._parts.sizes.limit(match.operation.name if match is not None else "")

    def refuse(self, refusal: Refusal) -> HttpResponse:
        """What the HTTP protocol refused, in AWS's form."""
        request_id = self._parts.ids.uuid()
        wire = self._service.serialise_error(self._refusal_error(refusal), request_id)
        body = wire.body if isinstance(wire.body, bytes) else b""
        status = wire.status if refusal.status == _TOO_LARGE else refusal.status
        self._parts.counters.count("-", status)
        return HttpResponse(status, _with_request_id(wire, request_id), body)

    def _refusal_error(self, refusal: Refusal) -> AwsError:
        if refusal.status == _TOO_LARGE:
            match = self._service.match(refusal.method, refusal.path, "")
            return too_large(match.operation.name if match is not None else "requested", refusal.limit)
        if refusal.status >= _INTERNAL:
            return ServiceException(refusal.reason)
        return InvalidRequestContentException(refusal.reason)

    def _error(self, error: Exception, request_id: str) -> WireResponse:
        """What the client is told. Of the unexpected it learns the request id only."""
        if isinstance(error, AwsError):
            return self._service.serialise_error(error, request_id)
        if isinstance(error, StorageFull | StorageBusy | StorageFailed):
            _log.error("request %s: storage: %s", request_id, error)  # the cause is known, no traceback
            return self._service.serialise_error(_storage_error(error), request_id)
        _log.error("request %s failed unexpectedly", request_id, exc_info=error)
        return self._service.serialise_error(ServiceException("An internal error occurred."), request_id)

    # --- a request whose operation needs no task

    def _begin(
        self, start: QuickStart, match: Match, request: HttpRequest, exchange: Exchange, request_id: str
    ) -> bool:
        """Whether the request is taken care of."""
        operation = match.operation
        try:
            caller = self._parts.authenticator.authenticate_at_once(request)
            if caller is None:
                return False
            if caller.service != _SERVICE:
                raise _wrong_service()  # noqa: TRY301  # answered below like every other refusal
            asked = operation.parse(match, request.query, request.headers, request.body)
            begun = start(asked, self._context(request, caller, request_id))
        except Exception as error:  # noqa: BLE001  # loop boundary: the server goes on
            self._send_whole(exchange, operation, self._error(error, request_id), request_id)
            return True
        if begun is None:
            return False
        self._begun += 1
        begun.when_ended(partial(self._end, begun, operation, exchange, request_id))
        return True

    def _end(self, begun: Begun, operation: Operation, exchange: Exchange, request_id: str) -> None:
        self._begun -= 1
        try:
            try:
                wire = operation.serialise(begun.response())
            except Exception as error:  # noqa: BLE001  # the client is told
                self._send_whole(exchange, operation, self._error(error, request_id), request_id)
                return
            self._count(operation.name, wire.status)
            wire.headers.append((_REQUEST_ID, request_id))
            body = wire.body
            exchange.send(wire.status, wire.headers, body if type(body) is bytes else b"")
        except Exception:  # noqa: BLE001  # loop boundary: whoever tells us that the operation has ended goes on
            _log.exception("request %s could not be answered", request_id)

    def _send_whole(self, exchange: Exchange, operation: Operation, wire: WireResponse, request_id: str) -> None:
        self._parts.counters.count(operation.name, wire.status)
        body = wire.body if isinstance(wire.body, bytes) else b""
        exchange.send(wire.status, _with_request_id(wire, request_id), body)

    # --- any other request

    async def _answer(self, request: HttpRequest, exchange: Exchange, match: Match | None, request_id: str) -> None:
        try:
            wire = await self._call(request, match, request_id)
        except Exception as error:  # noqa: BLE001  # loop boundary: the server goes on
            wire = self._error(error, request_id)
        self._parts.counters.count(match.operation.name if match is not None else "-", wire.status)
        await self._send(exchange, wire, request_id)

    async def _call(self, request: HttpRequest, match: Match | None, request_id: str) -> WireResponse:
        if match is None:
            raise UnknownOperationException
        caller = await self._parts.authenticator.authenticate(request)
        if caller.service != _SERVICE:
            raise _wrong_service()
        operation = match.operation
        asked = operation.parse(match, request.query, request.headers, request.body)
        handler = self._parts.registry.get(operation.name)
        if handler is None:
            raise NotImplementedException(
                f"The operation {operation.name} is part of AWS Lambda's API, but lamplighter does not offer it yet."
            )
        answer = await handler(asked, self._context(request, caller, request_id))
        return operation.serialise(answer)

    def _context(self, request: HttpRequest, caller: Caller, request_id: str) -> RequestContext:
        headers, parts = request.headers, self._parts
        return RequestContext(
            request_id=request_id,
            account_id=caller.principal.account_id,
            region=caller.region,
            principal=caller.principal,
            authoriser=parts.authoriser,
            now=parts.clock.now(),
            source_ip=request.peer,
            user_agent=headers.get("user-agent", ""),
            trace_header=headers.get("x-amzn-trace-id", ""),
            endpoint=f"{parts.scheme}://{headers.get('host', '')}",
        )

    async def _send(self, exchange: Exchange, wire: WireResponse, request_id: str) -> None:
        headers = _with_request_id(wire, request_id)
        body = wire.body
        if isinstance(body, bytes):
            exchange.send(wire.status, headers, body)
            return
        stream = exchange.stream(wire.status, headers)
        try:
            async for part in body:
                stream.write(part)
                await stream.drain()
            stream.end()
        except ClientGone:
            await _close(body)
        except Exception:  # noqa: BLE001  # loop boundary: the status is sent, so only cutting the body off tells
            _log.exception("request %s failed while streaming", request_id)
            stream.abort()


async def _close(body: PayloadStream) -> None:
    """End what produces an answer that nobody wants any more."""
    if isinstance(body, AsyncGenerator):
        await body.aclose()


def _wrong_service() -> InvalidSignatureException:
    return InvalidSignatureException("Credential should be scoped to correct service: 'lambda'.")


def _with_request_id(wire: WireResponse, request_id: str) -> list[tuple[str, str]]:
    """An error's headers hold the id already."""
    own = (_REQUEST_ID, request_id)
    return wire.headers if own in wire.headers else [*wire.headers, own]


def _storage_error(error: Exception) -> ServiceException:
    if isinstance(error, StorageFull):
        return ServiceException("Nothing was changed: storage full. The server recovers by itself when space is freed.")
    return ServiceException("Nothing was changed: the storage takes no writes at the moment.")
