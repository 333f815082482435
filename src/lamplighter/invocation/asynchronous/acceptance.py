"""Events from the call to 202: refused while that is still possible, else answered when they are on disk.

An event that finds nobody before it and room to run is stored as handed out and handled at once: one commit less. Must
not know the wire, nor what becomes of an event.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString

from lamplighter.aws.errors import RequestEntityTooLargeException, TooManyRequestsException
from lamplighter.invocation.asynchronous.backlog import Backlog
from lamplighter.invocation.asynchronous.coalescer import Coalescer
from lamplighter.invocation.asynchronous.event import AsyncEvent, KeptPayload, encode_event
from lamplighter.invocation.asynchronous.fair_dispatch import FairDispatch
from lamplighter.invocation.asynchronous.figures import AsyncFigures
from lamplighter.invocation.asynchronous.payloads import Payloads, claim
from lamplighter.invocation.request import InvokeRequest, InvokeResult, ResolvedFunction
from lamplighter.invocation.trace import trace_header
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.storage.storage import Lease, Storage, Transaction

EVENTS: LiteralString = "events"
_FULL_RETRY_SECONDS = "5"
_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be stored; a direct one is handed out in the same breath."""

    event: AsyncEvent
    group: str
    is_direct: bool


def store_new(transaction: Transaction, news: Sequence[NewEvent]) -> list[Lease | None]:
    """The lease of each direct event, None for every other."""
    queued: list[tuple[str, bytes]] = []
    direct: list[tuple[str, bytes]] = []
    for new in news:
        event = new.event
        if event.payload.digest:
            claim(transaction, event.payload, event.blob_owner)
        (direct if new.is_direct else queued).append((new.group, encode_event(event)))
    if queued:
        due_at = min([new.event.accepted_at for new in news if not new.is_direct])
        transaction.enqueue_many(EVENTS, queued, due_at=due_at)
    leases = iter(transaction.enqueue_leased(EVENTS, direct) if direct else ())
    return [next(leases) if new.is_direct else None for new in news]


class Accepting:
    """An event on its way to the disk; the coalescer's waiter. `when_ended` may be called once."""

    __slots__ = ("_error", "_group", "_is_direct", "_is_over", "_owner", "_tell", "_version")

    def __init__(self, owner: "Acceptance", group: str, version: str, *, is_direct: bool) -> None:
        self._owner = owner
        self._group = group
        self._version = version
        self._is_direct = is_direct
        self._error: Exception | None = None
        self._is_over = False
        self._tell: Callable[[], None] | None = None

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Call `tell`, which must not raise, when `result` may be asked for."""
        if self._is_over:
            tell()
        else:
            self._tell = tell

    def result(self) -> InvokeResult:
        """202, or what the storage raised."""
        if self._error is not None:
            raise self._error
        return InvokeResult(status_code=_ACCEPTED, executed_version=self._version)

    async def wait(self) -> None:
        """Return when `result` may be asked for. Whoever gives up does not stop the event."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.when_ended(lambda: None if over.done() else over.set_result(None))
        await over

    # --- the coalescer's side

    def done(self) -> bool:
        """An event is accounted for even when the caller has gone."""
        return False

    def set_result(self, lease: Lease | None, /) -> None:
        self._owner.stored(self._group, lease)
        self._end()

    def set_exception(self, exception: Exception, /) -> None:
        self._error = exception
        self._owner.not_stored(self._group, is_direct=self._is_direct)
        self._end()

    def _end(self) -> None:
        self._is_over = True
        if self._tell is not None:
            self._tell()


class Acceptance:
    """`begin` where the payload travels in the entry, else `accept`."""

    def __init__(
        self,
        *,
        storage: Storage,
        payloads: Payloads,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        backlog: Backlog,
        dispatch: FairDispatch,
        figures: AsyncFigures,
    ) -> None:
        self._payloads = payloads
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._backlog = backlog
        self._dispatch = dispatch
        self._figures = figures
        self._storing = Coalescer(storage, store_new)

    def begin(self, request: InvokeRequest, resolved: ResolvedFunction) -> Accepting:
        """Begin to store an event whose payload is not large.

        Raises RequestEntityTooLargeException, and TooManyRequestsException when too many wait already.
        """
        self._check_size(request)
        return self._begin(request, resolved, KeptPayload(request.payload or b"{}"))

    async def accept(self, request: InvokeRequest, resolved: ResolvedFunction) -> InvokeResult:
        """202 when the event is on disk. Raises as `begin`, and what the storage raises."""
        self._check_size(request)
        accepting = self._begin(request, resolved, await self._payloads.keep(request.payload or b"{}"))
        await accepting.wait()
        return accepting.result()

    def _check_size(self, request: InvokeRequest) -> None:
        size, limit = len(request.payload), self._limits.async_payload_bytes
        if size > limit:
            raise RequestEntityTooLargeException(
                f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)"
            )

    def _begin(self, request: InvokeRequest, resolved: ResolvedFunction, kept: KeptPayload) -> Accepting:
        now = self._clock.now()
        configuration = resolved.configuration
        event = AsyncEvent(
            request_id=request.request_id,
            account_id=request.account_id,
            region=request.region,
            function_name=configuration.name,
            qualifier=request.qualifier,
            payload=kept,
            accepted_at=now,
            invoked_arn=request.invoked_arn,
            trace_header=trace_header(request.trace_header, now, self._ids),
            client_context=request.client_context,
            tenant_id=request.tenant_id,
        )
        group = event.function_arn
        if self._backlog.is_full(group):
            self._figures.refused += 1
            raise TooManyRequestsException(
                "Too many asynchronous events wait for this function.", retryAfterSeconds=_FULL_RETRY_SECONDS
            )
        is_first = self._backlog.of(group) == self._dispatch.running_of(group)
        is_direct = is_first and self._dispatch.take_place(group)
        self._backlog.add(group)
        accepting = Accepting(self, group, configuration.version, is_direct=is_direct)
        self._storing.put_for(NewEvent(event, group, is_direct), accepting)
        return accepting

    # --- what Accepting tells

    def stored(self, group: str, lease: Lease | None) -> None:
        self._figures.accepted += 1
        if lease is None:
            self._dispatch.wake(group)
        else:
            self._dispatch.start(lease)

    def not_stored(self, group: str, *, is_direct: bool) -> None:
        self._backlog.remove(group)
        if is_direct:
            self._dispatch.leave_place(group)
