"""Asynchronous invocation put together: events, deliveries, the loops that move both, and what is seen of them.

`app` makes one, hands `events` to the one door and the door to `events`. Must not know configuration or listeners.
"""

import asyncio
import logging

from lamplighter.aws_client.client import AwsClient
from lamplighter.invocation.asynchronous.acceptance import EVENTS
from lamplighter.invocation.asynchronous.deliveries import Deliveries
from lamplighter.invocation.asynchronous.events import AsyncEvents, AsyncSettings, Door
from lamplighter.invocation.asynchronous.figures import AsyncFigures
from lamplighter.invocation.asynchronous.payloads import Payloads
from lamplighter.invocation.asynchronous.targets import Targets
from lamplighter.invocation.request import FunctionDirectory
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.storage import Storage

_log = logging.getLogger(__name__)
_SWEEP_SECONDS = 600.0
# A target that does not answer must not hold up the end; what is cut off is delivered by the next life.
_DELIVERY_DRAIN_SECONDS = 2.0


class AsyncPlane:
    """`run()` beside the listeners; `pause()` when the server is told to stop, `close()` when nobody can call."""

    def __init__(
        self,
        *,
        storage: Storage,
        blobs: BlobStore,
        directory: FunctionDirectory,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        settings: AsyncSettings,
        client: AwsClient,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._payloads = Payloads(blobs, storage)
        self.figures = AsyncFigures()
        self.deliveries = Deliveries(
            storage=storage,
            payloads=self._payloads,
            send=Targets(client, self._own_door, ids).send,
            clock=clock,
            time_scale=settings.time_scale,
            figures=self.figures,
        )
        self.events = AsyncEvents(
            storage=storage,
            payloads=self._payloads,
            directory=directory,
            clock=clock,
            ids=ids,
            limits=limits,
            settings=settings,
            figures=self.figures,
            outcomes_stored=self.deliveries.stored,
        )

    def connect(self, door: Door) -> None:
        """Close the circle: attempts go through the door that accepts events."""
        self.events.door = door

    def _own_door(self) -> Door:
        assert self.events.door is not None  # noqa: S101  # connected before anything is delivered
        return self.events.door

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.events.dispatch.run(), name="events")
            group.create_task(self.deliveries.dispatch.run(), name="deliveries")
            group.create_task(self._sweep(), name="payload sweep")

    def pause(self) -> None:
        """Begin nothing new; what was accepted and has not begun is the next life's."""
        self.events.dispatch.close_door()
        self.deliveries.dispatch.close_door()

    async def close(self, drain_seconds: float) -> None:
        """Let what runs finish and be settled."""
        given_up = await self.events.dispatch.drain(drain_seconds)
        await self.deliveries.dispatch.drain(min(drain_seconds, _DELIVERY_DRAIN_SECONDS))
        if given_up:
            _log.warning(
                "%d events were still running after %g s and run again after the next start", given_up, drain_seconds
            )

    def read_figures(self) -> dict[str, float]:
        """For the metrics page."""
        due = self._storage.oldest_due(EVENTS)
        return {
            "lamplighter_async_events_queued": self.events.backlog.total,
            "lamplighter_async_events_running": self.events.dispatch.running,
            "lamplighter_async_queue_lag_seconds": 0.0 if due is None else max(0.0, self._clock.now() - due),
            "lamplighter_async_events_damaged": self._storage.damaged(EVENTS),
            "lamplighter_destination_deliveries_waiting": self.deliveries.waiting,
            **self.figures.read(),
        }

    async def _sweep(self) -> None:
        while True:
            await self._payloads.sweep(self._clock.now())
            await asyncio.sleep(_SWEEP_SECONDS)
