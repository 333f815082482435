"""Records: what a transaction promises, on the real engine."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.storage.sqlite import SqliteStorage
from lamplighter.storage.sqlite.records import prefix_end
from lamplighter.storage.sqlite.writer import WriterPolicy
from lamplighter.storage.storage import StorageBusy, StorageFailed, StorageRefused, Transaction

TABLE: LiteralString = "functions"


def put(key: str, value: bytes = b"") -> Callable[[Transaction], None]:
    """A decision that puts one record."""
    return lambda tx: tx.put(TABLE, key, value)


@pytest.fixture
async def storage(tmp_path: Path) -> SqliteStorage:
    return SqliteStorage.open(tmp_path / "data")


async def test_record_is_read_after_it_was_acknowledged(storage: SqliteStorage) -> None:
    await storage.transact(lambda tx: tx.put(TABLE, "a", b"1"))
    await storage.transact(lambda tx: tx.put(TABLE, "a", b"2"))

    assert storage.get(TABLE, "a") == b"2"
    assert storage.get("others", "a") is None
    await storage.close()


async def test_transaction_sees_its_own_writes_and_returns_its_result(storage: SqliteStorage) -> None:
    def decide(tx: Transaction) -> tuple[bytes | None, bool, bool]:
        tx.put(TABLE, "a", b"1")
        return tx.get(TABLE, "a"), tx.delete(TABLE, "a"), tx.delete(TABLE, "a")

    assert await storage.transact(decide) == (b"1", True, False)
    await storage.close()


async def test_failing_decision_is_undone_and_harms_no_other_of_its_group(storage: SqliteStorage) -> None:
    def fail(tx: Transaction) -> None:
        tx.put(TABLE, "failed", b"1")
        tx.delete(TABLE, "kept-0")
        raise LookupError("no")

    decisions = [storage.transact(put(f"kept-{i}")) for i in range(20)]
    decisions.insert(10, storage.transact(fail))
    results = await asyncio.gather(*decisions, return_exceptions=True)

    assert isinstance(results.pop(10), LookupError)
    assert results == [None] * 20
    assert len(storage.list(TABLE, "")) == 20
    await storage.close()


async def test_decisions_run_one_after_another(storage: SqliteStorage) -> None:
    def count(tx: Transaction) -> int:
        seen = int(tx.get(TABLE, "counter") or b"0") + 1
        tx.put(TABLE, "counter", b"%d" % seen)
        return seen

    assert sorted(await asyncio.gather(*(storage.transact(count) for _ in range(2000)))) == list(range(1, 2001))
    await storage.close()


async def test_cancelled_caller_does_not_take_its_decision_back(storage: SqliteStorage) -> None:
    waiting = asyncio.create_task(storage.transact(lambda tx: tx.put(TABLE, "a", b"1")))
    await asyncio.sleep(0)
    waiting.cancel()
    await storage.transact(lambda _: None)

    assert storage.get(TABLE, "a") == b"1"
    await storage.close()


async def test_list_pages_through_a_prefix_in_byte_order(storage: SqliteStorage) -> None:
    keys = ["a/1", "a/10", "a/2", "a/é", "a/\U0010ffff", "a0", "a", "b/1"]

    def fill(tx: Transaction) -> None:
        for key in keys:
            tx.put(TABLE, key, key.encode())

    await storage.transact(fill)

    below = sorted((key for key in keys if key.startswith("a/")), key=str.encode)
    assert [key for key, _ in storage.list(TABLE, "a/")] == below
    assert [key for key, _ in storage.list(TABLE, "a/", after="a/10", limit=2)] == below[2:4]
    assert [key for key, _ in storage.list(TABLE, "a/", after="a")] == below
    assert storage.list(TABLE, "a/", after="a0") == []
    assert len(storage.list(TABLE, "")) == len(keys)
    assert await storage.transact(lambda tx: tx.list(TABLE, "a/", limit=1)) == [("a/1", b"a/1")]
    await storage.close()


@given(
    prefix=st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    rest=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_prefix_end_is_behind_everything_with_the_prefix(prefix: str, rest: str) -> None:
    end = prefix_end(prefix)

    assert end is None or (prefix + rest).encode() < end.encode()
    assert end is None or not end.startswith(prefix)


async def test_waiting_decisions_are_bounded(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path, writer=WriterPolicy(waiting_limit=5))

    results = await asyncio.gather(*(storage.transact(put(str(i))) for i in range(8)), return_exceptions=True)

    assert [type(result) for result in results] == [type(None)] * 5 + [StorageBusy] * 3
    await storage.transact(lambda tx: tx.put(TABLE, "later", b""))
    await storage.close()


async def test_closing_commits_what_waits_and_refuses_the_rest(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path)
    waiting = [asyncio.create_task(storage.transact(put(str(i)))) for i in range(50)]
    await asyncio.sleep(0)

    await storage.close()
    await storage.close()

    with pytest.raises(StorageFailed):
        await storage.transact(lambda _: None)
    await asyncio.gather(*waiting)
    reopened = SqliteStorage.open(tmp_path)
    assert len(reopened.list(TABLE, "")) == 50
    await reopened.close()


async def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path)

    with pytest.raises(StorageRefused, match=r"another lamplighter server \(process \d+\) uses .*--data-dir"):
        SqliteStorage.open(tmp_path)

    await storage.close()
    await SqliteStorage.open(tmp_path).close()


async def test_wal_is_checkpointed_under_load_and_stays_allocated(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path, writer=WriterPolicy(checkpoint_bytes=256 * 1024))
    sizes = []
    for round_ in range(40):
        await storage.transact(put(str(round_ % 4), bytes(50_000)))
        sizes.append((tmp_path / "lamplighter.db-wal").stat().st_size)

    assert max(sizes) < 600_000
    assert sizes == sorted(sizes)
    await storage.close()


async def test_files_are_private(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path / "data")
    await storage.transact(lambda tx: tx.put(TABLE, "secret", b"1"))

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}

    assert set(modes.values()) == {0o600}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755
    await storage.close()
