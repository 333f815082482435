"""LogStore: takes log lines on the event loop for a fraction of a microsecond each and writes them behind.

Lines gather per stream and go to one writing thread every 50 ms, without fsync: a log may lose its last moment in a
power cut, an invoke never waits for it. When the thread or the disk cannot follow, lines are dropped and counted.
Must not know what lines mean.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from lamplighter.observability.log_files import LogFiles, LogPolicy
from lamplighter.observability.log_layout import LogRecord, LogStreamKey
from lamplighter.observability.log_reader import LogEvent, LogReader

__all__ = ["LogPolicy", "LogStore", "LogWriter"]


# What a record costs beside its text; without it a flood of empty lines would count for next to nothing.
_RECORD_BYTES = 128


class _Gatherer(Protocol):
    """What a writer needs of its store."""

    def gather(self, writer: "LogWriter") -> None:
        """The writer has its first line since it was emptied."""
        ...

    def overflow(self, writer: "LogWriter") -> None:
        """The writer's buffer is full."""
        ...


class LogWriter:
    """One open log stream. Used on the event loop's thread only."""

    __slots__ = ("_is_closed", "_limit", "_records", "_size", "_store", "key")

    def __init__(self, store: _Gatherer, key: LogStreamKey, limit: int) -> None:
        self.key = key
        self._store = store
        self._limit = limit
        self._records: list[LogRecord] = []
        self._size = 0
        self._is_closed = False

    def write(self, timestamp_ms: int, message: str) -> None:
        """Take one event; never blocks, never fails."""
        if self._is_closed:
            return
        if not self._records:
            self._store.gather(self)
        self._records.append(LogRecord(timestamp_ms, message))
        self._size += len(message) + _RECORD_BYTES
        if self._size > self._limit:
            self._store.overflow(self)

    def take(self) -> tuple[list[LogRecord], int]:
        """Hand over what was written, with about its size."""
        records, size = self._records, self._size
        self._records, self._size = [], 0
        return records, size

    def close(self) -> None:
        """What was written is still kept; further writes are ignored."""
        self._is_closed = True


class _Batch:
    """Records of several streams on their way to the thread."""

    __slots__ = ("size", "streams")

    def __init__(self) -> None:
        self.streams: list[tuple[LogStreamKey, list[LogRecord]]] = []
        self.size = 0


class LogStore:
    """All logs of one server, below one directory."""

    def __init__(self, directory: Path, policy: LogPolicy | None = None) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.reader = LogReader(directory)
        self._policy = policy or LogPolicy()
        self._files = LogFiles(directory, self._policy)
        self._gathered: list[LogWriter] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._dropped = 0
        # Written by the event loop and by the thread respectively; their difference is what waits.
        self._handed_over = 0
        self._done = 0
        self._inbox: SimpleQueue[_Batch | Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def open(self, account_id: str, region: str, log_group: str, log_stream: str) -> LogWriter:
        """A stream to write to; nothing is on disk before the first line."""
        key = LogStreamKey(account_id, region, log_group, log_stream)
        return LogWriter(self, key, self._policy.stream_buffer_bytes)

    @property
    def dropped_lines(self) -> int:
        """Lines that found no room since the start."""
        return self._dropped + self._files.dropped

    async def flush(self) -> None:
        """Return when everything written before can be read."""
        self._hand_over()
        await self._in_thread(lambda: True)

    async def tail(self, account_id: str, region: str, log_group: str, limit: int) -> list[LogEvent]:
        """The last events of a group, oldest first, including those written just now."""
        await self.flush()
        return await asyncio.to_thread(self.reader.tail, account_id, region, log_group, limit)

    def follow(
        self, account_id: str, region: str, log_group: str, *, backlog: int = 0
    ) -> AsyncGenerator[LogEvent, None]:
        return self.reader.follow(account_id, region, log_group, backlog=backlog)

    async def delete_group(self, account_id: str, region: str, log_group: str) -> bool:
        """Whether there was such a group. A stream still open begins it anew with its next line."""
        self._hand_over()
        return await self._in_thread(lambda: self._files.delete_group(account_id, region, log_group))

    async def close(self) -> None:
        """Write what waits. Closing twice is harmless."""
        if not self._is_closed:
            self._hand_over()
            self._is_closed = True
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    # ---- the writers' side

    def gather(self, writer: LogWriter) -> None:
        self._gathered.append(writer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._policy.flush_seconds, self._hand_over)

    def overflow(self, writer: LogWriter) -> None:
        """Hand over one stream's lines at once, or drop them when too much waits already."""
        self._gathered.remove(writer)
        # Half of the room is for streams that are not flooded.
        self._send([writer], self._policy.waiting_bytes // 2)

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._send(gathered, self._policy.waiting_bytes)

    def _send(self, writers: list[LogWriter], most: int) -> None:
        batch = _Batch()
        waiting = self._handed_over - self._done
        for writer in writers:
            records, size = writer.take()
            if waiting + batch.size + size > most:
                self._dropped += len(records)
                continue
            batch.streams.append((writer.key, records))
            batch.size += size
        self._handed_over += batch.size
        self._inbox.put(batch)

    async def _in_thread(self, call: Callable[[], bool]) -> bool:
        if self._is_closed:
            return False
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        results: list[bool] = []

        def run() -> None:
            results.append(call())
            loop.call_soon_threadsafe(done.set)

        self._inbox.put(run)
        await done.wait()
        return results[0]

    # ---- the thread's side

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # then only what this life writes counts against the bounds
            self._files.measure()
        while (item := self._inbox.get()) is not None:
            if isinstance(item, _Batch):
                self._files.append(item.streams)
                self._done += item.size
            else:
                item()
        self._files.close()
