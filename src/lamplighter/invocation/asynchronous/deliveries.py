"""The outbox: outcomes of events, stored with the end of the event, delivered at least once and removed only then.

Must not know which services there are, nor what is in a message.
"""

import logging
from collections.abc import Awaitable
from typing import Protocol

import msgspec
from msgspec.structs import replace

from lamplighter.aws_client.client import CallRefused
from lamplighter.aws_client.endpoints import EndpointMissing
from lamplighter.invocation.asynchronous.delivery import Delivery, decode_delivery, encode_delivery
from lamplighter.invocation.asynchronous.delivery_policy import Obstacle, delivery_policy
from lamplighter.invocation.asynchronous.events import DELIVERIES
from lamplighter.invocation.asynchronous.fair_dispatch import FairDispatch
from lamplighter.invocation.asynchronous.figures import AsyncFigures
from lamplighter.invocation.asynchronous.payloads import Payloads, let_go
from lamplighter.kernel.clock import Clock
from lamplighter.storage.blobs import BlobDamaged, BlobMissing
from lamplighter.storage.storage import Lease, Storage, StorageBusy, StorageFull, Transaction
from lamplighter.wire.http_client import CallFailed

_log = logging.getLogger(__name__)
_CONCURRENCY = 64
_LONGEST_PAUSE_SECONDS = 30.0


class Send(Protocol):
    """Hands one message to its target; raises EndpointMissing, CallRefused or CallFailed."""

    def __call__(self, delivery: Delivery, body: bytes) -> Awaitable[None]: ...


class Deliveries:
    """`dispatch.run()` must run beside the listeners; a target that is down holds up no other."""

    def __init__(
        self,
        *,
        storage: Storage,
        payloads: Payloads,
        send: Send,
        clock: Clock,
        time_scale: float,
        figures: AsyncFigures,
    ) -> None:
        self._storage = storage
        self._payloads = payloads
        self._send = send
        self._clock = clock
        self._scale = time_scale
        self._figures = figures
        self.waiting = storage.queue_size(DELIVERIES)
        self.dispatch = FairDispatch(storage, DELIVERIES, self._handle, limit=_CONCURRENCY, clock=clock)

    def stored(self, count: int) -> None:
        """So many more are in the queue."""
        self.waiting += count
        self.dispatch.wake()

    async def _handle(self, lease: Lease) -> None:
        try:
            delivery = decode_delivery(lease.body)
            body = await self._payloads.read(delivery.body)
        except (msgspec.DecodeError, msgspec.ValidationError, BlobMissing, BlobDamaged):
            _log.exception("a delivery to %s cannot be read and is dropped", lease.group)
            await self._storage.transact(lambda transaction: transaction.ack(lease), completes=True)
            self.waiting -= 1
            self._figures.undeliverable += 1
            return
        try:
            await self._send(delivery, body)
        except EndpointMissing as missing:
            await self._failed(lease, delivery, Obstacle.UNKNOWN_PLACE, "", str(missing))
        except CallFailed as failed:
            await self._failed(lease, delivery, Obstacle.DOWN, "", str(failed))
        except CallRefused as refused:
            obstacle = Obstacle.DOWN if refused.may_pass else Obstacle.REFUSED
            await self._failed(lease, delivery, obstacle, refused.code, str(refused))
        else:
            await self._finish(lease, delivery)
            self._figures.delivered += 1

    async def _failed(self, lease: Lease, delivery: Delivery, obstacle: Obstacle, code: str, said: str) -> None:
        self._figures.delivery_failures += 1
        age = (self._clock.now() - delivery.created_at) / self._scale
        delay = delivery_policy(obstacle, code, attempts=delivery.attempts, age=age)
        if delay is None:
            _log.error("the outcome of %s is not taken by %s and is dropped: %s", *_named(delivery), said)
            self._figures.undeliverable += 1
            await self._finish(lease, delivery)
            return
        report = _log.warning if delivery.attempts == 0 else _log.info
        report("the outcome of %s waits for %s: %s", *_named(delivery), said)
        if obstacle is not Obstacle.REFUSED:
            self.dispatch.pause(lease.group, min(delay, _LONGEST_PAUSE_SECONDS) * self._scale)
        due_at = self._clock.now() + delay * self._scale
        body = encode_delivery(replace(delivery, attempts=delivery.attempts + 1))
        await self._storage.transact(
            lambda transaction: transaction.release(lease, due_at=due_at, body=body), completes=True
        )

    async def _finish(self, lease: Lease, delivery: Delivery) -> None:
        def decide(transaction: Transaction) -> None:
            if transaction.ack(lease):
                let_go(transaction, delivery.body, delivery.blob_owner)

        try:
            await self._storage.transact(decide, completes=True)
        except (StorageBusy, StorageFull) as error:
            _log.warning("a delivery is made a second time later: %s", error)
            raise
        self.waiting -= 1


def _named(delivery: Delivery) -> tuple[str, str]:
    return delivery.request_id, delivery.target
