"""The schema moves forward step by step, survives a kill in a step, and is never guessed at when newer."""

from pathlib import Path

import apsw
import pytest

from lamplighter.storage.sqlite import SqliteStorage
from lamplighter.storage.sqlite.schema import Migration, load_migrations, migrate
from lamplighter.storage.storage import StorageFailed, StorageRefused

FIRST = Migration(1, "one", "CREATE TABLE one (x); INSERT INTO one VALUES (1)")
SECOND = Migration(2, "two", "ALTER TABLE one ADD COLUMN y; CREATE TABLE two (x)")
BROKEN = Migration(2, "two", "ALTER TABLE one ADD COLUMN y; INSERT INTO missing VALUES (1)")


def tables(connection: apsw.Connection) -> list[object]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]


def test_shipped_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in load_migrations()] == list(range(1, len(load_migrations()) + 1))


def test_each_migration_is_applied_once(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "db"))

    migrate(connection, (FIRST,))
    migrate(connection, (FIRST, SECOND))
    migrate(connection, (FIRST, SECOND))

    assert tables(connection) == ["one", "schema_migration", "two"]
    assert connection.execute("SELECT count(*) FROM one").fetchall() == [(1,)]
    connection.close()


def test_migration_that_stops_in_the_middle_leaves_the_one_before(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "db"))

    with pytest.raises(apsw.SQLError):
        migrate(connection, (FIRST, BROKEN))
    columns = [row[1] for row in connection.execute("PRAGMA table_info(one)")]
    migrate(connection, (FIRST, SECOND))

    assert columns == ["x"]
    assert tables(connection) == ["one", "schema_migration", "two"]
    connection.close()


async def test_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    newer = (*load_migrations(), Migration(9999, "future", "CREATE TABLE future (x)"))
    await SqliteStorage.open(tmp_path, migrations=newer).close()

    with pytest.raises(StorageRefused, match="has schema 9999, this version of lamplighter knows up to"):
        SqliteStorage.open(tmp_path)

    await SqliteStorage.open(tmp_path, migrations=newer).close()


async def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lamplighter.db").write_bytes(b"not a database, but precious" * 100)

    with pytest.raises(StorageFailed, match=r"cannot open .*lamplighter\.db"):
        SqliteStorage.open(tmp_path)

    assert (tmp_path / "lamplighter.db").read_bytes().startswith(b"not a database")
