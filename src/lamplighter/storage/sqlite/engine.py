"""SqliteStorage: the data directory, its lock, the two connections and the writer thread behind the Storage Protocol.

Writes go to the writer; reads run on a read-only connection on the event loop's thread. Must not know what is stored.
"""

import builtins
import os
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString, Self, TypeVar

import apsw

from lamplighter.storage.directories import DirectoryLock, make_directory, sync_directory
from lamplighter.storage.sqlite import queues, records
from lamplighter.storage.sqlite.schema import Migration, load_migrations, migrate
from lamplighter.storage.sqlite.space import DiskSpace, SpacePolicy
from lamplighter.storage.sqlite.writer import Writer, WriterPolicy
from lamplighter.storage.storage import StorageFailed, Transaction

Result = TypeVar("Result")

_FILE_NAME = "lamplighter.db"
_BUSY_MILLISECONDS = 5000


class SqliteStorage:
    """Implements storage.Storage in one directory on one machine."""

    def __init__(self, lock: DirectoryLock, reader: apsw.Connection, writer: Writer) -> None:
        self._lock = lock
        self._reader = reader
        self._writer = writer
        self._is_closed = False

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        space: SpacePolicy | None = None,
        writer: WriterPolicy | None = None,
        migrations: tuple[Migration, ...] | None = None,
    ) -> Self:
        """Open or create the store in `directory`.

        Raises StorageRefused when another server holds the directory or a newer version wrote it.
        """
        make_directory(directory)
        lock = DirectoryLock(directory)
        disk = DiskSpace(directory, space or SpacePolicy())
        if disk.is_exhausted():
            disk.give_up_reserve()
        try:
            connection = _open_for_writing(directory / _FILE_NAME, migrations or load_migrations())
            sync_directory(directory)
            reader = _open_for_reading(directory / _FILE_NAME)
            page_bytes = connection.pragma("page_size")
            return cls(lock, reader, Writer(connection, disk, writer or WriterPolicy(), page_bytes))
        except apsw.Error as error:
            lock.release()
            message = f"cannot open {directory / _FILE_NAME}: {error}"
            raise StorageFailed(message) from error
        except BaseException:
            lock.release()
            raise

    async def transact(self, decide: Callable[[Transaction], Result], *, completes: bool = False) -> Result:
        result: Result = await self._writer.submit(decide, completes=completes)
        return result

    def get(self, table: LiteralString, key: str) -> bytes | None:
        return records.get_record(self._reader, table, key)

    def list(
        self, table: LiteralString, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> builtins.list[tuple[str, bytes]]:
        return records.list_records(self._reader, table, prefix, after, limit)

    def next_due(self, queue: LiteralString) -> float | None:
        return queues.next_due(self._reader, queue)

    def oldest_due(self, queue: LiteralString) -> float | None:
        return queues.oldest_due(self._reader, queue)

    def queue_size(self, queue: LiteralString) -> int:
        return queues.size(self._reader, queue)

    def group_sizes(self, queue: LiteralString) -> dict[str, int]:
        return queues.group_sizes(self._reader, queue)

    def damaged(self, queue: LiteralString) -> int:
        return queues.damaged(self._reader, queue)

    async def wait_failed(self) -> StorageFailed:
        return await self._writer.wait_failed()

    async def close(self) -> None:
        """Commit what waits, then let the directory go. Closing twice is harmless."""
        if self._is_closed:
            return
        self._is_closed = True
        self._reader.close()  # before the writer's, so that the last connection can fold the WAL in
        await self._writer.close()
        self._lock.release()


def _open_for_writing(path: Path, migrations: tuple[Migration, ...]) -> apsw.Connection:
    # SQLite would create the file readable for all; -wal and -shm inherit the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        _prepare_connection(connection)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("journal_size_limit", -1)
        connection.pragma("foreign_keys", "on")
        migrate(connection, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_for_reading(path: Path) -> apsw.Connection:
    connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)
    _prepare_connection(connection)
    return connection


def _prepare_connection(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    # Plans must not depend on bound values: else LIMIT ? and partial indexes cost a new plan at every execution (4x).
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
