"""The events that wait for one subscriber: bounded, cut into batches, counting what had to be dropped. Pure."""

from lamplighter.environments.telemetry.subscription import Buffering

# Lambda promises payloads of up to twice maxBytes: one batch is on its way while the next one fills.
_BATCHES_HELD = 2


class EventBuffer:
    """`add` until `is_full`, `take` a batch."""

    def __init__(self, buffering: Buffering) -> None:
        self._buffering = buffering
        self._events: list[bytes] = []
        self.size = 0
        self.dropped_records = 0
        self.dropped_bytes = 0

    def add(self, event: bytes) -> None:
        """Keep the event, or count it where the subscriber has fallen behind."""
        is_one_too_many = len(self._events) >= _BATCHES_HELD * self._buffering.max_items
        if is_one_too_many or self.size + len(event) > _BATCHES_HELD * self._buffering.max_bytes:
            self.drop(event)
            return
        self._events.append(event)
        self.size += len(event)

    def drop(self, event: bytes) -> None:
        """There is no room for it."""
        self.dropped_records += 1
        self.dropped_bytes += len(event)

    @property
    def is_empty(self) -> bool:
        return not self._events

    @property
    def is_full(self) -> bool:
        """Whether a whole batch is there."""
        return len(self._events) >= self._buffering.max_items or self.size >= self._buffering.max_bytes

    def take(self) -> list[bytes]:
        """The next batch, the oldest events first."""
        size = count = 0
        for event in self._events[: self._buffering.max_items]:
            if count and size + len(event) > self._buffering.max_bytes:
                break
            size += len(event)
            count += 1
        batch, self._events = self._events[:count], self._events[count:]
        self.size -= size
        return batch

    def take_dropped(self) -> tuple[int, int]:
        """How many records and bytes were dropped since the last time."""
        dropped = self.dropped_records, self.dropped_bytes
        self.dropped_records = self.dropped_bytes = 0
        return dropped

    def note_lost(self, batch: list[bytes]) -> None:
        """A batch that was taken could not be delivered."""
        self.dropped_records += len(batch)
        self.dropped_bytes += sum(len(event) for event in batch)
