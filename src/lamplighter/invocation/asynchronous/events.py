"""Asynchronous events from 202 to their end: accept durably, attempt through the one door, settle in one transaction.

Settling writes what is told about the outcome (an entry of the queue `deliveries`) in the same transaction that ends
the event. Must not know the wire, nor how deliveries are made.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from lamplighter.aws.errors import (
    AwsError,
    ResourceConflictException,
    ResourceNotFoundException,
    TooManyRequestsException,
)
from lamplighter.invocation.asynchronous.acceptance import EVENTS, Acceptance, Accepting
from lamplighter.invocation.asynchronous.backlog import Backlog
from lamplighter.invocation.asynchronous.coalescer import Coalescer
from lamplighter.invocation.asynchronous.delivery import Delivery, encode_delivery
from lamplighter.invocation.asynchronous.event import AsyncEvent, decode_event, encode_event
from lamplighter.invocation.asynchronous.fair_dispatch import FairDispatch
from lamplighter.invocation.asynchronous.figures import AsyncFigures
from lamplighter.invocation.asynchronous.outcome import dead_letter_attributes, invocation_record, is_success
from lamplighter.invocation.asynchronous.payloads import Payloads, claim, is_large, let_go
from lamplighter.invocation.asynchronous.retry_policy import (
    AGE_EXCEEDED,
    DEFAULT_AGE_SECONDS,
    DEFAULT_RETRIES,
    Again,
    Attempt,
    Dropped,
    Ended,
    RetrySettings,
    is_expired,
    retry_policy,
)
from lamplighter.invocation.request import FunctionDirectory, InvokeRequest, InvokeResult, ResolvedFunction
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.resources.event_invoke.model import EventInvokeConfig
from lamplighter.resources.event_invoke.table import get_config
from lamplighter.resources.functions.names import LATEST
from lamplighter.storage.blobs import BlobDamaged, BlobMissing
from lamplighter.storage.storage import Lease, Storage, StorageBusy, StorageFull, Transaction

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

DELIVERIES: LiteralString = "deliveries"
_SERVER_SIDE = 500
_THROTTLED = 429
# A throttled function is left alone for as long as its event is, but looked at again at least this often.
_LONGEST_PAUSE_SECONDS = 5.0
_SETTLE_SECONDS = 0.5


class Door(Protocol):
    """The one door, which every attempt goes through."""

    async def invoke(self, request: InvokeRequest) -> InvokeResult: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncSettings:
    """What an operator may set. `time_scale` below 1 makes AWS's minutes shorter, for tests."""

    concurrency: int = 128
    queue_limit: int = 1_000_000
    time_scale: float = 1.0


def settle(transaction: Transaction, decisions: Sequence[Callable[[Transaction], object]]) -> list[object]:
    return [decide(transaction) for decide in decisions]


class AsyncEvents:
    """Implements invocation.door.EventAcceptor. `dispatch.run()` must run beside the listeners; `door` is set once."""

    def __init__(
        self,
        *,
        storage: Storage,
        payloads: Payloads,
        directory: FunctionDirectory,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        settings: AsyncSettings,
        figures: AsyncFigures,
        outcomes_stored: Callable[[int], None],
    ) -> None:
        self._storage = storage
        self._payloads = payloads
        self._directory = directory
        self._clock = clock
        self._scale = settings.time_scale
        self._figures = figures
        self._outcomes_stored = outcomes_stored
        self.door: Door | None = None
        self._settling = Coalescer(storage, settle, completes=True)
        self.backlog = Backlog(storage.group_sizes(EVENTS), settings.queue_limit)
        self.dispatch = FairDispatch(storage, EVENTS, self._handle, limit=settings.concurrency, clock=clock)
        self._acceptance = Acceptance(
            storage=storage,
            payloads=payloads,
            clock=clock,
            ids=ids,
            limits=limits,
            backlog=self.backlog,
            dispatch=self.dispatch,
            figures=figures,
        )

    # --- accepting

    def can_begin(self, request: InvokeRequest) -> bool:
        return not is_large(request.payload)

    def begin_accept(self, request: InvokeRequest, resolved: ResolvedFunction) -> Accepting:
        return self._acceptance.begin(request, resolved)

    async def accept_event(self, request: InvokeRequest, resolved: ResolvedFunction) -> InvokeResult:
        return await self._acceptance.accept(request, resolved)

    # --- one attempt

    async def _handle(self, lease: Lease) -> None:
        try:
            event = decode_event(lease.body)
        except (msgspec.DecodeError, msgspec.ValidationError):
            _log.exception("an event cannot be read and is dropped")
            await self._drop(lease, None, "unreadable")
            return
        config = self._config(event)
        settings = _retry_settings(config)
        age = (self._clock.now() - event.accepted_at) / self._scale
        self._figures.saw_age(max(0.0, age))
        try:
            payload = await self._payloads.read(event.payload)
        except (BlobMissing, BlobDamaged):
            _log.exception("the payload of event %s is lost; the event is dropped", event.request_id)
            await self._drop(lease, event, "payload lost")
            return
        if is_expired(age, settings):
            await self._end(lease, event, payload, AGE_EXCEEDED, None, config)
            return
        attempt, result, status = await self._attempt(event, payload)
        age = (self._clock.now() - event.accepted_at) / self._scale
        decision = retry_policy(attempt, retries=event.retries, backoffs=event.backoffs, age=age, settings=settings)
        did_run = attempt in (Attempt.SUCCEEDED, Attempt.FUNCTION_ERROR)
        event = replace(event, invokes=event.invokes + did_run, last_status=status)
        match decision:
            case Ended(condition):
                await self._end(lease, event, payload, condition, result, config)
            case Again():
                await self._put_back(lease, event, decision)
            case Dropped():
                await self._drop(lease, event, attempt.value)

    async def _attempt(self, event: AsyncEvent, payload: bytes) -> tuple[Attempt, InvokeResult | None, int]:
        assert self.door is not None  # noqa: S101  # `app` has closed the circle before anything is dispatched
        self._figures.attempts += 1
        try:
            if self._is_switched_off(event):
                return Attempt.SWITCHED_OFF, None, _THROTTLED
            result = await self.door.invoke(event.request(payload))
        except ResourceNotFoundException as error:
            return Attempt.GONE, None, error.status
        except TooManyRequestsException as error:
            return Attempt.THROTTLED, None, error.status
        except ResourceConflictException as error:  # being created, being updated, changed while it waited
            return Attempt.SYSTEM_ERROR, None, error.status
        except AwsError as error:
            refused = error.status < _SERVER_SIDE
            return Attempt.REFUSED if refused else Attempt.SYSTEM_ERROR, None, error.status
        if result.stream is not None:
            result = replace(result, payload=b"".join([piece async for piece in result.stream]), stream=None)
        kind = Attempt.SUCCEEDED if result.function_error is None else Attempt.FUNCTION_ERROR
        return kind, result, result.status_code

    def _is_switched_off(self, event: AsyncEvent) -> bool:
        resolved = self._directory.resolve(event.account_id, event.region, event.function_name, event.qualifier)
        return resolved.reserved_concurrency == 0

    def _config(self, event: AsyncEvent) -> EventInvokeConfig | None:
        qualifier = event.qualifier or LATEST
        return get_config(self._storage, event.account_id, event.region, event.function_name, qualifier)

    # --- settling: each in one transaction

    async def _put_back(self, lease: Lease, event: AsyncEvent, decision: Again) -> None:
        if decision.is_retry:
            self._figures.retried += 1
            event = replace(event, retries=event.retries + 1, backoffs=0)
        else:
            self._figures.put_back += 1
            event = replace(event, backoffs=event.backoffs + 1)
            self.dispatch.pause(lease.group, min(decision.delay, _LONGEST_PAUSE_SECONDS) * self._scale)
        body, due_at = encode_event(event), self._clock.now() + decision.delay * self._scale
        await self._settle(lambda transaction: transaction.release(lease, due_at=due_at, body=body))

    async def _drop(self, lease: Lease, event: AsyncEvent | None, reason: str) -> None:
        def decide(transaction: Transaction) -> None:
            if transaction.ack(lease) and event is not None:
                let_go(transaction, event.payload, event.blob_owner)

        await self._settle(decide)
        self.backlog.remove(lease.group)
        self._figures.dropped[reason] += 1

    async def _end(
        self,
        lease: Lease,
        event: AsyncEvent,
        payload: bytes,
        condition: str,
        result: InvokeResult | None,
        config: EventInvokeConfig | None,
    ) -> None:
        deliveries = await self._deliveries(event, payload, condition, result, config)
        now = self._clock.now()

        def decide(transaction: Transaction) -> None:
            if not transaction.ack(lease):
                return
            let_go(transaction, event.payload, event.blob_owner)
            for delivery in deliveries:
                claim(transaction, delivery.body, delivery.blob_owner)
                transaction.enqueue(DELIVERIES, encode_delivery(delivery), due_at=now, group=delivery.target)

        await self._settle(decide)
        self.backlog.remove(lease.group)
        self._figures.ended[condition] += 1
        if deliveries:
            self._outcomes_stored(len(deliveries))

    async def _deliveries(
        self,
        event: AsyncEvent,
        payload: bytes,
        condition: str,
        result: InvokeResult | None,
        config: EventInvokeConfig | None,
    ) -> list[Delivery]:
        """What is to be sent, and where: a record to the destination, the event itself to the dead letter queue."""
        found: list[Delivery] = []
        succeeded = is_success(condition)
        target = None if config is None else config.on_success if succeeded else config.on_failure
        if target:
            record = invocation_record(event, payload, condition, result, self._clock.now())
            found.append(await self._delivery(event, target, record, {}, is_success=succeeded))
        target = None if succeeded else self._dead_letter_target(event, result)
        if target:
            attributes = dead_letter_attributes(event, condition, result)
            found.append(await self._delivery(event, target, payload, attributes, is_success=False))
        return found

    async def _delivery(
        self, event: AsyncEvent, target: str, body: bytes, attributes: dict[str, str], *, is_success: bool
    ) -> Delivery:
        return Delivery(
            target=target,
            body=await self._patiently(lambda: self._payloads.keep(body)),
            request_id=event.request_id,
            account_id=event.account_id,
            region=event.region,
            function_name=event.function_name,
            qualifier=event.qualifier or LATEST,
            is_success=is_success,
            created_at=self._clock.now(),
            attributes=attributes,
            trace_header=event.onward_trace,
        )

    def _dead_letter_target(self, event: AsyncEvent, result: InvokeResult | None) -> str | None:
        """The dead letter queue of the version that ran; of the one asked for if none did."""
        qualifier = event.qualifier if result is None else result.executed_version
        try:
            resolved = self._directory.resolve(event.account_id, event.region, event.function_name, qualifier)
        except ResourceNotFoundException:
            return None
        target: str | None = (resolved.configuration.settings.get("DeadLetterConfig") or {}).get("TargetArn")
        return target

    async def _settle(self, decide: Callable[[Transaction], object]) -> None:
        """Commit what became of an event."""
        await self._patiently(lambda: self._settling.put(decide))

    async def _patiently(self, write: Callable[[], Awaitable[Result]]) -> Result:
        """Wait for a full or busy disk: the function has run, and running it again would not make more room."""
        while True:
            try:
                return await write()
            except (StorageBusy, StorageFull) as error:
                _log.warning("the outcome of an event cannot be written yet: %s", error)
                await asyncio.sleep(_SETTLE_SECONDS)


def _retry_settings(config: EventInvokeConfig | None) -> RetrySettings:
    if config is None:
        return RetrySettings()
    retries, age = config.maximum_retry_attempts, config.maximum_event_age_seconds
    return RetrySettings(
        DEFAULT_RETRIES if retries is None else retries,
        DEFAULT_AGE_SECONDS if age is None else age,
    )
