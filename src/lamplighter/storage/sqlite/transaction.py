"""One decision's view of the write connection. The savepoint is set at its first write, so that reads cost nothing.

Must not know batching: the writer begins and commits around it.
"""

import builtins
from collections.abc import Collection, Sequence
from typing import LiteralString

import apsw

from lamplighter.storage.sqlite import queues, records
from lamplighter.storage.storage import Lease, StorageFull

FULL_MESSAGE = "the disk is nearly full: new writes are refused until space is freed"


class SqliteTransaction:
    """Implements storage.Transaction on the writer's connection; lives for one run of one decision."""

    __slots__ = ("_connection", "_execute", "_has_savepoint", "_may_grow")

    def __init__(self, connection: apsw.Connection, *, may_grow: bool) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._may_grow = may_grow
        self._has_savepoint = False

    def get(self, table: LiteralString, key: str) -> bytes | None:
        return records.get_record(self._connection, table, key)

    def list(
        self, table: LiteralString, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> builtins.list[tuple[str, bytes]]:
        return records.list_records(self._connection, table, prefix, after, limit)

    def put(self, table: LiteralString, key: str, value: bytes) -> None:
        self._before_growth()
        self._execute(records.PUT, (table, key, value))

    def delete(self, table: LiteralString, key: str) -> bool:
        self._before_write()
        self._execute(records.DELETE, (table, key))
        return self._connection.changes() > 0

    def enqueue(
        self, queue: LiteralString, body: bytes, *, due_at: float, group: str = "", name: str | None = None
    ) -> None:
        self._before_growth()
        queues.enqueue(self._connection, queue, body, due_at, group, name)

    def cancel(self, queue: LiteralString, name: str) -> bool:
        self._before_write()
        return queues.cancel(self._connection, queue, name)

    def enqueue_many(self, queue: LiteralString, entries: Sequence[tuple[str, bytes]], *, due_at: float) -> None:
        self._before_growth()
        queues.enqueue_many(self._connection, queue, entries, due_at)

    def enqueue_leased(self, queue: LiteralString, entries: Sequence[tuple[str, bytes]]) -> builtins.list[Lease]:
        self._before_growth()
        return queues.enqueue_leased(self._connection, queue, entries)

    def lease(
        self, queue: LiteralString, *, now: float, limit: int, seconds: float, skip: Collection[str] = ()
    ) -> builtins.list[Lease]:
        self._before_write()
        return queues.lease_due(self._connection, queue, now, limit, seconds, skip)

    def reclaim(self, queue: LiteralString, *, now: float) -> int:
        self._before_write()
        return queues.reclaim(self._connection, queue, now)

    def ack(self, lease: Lease) -> bool:
        self._before_write()
        return queues.ack(self._connection, lease)

    def release(self, lease: Lease, *, due_at: float, body: bytes | None = None) -> bool:
        self._before_write()
        return queues.release(self._connection, lease, due_at, body)

    def keep(self) -> None:
        """Fold this decision's writes into the batch."""
        if self._has_savepoint:
            self._execute("RELEASE decision")

    def undo(self) -> None:
        """Take this decision's writes back, unless SQLite has already rolled the whole batch back."""
        if self._has_savepoint and self._connection.in_transaction:
            self._execute("ROLLBACK TO decision")
            self._execute("RELEASE decision")

    def _before_growth(self) -> None:
        if not self._may_grow:
            raise StorageFull(FULL_MESSAGE)
        self._before_write()

    def _before_write(self) -> None:
        if not self._has_savepoint:
            self._execute("SAVEPOINT decision")
            self._has_savepoint = True
