"""The one thread that owns the write connection: drains waiting decisions, commits them together, then answers all.

There is no timer: while one group is being fsynced the next one gathers. An I/O error is final: everything waiting
and everything later is refused, because after a failed fsync nobody knows what the disk holds.
Must not know what decisions decide.
"""

import asyncio
import contextlib
import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import apsw

from lamplighter.kernel.limits import MIB
from lamplighter.storage.sqlite.space import DiskSpace
from lamplighter.storage.sqlite.transaction import FULL_MESSAGE, SqliteTransaction
from lamplighter.storage.storage import StorageBusy, StorageFailed, StorageFull, Transaction

_DISK_ERRORS = (
    apsw.FullError,
    apsw.IOError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterPolicy:
    """Bounds of the write lane. The WAL is checkpointed when idle, and at the latest at `checkpoint_bytes`."""

    group_size: int = 512
    waiting_limit: int = 16_384
    checkpoint_bytes: int = 64 * MIB
    idle_checkpoint_bytes: int = 1 * MIB
    idle_seconds: float = 0.2


@dataclass(slots=True, eq=False)
class WaitingDecision:
    """A decision, the future that its caller awaits, and how it ended. Any: whatever the decision returns."""

    decide: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    completes: bool
    result: Any = field(default=None)
    error: BaseException | None = None


class Writer:
    """Owns the write connection in its own thread. `submit` and `close` belong to the event loop's thread."""

    def __init__(self, connection: apsw.Connection, space: DiskSpace, policy: WriterPolicy, page_bytes: int) -> None:
        self._connection = connection
        self._space = space
        self._policy = policy
        self._page_bytes = page_bytes
        self._wal_bytes = 0
        self._inbox: SimpleQueue[WaitingDecision | None] = SimpleQueue()
        self._waiting = 0
        self._is_closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: StorageFailed | None = None
        self._failed: asyncio.Event = asyncio.Event()
        connection.set_wal_hook(self._note_wal_size)
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)
        self._thread.start()

    # ---- the event loop's side

    def submit(self, decide: Callable[[Transaction], Any], *, completes: bool) -> asyncio.Future[Any]:
        """Any: the future resolves to whatever `decide` returns."""
        if self._failure is not None:
            raise self._failure
        if self._is_closing:
            raise StorageFailed("the storage is closed")
        if self._waiting >= self._policy.waiting_limit and not completes:
            raise StorageBusy(f"{self._waiting} writes already wait for the disk")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._inbox.put(WaitingDecision(decide, future, completes))
        return future

    async def wait_failed(self) -> StorageFailed:
        await self._failed.wait()
        assert self._failure is not None  # noqa: S101  # set before the event
        return self._failure

    async def close(self) -> None:
        """Commit what waits, checkpoint, close the connection."""
        if not self._is_closing:
            self._is_closing = True
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def _resolve(self, group: list[WaitingDecision]) -> None:
        self._waiting -= len(group)
        if self._failure is not None:
            self._failed.set()
        for waiting in group:
            if waiting.future.done():
                continue
            if waiting.error is None:
                waiting.future.set_result(waiting.result)
            else:
                waiting.future.set_exception(waiting.error)

    # ---- the writer's side

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._gather()
            if group:
                self._commit_group(group)
                self._answer(group)
            elif is_open:
                self._checkpoint(self._policy.idle_checkpoint_bytes)
            if self._wal_bytes > self._policy.checkpoint_bytes:
                self._checkpoint(self._policy.checkpoint_bytes)
        with contextlib.suppress(apsw.Error):  # closing checkpoints; a full or failed disk keeps the WAL for next time
            self._connection.close()

    def _gather(self) -> tuple[list[WaitingDecision], bool]:
        """All that waits, up to a group, and whether to go on; an empty group means that nothing came for a while."""
        timeout = self._policy.idle_seconds if self._wal_bytes > self._policy.idle_checkpoint_bytes else None
        group: list[WaitingDecision] = []
        try:
            waiting = self._inbox.get(timeout=timeout)
            while waiting is not None:
                group.append(waiting)
                if len(group) == self._policy.group_size:
                    return group, True
                waiting = self._inbox.get_nowait()
        except Empty:
            return group, True
        return group, False

    def _answer(self, group: list[WaitingDecision]) -> None:
        assert self._loop is not None  # noqa: S101  # set by the first submit
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
            self._loop.call_soon_threadsafe(self._resolve, group)

    def _commit_group(self, group: list[WaitingDecision]) -> None:
        """Commit `group`; a full disk gives up the reserve and lets through what completes or deletes."""
        if self._failure is not None:
            self._refuse(group, self._failure)
            return
        try:
            if self._try_commit(group, may_grow=not self._space.is_short()):
                return
            self._space.give_up_reserve()
            if not self._try_commit(group, may_grow=False):
                self._refuse(group, StorageFull(FULL_MESSAGE))
        except apsw.BusyError:
            self._rollback()
            self._refuse(group, StorageBusy("another program holds the database"))
        except (apsw.Error, OSError) as error:
            self._failure = StorageFailed(f"writing to the database failed: {error}")
            self._failure.__cause__ = error
            self._rollback()
            self._refuse(group, self._failure)

    def _try_commit(self, group: list[WaitingDecision], *, may_grow: bool) -> bool:
        """Whether the group is durable; False when the disk was full and everything was rolled back."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for waiting in group:
                self._run_decision(waiting, may_grow=may_grow or waiting.completes)
            self._connection.execute("COMMIT")
        except (apsw.FullError, apsw.IOError) as error:
            is_full = (
                isinstance(error, apsw.FullError)
                or self._connection.system_errno in _NO_SPACE
                or self._space.is_exhausted()
            )
            self._rollback()
            if not is_full:
                raise
            return False
        return True

    def _run_decision(self, waiting: WaitingDecision, *, may_grow: bool) -> None:
        transaction = SqliteTransaction(self._connection, may_grow=may_grow)
        waiting.result, waiting.error = None, None
        try:
            waiting.result = waiting.decide(transaction)
        except apsw.Error as error:
            if isinstance(error, _DISK_ERRORS) or not self._connection.in_transaction:
                raise
            waiting.error = error
        except Exception as error:  # noqa: BLE001  # the boundary: a decision's own error goes to its caller alone
            waiting.error = error
        if waiting.error is None:
            transaction.keep()
        else:
            transaction.undo()

    def _rollback(self) -> None:
        with contextlib.suppress(apsw.Error):  # after an I/O error SQLite may already have rolled back
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @staticmethod
    def _refuse(group: list[WaitingDecision], error: Exception) -> None:
        for waiting in group:
            waiting.error = error

    def _note_wal_size(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._wal_bytes = pages * self._page_bytes
        return apsw.SQLITE_OK

    def _checkpoint(self, threshold: int) -> None:
        """Copy the WAL into the database so that it is overwritten from its start; it stays allocated."""
        if self._wal_bytes <= threshold:
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            # Nothing is lost: the WAL holds it all. A disk that is really broken fails the next commit.
            self._wal_bytes = 0
            return
        self._wal_bytes = 0
