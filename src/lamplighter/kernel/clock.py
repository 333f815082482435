"""Time as something that is passed in, never looked up.

Every decision takes `now`; only the edges hold a Clock. ManualClock is the virtual clock of the unit tests and
of the deterministic test mode. This module must not know what the time is used for.
"""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Wall time for what users see, monotonic time for what is measured."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock; the functions themselves, because they are asked a dozen times an invoke."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


@dataclass
class ManualClock:
    """A clock that moves only when told to."""

    current: float = 1_750_000_000.0

    def now(self) -> float:
        return self.current

    def monotonic(self) -> float:
        return self.current

    def advance(self, seconds: float) -> None:
        self.current += seconds
