"""Takes entries out of one durable queue and has each handled, fairly by group, a bounded number at a time.

Leases are endless: they end with the entry or with this life of the server, and the next life reclaims them at once.
Must not know what entries mean, nor how they are acked.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import LiteralString

from lamplighter.invocation.asynchronous.shares import at_share, batch_size, is_at_share
from lamplighter.kernel.clock import Clock
from lamplighter.storage.storage import ENDLESS, Lease, Storage, StorageBusy, StorageFailed, StorageFull

_log = logging.getLogger(__name__)
# The wall clock is looked at this often at least: it may jump.
_LOOK_SECONDS = 1.0
_TROUBLE_SECONDS = 1.0
# Storage keeps whole milliseconds, so what is due now may look due a moment later.
_ROUNDING_SECONDS = 0.001


class FairDispatch:
    """`run` until cancelled; `handle` is called for each entry and must end its lease one way or the other.

    `running` is how many are being handled.
    """

    def __init__(
        self,
        storage: Storage,
        queue: LiteralString,
        handle: Callable[[Lease], Awaitable[None]],
        *,
        limit: int,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._queue = queue
        self._handle = handle
        self._limit = limit
        self._clock = clock
        self._held: dict[str, int] = {}
        self.running = 0
        self._paused: dict[str, float] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._wake: asyncio.Event = asyncio.Event()
        self._is_open = False

    def running_of(self, group: str) -> int:
        return self._held.get(group, 0)

    async def run(self) -> None:
        """Reclaim what an earlier life held, then hand out entries as they become due."""
        now = self._clock.now()
        reclaimed = await self._storage.transact(
            lambda transaction: transaction.reclaim(self._queue, now=now), completes=True
        )
        if reclaimed:
            _log.info("%d entries of the queue %s were in hand when the server ended last", reclaimed, self._queue)
        self._is_open = True
        while self._is_open:
            self._wake.clear()
            if not await self._hand_out():
                await self._rest()

    # --- what goes past the queue

    def take_place(self, group: str) -> bool:
        """Whether one more of `group` may be handled right now; the place is then taken."""
        if not self._is_open or self._is_held_back(group):
            return False
        self._hold(group)
        return True

    def leave_place(self, group: str) -> None:
        """Give a place back that nothing came of."""
        self.running -= 1
        remaining = self._held[group] - 1
        if remaining:
            self._held[group] = remaining
        else:
            del self._held[group]
        self._wake.set()

    def start(self, lease: Lease) -> None:
        """Handle an entry whose place is taken already."""
        running = asyncio.get_running_loop().create_task(self._guarded(lease))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    # --- control

    def wake(self, group: str | None = None) -> None:
        """Something may have become due; of `group`, if it is one alone."""
        if group is None or not self._is_held_back(group):
            self._wake.set()

    def pause(self, group: str, seconds: float) -> None:
        """Leave a group alone for a while, because all of its entries would meet the same trouble."""
        self._paused[group] = max(self._paused.get(group, 0.0), self._clock.monotonic() + seconds)

    def close_door(self) -> None:
        """Hand nothing out any more; what is being handled goes on."""
        self._is_open = False
        self._wake.set()

    async def drain(self, seconds: float) -> int:
        """Let what is being handled finish, then give it up: the number given up, which the next life finds again."""
        self.close_door()
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=seconds)
        given_up = tuple(self._running)
        for running in given_up:
            running.cancel()
        if given_up:
            await asyncio.wait(given_up)
        return len(given_up)

    # --- inside

    def _is_held_back(self, group: str) -> bool:
        """Whether it must wait for a pause or an entry to end, both of which wake us."""
        return group in self._paused or is_at_share(self.running_of(group), self.running, self._limit)

    def _hold(self, group: str) -> None:
        self.running += 1
        self._held[group] = self._held.get(group, 0) + 1

    async def _hand_out(self) -> bool:
        """Whether anything was handed out."""
        skip = at_share(self._held, self._limit) | self._still_paused()
        most = batch_size(self._held, skip, self._limit)
        now = self._clock.now()
        due = self._storage.next_due(self._queue) if most else None
        if due is None or due > now + _ROUNDING_SECONDS:
            return False
        try:
            leases = await self._storage.transact(
                lambda transaction: transaction.lease(self._queue, now=now, limit=most, seconds=ENDLESS, skip=skip),
                completes=True,
            )
        except (StorageBusy, StorageFull, StorageFailed) as error:
            _log.warning("the queue %s cannot be read now: %s", self._queue, error)
            await asyncio.sleep(_TROUBLE_SECONDS)
            return False
        for lease in leases:
            self._hold(lease.group)
            self.start(lease)
        return bool(leases)

    def _still_paused(self) -> set[str]:
        now = self._clock.monotonic()
        self._paused = {group: until for group, until in self._paused.items() if until > now}
        return set(self._paused)

    async def _rest(self) -> None:
        """Until something changes, becomes due, or a second has passed."""
        # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the wake.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rest_seconds()):
                await self._wake.wait()

    def _rest_seconds(self) -> float:
        due = self._storage.next_due(self._queue)
        rest = _LOOK_SECONDS
        if due is not None and due > self._clock.now():
            rest = min(rest, due - self._clock.now())
        if self._paused:
            rest = min(rest, max(0.0, min(self._paused.values()) - self._clock.monotonic()))
        return max(rest, 0.001)

    async def _guarded(self, lease: Lease) -> None:
        try:
            await self._handle(lease)
        except Exception:  # noqa: BLE001  # loop boundary: one bad entry stops neither the others nor the loop
            _log.exception("an entry of the queue %s could not be handled; it is tried again later", self._queue)
            await self._put_back(lease)
        finally:
            self.leave_place(lease.group)

    async def _put_back(self, lease: Lease) -> None:
        due_at = self._clock.now() + min(300.0, 2.0 ** min(lease.count, 9))
        try:
            await self._storage.transact(lambda transaction: transaction.release(lease, due_at=due_at), completes=True)
        except (StorageBusy, StorageFull, StorageFailed) as error:
            _log.warning("an entry of the queue %s waits for the next start: %s", self._queue, error)
