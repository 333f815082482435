"""Everything that is told to the subscribers of one execution environment.

Until init ends, events are kept for those who subscribe later; if nobody has subscribed by then, nothing is kept or
made any more, so that a function without subscribers pays nothing. Must not know what happens in an environment.
"""

import asyncio
import contextlib
from typing import Any

import msgspec

from lamplighter.environments.background import Background
from lamplighter.environments.telemetry.destination import Connect, destination
from lamplighter.environments.telemetry.event import TelemetryEvent, iso_time
from lamplighter.environments.telemetry.subscriber import Subscriber
from lamplighter.environments.telemetry.subscription import Subscription
from lamplighter.kernel.clock import Clock

_KEPT_EVENTS = 1_000
_KEPT_CHARACTERS = 262_144
# Of all subscribers together: the memory is the server's, not the function's.
_BUFFERED_BYTES = 4 * 1024 * 1024
_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."


class Closed(Exception):
    """Init is over: nobody may subscribe any more."""


class OtherApi(Exception):
    """The extension has subscribed through the other API already."""


class TelemetryHub:
    """`is_listening` says whether it is worth making an event at all."""

    def __init__(self, connect: Connect, background: Background, clock: Clock) -> None:
        self.is_listening = True
        self._connect = connect
        self._background = background
        self._clock = clock
        self._early: list[TelemetryEvent] = []
        self._early_characters = 0
        self._is_open = True
        self._subscribers: dict[str, Subscriber] = {}

    def tell(self, kind: str, record: Any, now: float | None = None) -> None:  # any JSON value
        """Make an event of it and offer it to everybody."""
        if not self.is_listening:
            return
        event = TelemetryEvent(iso_time(self._clock.now() if now is None else now), kind, record)
        if self._is_open:
            self._keep(event)
        for subscriber in self._subscribers.values():
            subscriber.offer(event)

    def _keep(self, event: TelemetryEvent) -> None:
        size = len(event.record if isinstance(event.record, str) else msgspec.json.encode(event.record))
        if len(self._early) < _KEPT_EVENTS and self._early_characters + size <= _KEPT_CHARACTERS:
            self._early.append(event)
            self._early_characters += size

    def _has_room(self, size: int) -> bool:
        return sum(subscriber.size for subscriber in self._subscribers.values()) + size <= _BUFFERED_BYTES

    def subscribe(self, name: str, subscription: Subscription) -> bool:
        """Whether it is new: asking again changes nothing. Raises Closed or OtherApi."""
        known = self._subscribers.get(name)
        if known is not None and known.subscription.is_logs_api != subscription.is_logs_api:
            raise OtherApi
        if known is not None:
            return False
        if not self._is_open:
            raise Closed
        target = destination(subscription.target, self._connect)
        subscriber = Subscriber(name, subscription, target, self._note_dropped, self._has_room)
        self._subscribers[name] = subscriber
        self._background.spawn(subscriber.run(), f"telemetry for {name}")
        for event in self._early:
            subscriber.offer(event)
        types = list(subscription.types)
        self.tell("platform.telemetrySubscription", {"name": name, "state": "Subscribed", "types": types})
        return True

    def _note_dropped(self, records: int, size: int) -> None:
        record = {"droppedBytes": size, "droppedRecords": records, "reason": _BEHIND}
        self.tell("platform.logsDropped", record)

    def close_subscription(self) -> None:
        self._is_open = False
        self._early.clear()
        self.is_listening = bool(self._subscribers)

    @property
    def is_delivering(self) -> bool:
        return any(subscriber.is_delivering for subscriber in self._subscribers.values())

    def pause(self) -> None:
        """Everything inside stands still: what comes due meanwhile is delivered after `resume`."""
        for subscriber in self._subscribers.values():
            subscriber.pause()

    def resume(self) -> None:
        for subscriber in self._subscribers.values():
            subscriber.resume()

    async def flush(self, seconds: float) -> None:
        """Deliver what is buffered, within the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(subscriber.flush() for subscriber in self._subscribers.values()))

    def close(self) -> None:
        self.is_listening = False
        for subscriber in self._subscribers.values():
            subscriber.close()
