"""Serial lanes: one per key, each bringing what storage asks for about, again and again until nothing is left to do.

Whoever owns the lanes says what one step is. Must not know what a key stands for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from lamplighter.storage.storage import StorageFull

Key = TypeVar("Key", bound=Hashable)

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_ATTEMPTS = 1.0


class Lanes(Generic[Key]):
    """`run` owns the lanes; a lane ends when `settle` says that nothing is left to do for its key."""

    def __init__(self, settle: Callable[[Key], Awaitable[bool]]) -> None:
        self._settle = settle
        self._asked: asyncio.Queue[Key] = asyncio.Queue()
        self._moving: dict[Key, asyncio.Event] = {}
        self._asked_again: set[Key] = set()

    async def run(self, left: Iterable[Key]) -> None:
        """Until cancelled: first what an earlier life left, then what is asked for."""
        for key in left:
            self.schedule(key)
        async with asyncio.TaskGroup() as lanes:
            while True:
                key = await self._asked.get()
                lanes.create_task(self._settle_repeatedly(key), name=f"settle {key}")

    def schedule(self, key: Key) -> None:
        """Something for this key has been committed that is not settled yet."""
        if key not in self._moving:
            self._moving[key] = asyncio.Event()
            self._asked.put_nowait(key)
        else:
            self._asked_again.add(key)

    async def wait_settled(self, key: Key, seconds: float) -> None:
        """Return when nothing is under way for this key any more, or after `seconds`."""
        moving = self._moving.get(key)
        if moving is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await moving.wait()
        except TimeoutError:
            return

    async def _settle_repeatedly(self, key: Key) -> None:
        """A loop boundary: what fails is logged and tried again, since desired state does not go away."""
        try:
            while True:
                self._asked_again.discard(key)
                try:
                    if await self._settle(key) and key not in self._asked_again:
                        return
                except StorageFull:
                    _log.warning("the disk is full: %s stays as it is for now", key)
                    await asyncio.sleep(_SECONDS_BETWEEN_ATTEMPTS)
                except Exception:  # noqa: BLE001 - the boundary of this loop; see the docstring
                    _log.exception("cannot settle %s, trying again", key)
                    await asyncio.sleep(_SECONDS_BETWEEN_ATTEMPTS)
        finally:
            self._moving.pop(key).set()
