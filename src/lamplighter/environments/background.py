"""Coroutines that run beside the call that began them, owned by one object that ends them: nothing floats free.

A failure nobody waits for is logged. Must not know what the coroutines do.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Background:
    """Runs coroutines and keeps them referenced until they end; `close` waits for all of them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    # Any: what a coroutine could be sent is nobody's business here.
    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        running = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, ended: "asyncio.Task[None]") -> None:
        self._running.discard(ended)
        if not ended.cancelled() and ended.exception() is not None:
            _log.error("%s failed", ended.get_name(), exc_info=ended.exception())

    async def close(self, seconds: float) -> None:
        """Wait until everything has ended; what is still running after `seconds` is cancelled."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=seconds)
        for running in tuple(self._running):
            running.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running))
