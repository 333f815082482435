"""The schema moves forward step by step, survives a kill in a step, and is never guessed at when newer."""

from pathlib import Path

import apsw
import pytest

from lamplighter.invocation.asynchronous.delivery import decode_delivery
from lamplighter.invocation.asynchronous.event import decode_event
from lamplighter.storage.sqlite import SqliteStorage
from lamplighter.storage.sqlite.schema import Migration, load_migrations, migrate
from lamplighter.storage.storage import StorageFailed, StorageRefused

# What each version left behind, as SQL: never changed, and one more with every migration.
DUMPS = Path(__file__).with_name("schemas")
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


def restore(dump: Path, directory: Path) -> None:
    """A data directory as the version with that schema left it."""
    connection = apsw.Connection(str(directory / "lamplighter.db"))
    connection.execute(dump.read_text())
    connection.close()


def schema_of(directory: Path) -> list[object]:
    connection = apsw.Connection(str(directory / "lamplighter.db"))
    found = list(
        connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 2")
    )
    connection.close()
    return list(found)


def test_there_is_a_dump_of_every_schema_that_was_ever_shipped() -> None:
    assert [path.stem for path in sorted(DUMPS.iterdir())] == [f"{one.number:04}" for one in load_migrations()]


@pytest.mark.parametrize("dump", sorted(DUMPS.iterdir()), ids=lambda path: path.stem)
async def test_a_database_of_every_earlier_version_is_brought_up_with_all_it_holds(dump: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    restore(dump, old)
    held_queues = int(dump.stem) >= 2

    storage = SqliteStorage.open(old)
    records = storage.list("functions", "")
    reclaimed = await storage.transact(lambda tx: tx.reclaim("events", now=1760000060))
    events = await storage.transact(lambda tx: tx.lease("events", now=1760000060, limit=9, seconds=60))
    deliveries = await storage.transact(lambda tx: tx.lease("deliveries", now=1760000060, limit=9, seconds=60))
    timers = await storage.transact(lambda tx: tx.lease("timers", now=1760000060, limit=9, seconds=60))
    await storage.close()
    await SqliteStorage.open(new).close()

    assert records == [(f"000000000000/eu-west-1/f{n}", b"\x93\x00value %d" % n) for n in range(3)]
    assert schema_of(old) == schema_of(new)
    if held_queues:
        read = [decode_event(lease.body) for lease in events]
        assert sorted(event.request_id for event in read) == ["request-0", "request-1", "request-7"]
        assert {(one.qualifier, one.retries, one.backoffs, one.accepted_at) for one in read} == {
            ("live", 1, 2, 1760000000.5)
        }
        assert [decode_delivery(lease.body).attempts for lease in deliveries] == [3]
        assert [lease.name for lease in timers] == ["named"]
    assert reclaimed == held_queues
