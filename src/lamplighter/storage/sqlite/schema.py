"""Brings a database to this version's schema: numbered migrations, each in its own transaction.

A kill in the middle leaves the last whole migration; the next start goes on from there. A database written by a
newer version is refused, never guessed at.
"""

import re
from dataclasses import dataclass
from importlib import resources

import apsw

from lamplighter.storage.storage import StorageRefused

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema's history."""

    number: int
    name: str
    sql: str


def load_migrations() -> tuple[Migration, ...]:
    """The migrations shipped in this package, in order."""
    found = [
        Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
        for entry in resources.files("lamplighter.storage.migrations").iterdir()
        if (match := _FILE_NAME.fullmatch(entry.name))
    ]
    return tuple(sorted(found, key=lambda migration: migration.number))


def migrate(connection: apsw.Connection, migrations: tuple[Migration, ...]) -> None:
    """Apply what is missing. Raises StorageRefused for a schema newer than `migrations`."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    )
    row = connection.execute("SELECT coalesce(max(number), 0) FROM schema_migration").fetchone()
    assert row is not None  # noqa: S101  # an aggregate always answers one row
    applied, newest = row[0], migrations[-1].number
    if applied > newest:
        message = (
            f"the data directory has schema {applied}, this version of lamplighter knows up to {newest}; "
            "start the version that wrote it, or a newer one"
        )
        raise StorageRefused(message)
    for migration in migrations:
        if migration.number > applied:
            _apply(connection, migration)


def _apply(connection: apsw.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(migration.sql)
        connection.execute("INSERT INTO schema_migration VALUES (?, ?)", (migration.number, migration.name))
        connection.execute("COMMIT")
    except apsw.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
