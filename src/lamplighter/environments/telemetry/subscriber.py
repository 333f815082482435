"""One subscriber: collects its events and delivers them in batches, again and again where the listener fails.

Must not know what the events say, nor who else subscribes.
"""

import asyncio
from collections.abc import Callable

from lamplighter.environments.telemetry.buffer import EventBuffer
from lamplighter.environments.telemetry.destination import Destination, NotDelivered
from lamplighter.environments.telemetry.event import TelemetryEvent, render
from lamplighter.environments.telemetry.subscription import Subscription

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_ATTEMPTS = 8

Dropped = Callable[[int, int], None]
HasRoom = Callable[[int], bool]


class Subscriber:
    """`offer` events; `run` delivers them until `close`."""

    def __init__(
        self, name: str, subscription: Subscription, destination: Destination, dropped: Dropped, has_room: HasRoom
    ) -> None:
        self.name = name
        self.subscription = subscription
        self._destination = destination
        self._dropped = dropped
        self._has_room = has_room
        self._buffer = EventBuffer(subscription.buffering)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._may_deliver = asyncio.Event()
        self._may_deliver.set()
        self.is_delivering = False
        self._is_closed = False

    def offer(self, event: TelemetryEvent) -> None:
        if self._is_closed or event.category not in self.subscription.types:
            return
        for rendered in render(event, self.subscription.schema):
            if self._has_room(len(rendered)):
                self._buffer.add(rendered)
            else:
                self._buffer.drop(rendered)
        if self._buffer.is_empty:
            return
        self._idle.clear()
        if self._buffer.is_full:
            self._due.set()
        elif self._timer is None:
            self._timer = self._loop.call_later(self.subscription.buffering.timeout_ms / 1000, self._due.set)

    @property
    def size(self) -> int:
        """How many bytes wait for it."""
        return self._buffer.size

    async def run(self) -> None:
        while not self._is_closed:
            await self._due.wait()
            self._due.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            await self._may_deliver.wait()
            while not self._buffer.is_empty and not self._is_closed:
                batch = self._buffer.take()
                if not await self._is_delivered(batch):
                    self._buffer.note_lost(batch)
                self._report_dropped()
            self._idle.set()

    async def _is_delivered(self, batch: list[bytes]) -> bool:
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(_ATTEMPTS):
            await self._may_deliver.wait()
            if await self._is_taken(batch):
                return True
            if self._is_closed:
                return False
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return False

    async def _is_taken(self, batch: list[bytes]) -> bool:
        self.is_delivering = True
        try:
            await self._destination.deliver(batch)
        except NotDelivered:
            return False
        finally:
            self.is_delivering = False
        return True

    def pause(self) -> None:
        """Whoever listens stands still: begin no delivery until `resume`."""
        self._may_deliver.clear()

    def resume(self) -> None:
        self._may_deliver.set()

    def _report_dropped(self) -> None:
        records, size = self._buffer.take_dropped()
        if records:
            self._dropped(records, size)

    async def flush(self) -> None:
        """Deliver now what is there; return when it is delivered or given up."""
        if not self._buffer.is_empty:
            self._due.set()
        await self._idle.wait()

    def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._destination.close()
        self._may_deliver.set()
        self._due.set()
        self._idle.set()
