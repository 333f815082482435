"""Freezes environments that have been idle for a moment, as Lambda does between invokes.

An environment that is invoked again and again is never frozen, and being watched costs it next to nothing: one timer
serves all. Must not know invokes or sandboxes.
"""

import asyncio
from typing import Protocol

# Freezing takes a fraction of a millisecond each; the event loop gets a turn in between.
_AT_ONCE = 4
_PAUSE_SECONDS = 0.001


class Idler(Protocol):
    """An execution environment."""

    idle_since: float

    @property
    def is_idle(self) -> bool: ...

    def freeze(self) -> bool:
        """False when it cannot be frozen just now."""
        ...


class Freezer:
    """`watch` whoever has become idle. `after_seconds` 0 freezes nothing."""

    def __init__(self, after_seconds: float) -> None:
        self._after = after_seconds
        self._loop = asyncio.get_running_loop()
        self._watched: dict[Idler, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, idler: Idler) -> None:
        """Freeze it when it has been idle for a while; once it is busy it must be given again."""
        if self._after <= 0:
            return
        self._watched[idler] = None
        if self._timer is None:
            self._timer = self._loop.call_later(self._after, self._look)

    def _look(self) -> None:
        idle_before = self._loop.time() - self._after
        frozen = 0
        for idler in tuple(self._watched):
            if not idler.is_idle:
                del self._watched[idler]
            elif idler.idle_since <= idle_before:
                if frozen == _AT_ONCE:
                    break
                frozen += 1
                if idler.freeze():
                    del self._watched[idler]
        pause = _PAUSE_SECONDS if frozen == _AT_ONCE else self._after
        self._timer = self._loop.call_later(pause, self._look) if self._watched else None

    def close(self) -> None:
        self._watched.clear()
        self._after = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
