"""Queues in SQL: entries become due, are leased in turn across groups, acked or released. Every step is O(log n).

Groups with something due stand in a ring (`turn`); a lease takes from the front group and sends it to the back. Groups
with nothing due wait in order of their first entry. Must not know transactions or what bodies mean.
"""

import json
import math
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import apsw

from lamplighter.storage.storage import Lease

Row = TypeVar("Row")

_INSERT = (
    "INSERT INTO queue_entry (queue, group_name, name, due_at, checksum, body) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (queue, name) WHERE name IS NOT NULL DO UPDATE SET group_name = excluded.group_name,"
    " due_at = excluded.due_at, checksum = excluded.checksum, body = excluded.body, leases = leases + 1"
)
_EXPECT_GROUP = (
    "INSERT INTO queue_group (queue, group_name, head_due_at) VALUES (?, ?, ?)"
    " ON CONFLICT (queue, group_name) DO UPDATE SET head_due_at = excluded.head_due_at"
    " WHERE excluded.head_due_at < head_due_at"
)
# Rows a statement inserts at once, most first: each statement gives the interpreter up to whoever wants it, and waits
# to have it back.
_ROW_COUNTS = (64, 32, 16, 8, 4, 2, 1)
_INSERT_ROWS = {
    count: "INSERT INTO queue_entry (queue, due_at, leases, group_name, checksum, body) VALUES "  # noqa: S608  # literals
    + ", ".join(["(?1, ?2, ?3, ?, ?, ?)"] * count)
    for count in _ROW_COUNTS
}
_EXPECT_GROUPS = {
    count: "INSERT INTO queue_group (queue, head_due_at, group_name) VALUES "  # noqa: S608  # literals
    + ", ".join(["(?1, ?2, ?)"] * count)
    + " ON CONFLICT (queue, group_name) DO UPDATE SET head_due_at = excluded.head_due_at"
    " WHERE excluded.head_due_at < head_due_at"
    for count in _ROW_COUNTS
}
_CANCEL = "DELETE FROM queue_entry WHERE queue = ? AND name = ?"
_ACK = "DELETE FROM queue_entry WHERE entry_id = ? AND leases = ?"
_RELEASE = "UPDATE queue_entry SET due_at = ? WHERE entry_id = ? AND leases = ?"
_RELEASE_CHANGED = "UPDATE queue_entry SET due_at = ?, checksum = ?, body = ? WHERE entry_id = ? AND leases = ?"
_LAST_TURN = "SELECT coalesce(max(turn), 0) FROM queue_group WHERE queue = ? AND turn IS NOT NULL"
_DUE_GROUPS = (
    "SELECT group_name FROM queue_group WHERE queue = ? AND turn IS NULL AND head_due_at <= ?"
    " ORDER BY head_due_at LIMIT ?"
)
_FRONT_GROUPS = "SELECT group_name FROM queue_group WHERE queue = ? AND turn IS NOT NULL ORDER BY turn LIMIT ?"
_GIVE_TURN = "UPDATE queue_group SET turn = ? WHERE queue = ? AND group_name = ?"
_SEND_BACK = "UPDATE queue_group SET turn = ?, head_due_at = ? WHERE queue = ? AND group_name = ?"
_LET_WAIT = "UPDATE queue_group SET turn = NULL, head_due_at = ? WHERE queue = ? AND group_name = ?"
_FORGET_GROUP = "DELETE FROM queue_group WHERE queue = ? AND group_name = ?"
_DUE_ENTRIES = (
    "SELECT entry_id, name, leases, checksum, body FROM queue_entry"
    " WHERE queue = ? AND group_name = ? AND due_at <= ? ORDER BY due_at, entry_id LIMIT ?"
)
_HEAD_DUE = "SELECT min(due_at) FROM queue_entry WHERE queue = ? AND group_name = ?"
_LEASE = "UPDATE queue_entry SET due_at = ?, leases = leases + 1 WHERE entry_id IN (SELECT value FROM json_each(?))"
_COPY_DAMAGED = (
    "INSERT INTO queue_damaged SELECT entry_id, queue, group_name, name, due_at, leases, checksum, body"
    " FROM queue_entry WHERE entry_id = ?"
)
_REMOVE = "DELETE FROM queue_entry WHERE entry_id = ?"
_ANY_TURN = "SELECT head_due_at FROM queue_group WHERE queue = ? AND turn IS NOT NULL ORDER BY turn LIMIT 1"
_OLDEST = "SELECT min(head_due_at) FROM queue_group WHERE queue = ?"
_NEXT_WAITING = "SELECT min(head_due_at) FROM queue_group WHERE queue = ? AND turn IS NULL"
_SIZE = "SELECT count(*) FROM queue_entry WHERE queue = ?"
_DAMAGED = "SELECT count(*) FROM queue_damaged WHERE queue = ?"

_GROUPS = "SELECT group_name FROM queue_group WHERE queue = ?"
_RECLAIM = "UPDATE queue_entry SET due_at = ? WHERE queue = ? AND group_name = ? AND due_at = ?"
_GROUP_SIZES = "SELECT group_name, count(*) FROM queue_entry WHERE queue = ? GROUP BY group_name"

_LEAST_PROMOTED = 64
# When an endless lease ends: later than any date, still a 64-bit integer.
_NEVER = 1 << 62


def _milliseconds(seconds: float) -> int:
    return _NEVER if seconds == math.inf else round(seconds * 1000)


def _checksum(queue: str, group: str, name: str | None, body: bytes) -> int:
    return zlib.crc32(body, _seed(queue, group, name))


def _seed(queue: str, group: str, name: str | None) -> int:
    return zlib.crc32(f"{queue}\0{group}\0{name}".encode())


def _scalar(connection: apsw.Connection, statement: str, bindings: tuple[Any, ...]) -> Any:
    """Any: whatever the one column holds; None when there is no row."""
    row = connection.execute(statement, bindings).fetchone()
    return None if row is None else row[0]


def enqueue(connection: apsw.Connection, queue: str, body: bytes, due_at: float, group: str, name: str | None) -> None:
    due = _milliseconds(due_at)
    connection.execute(_INSERT, (queue, group, name, due, _checksum(queue, group, name, body), body))
    connection.execute(_EXPECT_GROUP, (queue, group, due))


def enqueue_many(connection: apsw.Connection, queue: str, entries: Sequence[tuple[str, bytes]], due_at: float) -> None:
    _insert(connection, queue, entries, _milliseconds(due_at), 0)


def enqueue_leased(connection: apsw.Connection, queue: str, entries: Sequence[tuple[str, bytes]]) -> list[Lease]:
    ids = _insert(connection, queue, entries, _NEVER, 1)
    return [
        Lease(queue=queue, group=group, name=None, body=body, entry_id=entry_id, count=1)
        for entry_id, (group, body) in zip(ids, entries, strict=True)
    ]


def _insert(
    connection: apsw.Connection, queue: str, entries: Sequence[tuple[str, bytes]], due: int, leases: int
) -> list[int]:
    """The ids of the new rows: those of one statement follow each other, since nobody else writes."""
    groups = list(dict.fromkeys([group for group, _ in entries]))
    seeds = {group: _seed(queue, group, None) for group in groups}
    ids: list[int] = []
    for rows in _portions(entries):
        bindings: list[str | int | bytes] = [queue, due, leases]
        for group, body in rows:
            bindings += (group, zlib.crc32(body, seeds[group]), body)
        connection.execute(_INSERT_ROWS[len(rows)], bindings)
        last = connection.last_insert_rowid()
        ids += range(last - len(rows) + 1, last + 1)
    for names in _portions(groups):
        connection.execute(_EXPECT_GROUPS[len(names)], (queue, due, *names))
    return ids


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """`rows` in as few pieces as there are statements for."""
    start = 0
    for count in _ROW_COUNTS:
        while len(rows) - start >= count:
            yield rows[start : start + count]
            start += count


def reclaim(connection: apsw.Connection, queue: str, now: float) -> int:
    due = _milliseconds(now)
    count = 0
    for (group,) in connection.execute(_GROUPS, (queue,)).fetchall():
        connection.execute(_RECLAIM, (due, queue, group, _NEVER))
        if connection.changes():
            count += connection.changes()
            connection.execute(_EXPECT_GROUP, (queue, group, due))
    return count


def cancel(connection: apsw.Connection, queue: str, name: str) -> bool:
    connection.execute(_CANCEL, (queue, name))
    return connection.changes() > 0


def ack(connection: apsw.Connection, lease: Lease) -> bool:
    connection.execute(_ACK, (lease.entry_id, lease.count))
    return connection.changes() > 0


def release(connection: apsw.Connection, lease: Lease, due_at: float, body: bytes | None) -> bool:
    due = _milliseconds(due_at)
    if body is None:
        connection.execute(_RELEASE, (due, lease.entry_id, lease.count))
    else:
        checksum = _checksum(lease.queue, lease.group, lease.name, body)
        connection.execute(_RELEASE_CHANGED, (due, checksum, body, lease.entry_id, lease.count))
    if connection.changes() == 0:
        return False
    connection.execute(_EXPECT_GROUP, (lease.queue, lease.group, due))
    return True


def lease_due(
    connection: apsw.Connection, queue: str, now: float, limit: int, seconds: float, skip: Collection[str] = ()
) -> list[Lease]:
    due = _milliseconds(now)
    until = _milliseconds(now + seconds)
    last_turn = _scalar(connection, _LAST_TURN, (queue,))
    promoted = connection.execute(_DUE_GROUPS, (queue, due, max(limit, _LEAST_PROMOTED))).fetchall()
    for (group,) in promoted:
        last_turn += 1
        connection.execute(_GIVE_TURN, (last_turn, queue, group))
    leases: list[Lease] = []
    while len(leases) < limit:
        rows = connection.execute(_FRONT_GROUPS, (queue, 2 + len(skip))).fetchall()
        front = [str(name) for (name,) in rows if name not in skip]
        if not front:
            break
        group = front[0]
        # Alone in the ring there is nobody to be fair to.
        most = 1 if len(front) > 1 else limit - len(leases)
        leases += _lease_from_group(connection, queue, group, due, until, most)
        last_turn += 1
        _send_back(connection, queue, group, due, last_turn)
    return leases


def _lease_from_group(
    connection: apsw.Connection, queue: str, group: str, due: int, until: int, most: int
) -> list[Lease]:
    leases = []
    # Any: apsw types every column as any SQLite value.
    rows: list[Any] = connection.execute(_DUE_ENTRIES, (queue, group, due, most)).fetchall()
    for entry_id, name, count, checksum, body in rows:
        if _checksum(queue, group, name, body) != checksum:
            connection.execute(_COPY_DAMAGED, (entry_id,))
            connection.execute(_REMOVE, (entry_id,))
            continue
        leases.append(Lease(queue=queue, group=group, name=name, body=body, entry_id=entry_id, count=count + 1))
    if leases:
        connection.execute(_LEASE, (until, json.dumps([lease.entry_id for lease in leases])))
    return leases


def _send_back(connection: apsw.Connection, queue: str, group: str, due: int, turn: int) -> None:
    """The group has had its turn: to the back of the ring, out of it, or away."""
    head = _scalar(connection, _HEAD_DUE, (queue, group))
    if head is None:
        connection.execute(_FORGET_GROUP, (queue, group))
    elif head <= due:
        connection.execute(_SEND_BACK, (turn, head, queue, group))
    else:
        connection.execute(_LET_WAIT, (head, queue, group))


def group_sizes(connection: apsw.Connection, queue: str) -> dict[str, int]:
    # Any: apsw types every column as any SQLite value.
    rows: list[Any] = connection.execute(_GROUP_SIZES, (queue,)).fetchall()
    return dict(rows)


def next_due(connection: apsw.Connection, queue: str) -> float | None:
    found = [_scalar(connection, statement, (queue,)) for statement in (_ANY_TURN, _NEXT_WAITING)]
    times = [time for time in found if time is not None]
    return min(times) / 1000 if times else None


def oldest_due(connection: apsw.Connection, queue: str) -> float | None:
    time = _scalar(connection, _OLDEST, (queue,))
    return None if time is None else time / 1000


def size(connection: apsw.Connection, queue: str) -> int:
    return int(_scalar(connection, _SIZE, (queue,)))


def damaged(connection: apsw.Connection, queue: str) -> int:
    return int(_scalar(connection, _DAMAGED, (queue,)))
