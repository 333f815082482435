"""What happened to events and deliveries, in plain numbers, and how they read on the metrics page.

Names follow CloudWatch's (AsyncEventsReceived, AsyncEventAge, AsyncEventsDropped, DestinationDeliveryFailures). Must
not know queues nor HTTP.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class AsyncFigures:
    """Counts since the start of the server. `dropped` by reason; the ages are in seconds, of events at an attempt."""

    accepted: int = 0
    refused: int = 0
    attempts: int = 0
    retried: int = 0
    put_back: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    age_seconds: float = 0.0
    oldest_seconds: float = 0.0
    delivered: int = 0
    delivery_failures: int = 0
    undeliverable: int = 0

    def saw_age(self, seconds: float) -> None:
        self.age_seconds += seconds
        self.oldest_seconds = max(self.oldest_seconds, seconds)

    def read(self) -> dict[str, float]:
        """By name, for the metrics page; counters end in _total."""
        named: dict[str, float] = {
            "lamplighter_async_events_received_total": self.accepted,
            "lamplighter_async_events_refused_total": self.refused,
            "lamplighter_async_attempts_total": self.attempts,
            "lamplighter_async_retries_total": self.retried,
            "lamplighter_async_put_back_total": self.put_back,
            "lamplighter_async_event_age_seconds_total": self.age_seconds,
            "lamplighter_async_event_age_maximum_seconds": self.oldest_seconds,
            "lamplighter_destination_deliveries_total": self.delivered,
            "lamplighter_destination_delivery_failures_total": self.delivery_failures,
            "lamplighter_destination_undeliverable_total": self.undeliverable,
        }
        for condition, count in sorted(self.ended.items()):
            named[f'lamplighter_async_events_ended_total{{condition="{condition}"}}'] = count
        for reason, count in sorted(self.dropped.items()):
            named[f'lamplighter_async_events_dropped_total{{reason="{reason}"}}'] = count
        return named
