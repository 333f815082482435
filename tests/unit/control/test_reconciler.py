"""The reconciler settles what storage says is wanted: also after a restart, also when preparing code fails for good."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lamplighter.control.reconciler import CodeUnusable, Reconciler, SettlingTimes, VersionKey
from lamplighter.kernel.ids import CountedIds
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.directory import StoredFunctionDirectory
from lamplighter.resources.functions.model import FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.table import get_function, get_version, list_unsettled, put_function, put_version
from lamplighter.storage.sqlite import SqliteStorage
from tests.unit.resources.configurations import configuration

KEY = VersionKey("111111111111", "us-east-1", "f")


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    storage = SqliteStorage.open(tmp_path)
    yield storage
    await storage.close()


async def write(storage: SqliteStorage, latest: FunctionConfiguration) -> None:
    await storage.transact(lambda transaction: put_function(transaction, FunctionRecord(latest=latest)))


def latest(storage: SqliteStorage) -> FunctionConfiguration:
    record = get_function(storage, KEY.account_id, KEY.region, KEY.name)
    assert record is not None
    return record.latest


async def settle(reconciler: Reconciler) -> None:
    """Run until what is under way has ended."""
    running = asyncio.create_task(reconciler.run())
    await asyncio.sleep(0)
    await reconciler.wait_settled(KEY, 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_an_earlier_life_left_is_settled(storage: SqliteStorage) -> None:
    await write(storage, rules.begin_creation(configuration()))
    assert list_unsettled(storage) == [("111111111111", "us-east-1", "f", None)]
    directory, prepared = StoredFunctionDirectory(storage), []

    async def prepare(wanted: FunctionConfiguration) -> None:
        prepared.append(wanted.content_revision)

    await settle(Reconciler(storage, directory, prepare, CountedIds()))

    settled = latest(storage)
    assert (settled.state, settled.state_reason, settled.last_update_status) == ("Active", None, "Successful")
    assert settled.revision_id != "revision"
    assert prepared == ["content"]
    assert list_unsettled(storage) == []


async def test_a_published_version_is_settled_as_well(storage: SqliteStorage) -> None:
    active = rules.settle(configuration(), "revision")
    await write(storage, active)
    pending = rules.begin_creation(replace(active, version="12"))
    await storage.transact(lambda transaction: put_version(transaction, pending))
    key = replace_version(KEY, 12)
    reconciler = Reconciler(storage, StoredFunctionDirectory(storage), unprepared, CountedIds())

    running = asyncio.create_task(reconciler.run())
    await asyncio.sleep(0)
    await reconciler.wait_settled(key, 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    version = get_version(storage, KEY.account_id, KEY.region, KEY.name, 12)
    assert version is not None
    assert version.state == "Active"


async def test_unusable_code_fails_a_creation(storage: SqliteStorage) -> None:
    await write(storage, rules.begin_creation(configuration()))

    async def prepare(_: FunctionConfiguration) -> None:
        raise CodeUnusable("damaged")

    await settle(Reconciler(storage, StoredFunctionDirectory(storage), prepare, CountedIds()))

    assert (latest(storage).state, latest(storage).state_reason) == ("Failed", "damaged")
    assert list_unsettled(storage) == []


async def test_unusable_code_leaves_an_updated_function_active(storage: SqliteStorage) -> None:
    await write(storage, rules.begin_update(rules.settle(configuration(), "revision")))

    async def prepare(_: FunctionConfiguration) -> None:
        raise CodeUnusable("damaged")

    reconciler = Reconciler(
        storage, StoredFunctionDirectory(storage), prepare, CountedIds(), SettlingTimes(update_seconds=0)
    )
    await settle(reconciler)

    assert (latest(storage).state, latest(storage).last_update_status) == ("Active", "Failed")


async def test_a_change_meanwhile_is_settled_itself(storage: SqliteStorage) -> None:
    await write(storage, rules.begin_creation(configuration()))
    seen: list[str] = []

    async def prepare(wanted: FunctionConfiguration) -> None:
        seen.append(wanted.content_revision)
        if len(seen) == 1:
            await write(storage, replace(rules.begin_creation(configuration()), content_revision="newer"))

    await settle(Reconciler(storage, StoredFunctionDirectory(storage), prepare, CountedIds()))

    assert seen == ["content", "newer"]
    assert (latest(storage).state, latest(storage).content_revision) == ("Active", "newer")


async def test_a_function_deleted_meanwhile_stays_deleted(storage: SqliteStorage) -> None:
    await write(storage, rules.begin_creation(configuration()))

    async def prepare(_: FunctionConfiguration) -> None:
        await storage.transact(lambda transaction: transaction.delete("functions", "111111111111/us-east-1/f"))

    await settle(Reconciler(storage, StoredFunctionDirectory(storage), prepare, CountedIds()))

    assert get_function(storage, KEY.account_id, KEY.region, KEY.name) is None


async def test_waiting_ends_after_its_time(storage: SqliteStorage) -> None:
    await write(storage, rules.begin_creation(configuration()))
    reconciler = Reconciler(storage, StoredFunctionDirectory(storage), unprepared, CountedIds())
    reconciler.schedule(KEY)

    await reconciler.wait_settled(KEY, 0.01)

    assert latest(storage).state == "Pending"


async def unprepared(_: FunctionConfiguration) -> None:
    """Nothing to do."""


def replace_version(key: VersionKey, version: int) -> VersionKey:
    return VersionKey(key.account_id, key.region, key.name, version)
