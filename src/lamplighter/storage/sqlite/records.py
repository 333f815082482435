"""The SQL of the table `record`, and reads over it that the writer and the reader share. Must not know transactions."""

import builtins
from typing import Any

import apsw

GET = "SELECT value FROM record WHERE table_name = ? AND key = ?"
PUT = (
    "INSERT INTO record (table_name, key, value) VALUES (?, ?, ?)"
    " ON CONFLICT (table_name, key) DO UPDATE SET value = excluded.value"
)
DELETE = "DELETE FROM record WHERE table_name = ? AND key = ?"
LIST_FROM = "SELECT key, value FROM record WHERE table_name = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
LIST_AFTER = "SELECT key, value FROM record WHERE table_name = ? AND key > ? AND key < ? ORDER BY key LIMIT ?"
LIST_FROM_TO_END = "SELECT key, value FROM record WHERE table_name = ? AND key >= ? ORDER BY key LIMIT ?"
LIST_AFTER_TO_END = "SELECT key, value FROM record WHERE table_name = ? AND key > ? ORDER BY key LIMIT ?"

_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def get_record(connection: apsw.Connection, table: str, key: str) -> bytes | None:
    row = connection.execute(GET, (table, key)).fetchone()
    return None if row is None else row[0]


def list_records(
    connection: apsw.Connection, table: str, prefix: str, after: str | None, limit: int | None
) -> builtins.list[tuple[str, bytes]]:
    most = -1 if limit is None else limit
    end = prefix_end(prefix)
    is_behind = after is not None and after >= prefix
    start = after if is_behind else prefix
    # Any: apsw types every column as any SQLite value; the schema says TEXT and BLOB.
    rows: Any
    if end is None:
        rows = connection.execute(LIST_AFTER_TO_END if is_behind else LIST_FROM_TO_END, (table, start, most))
    else:
        rows = connection.execute(LIST_AFTER if is_behind else LIST_FROM, (table, start, end, most))
    return rows.fetchall()  # type: ignore[no-any-return]  # see above


def prefix_end(prefix: str) -> str | None:
    """The first text behind all that start with `prefix`, in code point (= UTF-8 byte) order; None if there is none."""
    kept = prefix.rstrip(chr(_LAST_CHARACTER))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    if following in _SURROGATES:
        following = _SURROGATES.stop
    return kept[:-1] + chr(following)
