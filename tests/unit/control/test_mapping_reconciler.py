"""Mappings are settled only when whoever polls has followed, and what changes meanwhile is followed as well."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lamplighter.aws.errors import ResourceInUseException
from lamplighter.control.mapping_reconciler import MappingReconciler
from lamplighter.resources.event_source_mappings import rules
from lamplighter.resources.event_source_mappings.model import EventSourceMapping
from lamplighter.resources.event_source_mappings.table import (
    find_same,
    get_mapping,
    key_of,
    list_unsettled,
    put_mapping,
)
from lamplighter.storage.sqlite import SqliteStorage

MAPPING = EventSourceMapping(
    account_id="111111111111",
    region="us-east-1",
    uuid="0b2f6c1e-5b1e-4a55-9c3b-0a2b7d1f9c11",
    kind="sqs",
    function_arn="arn:aws:lambda:us-east-1:111111111111:function:f",
    state_transition_reason="USER_INITIATED",
    modified_at=0.0,
    revision_id="first",
    members={"EventSourceArn": "arn:aws:sqs:us-east-1:111111111111:queue", "BatchSize": 10},
)
KEY = key_of(MAPPING)


class Poller:
    """Follows when it is let to, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str | None]] = []
        self.was_told = asyncio.Event()
        self.may_follow = asyncio.Event()

    async def attend(self, mapping: EventSourceMapping) -> None:
        self.told.append((mapping.revision_id, mapping.settled_state))
        self.was_told.set()
        await self.may_follow.wait()


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    storage = SqliteStorage.open(tmp_path)
    yield storage
    await storage.close()


@pytest.fixture
async def poller(storage: SqliteStorage) -> AsyncIterator[tuple[Poller, MappingReconciler]]:
    poller = Poller()
    reconciler = MappingReconciler(storage, poller.attend)
    running = asyncio.create_task(reconciler.run())
    yield poller, reconciler
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def write(storage: SqliteStorage, mapping: EventSourceMapping) -> None:
    await storage.transact(lambda transaction: put_mapping(transaction, mapping))


async def test_a_mapping_is_enabled_when_it_is_polled(
    storage: SqliteStorage, poller: tuple[Poller, MappingReconciler]
) -> None:
    polling, reconciler = poller
    await write(storage, MAPPING)
    reconciler.schedule(KEY)
    await asyncio.wait_for(polling.was_told.wait(), 10)

    assert get_mapping(storage, KEY) == MAPPING
    assert list_unsettled(storage) == [KEY]
    polling.may_follow.set()
    await reconciler.wait_settled(KEY, 10)
    assert get_mapping(storage, KEY) == replace(MAPPING, state="Enabled")
    assert list_unsettled(storage) == []


async def test_what_changes_meanwhile_is_followed_too(
    storage: SqliteStorage, poller: tuple[Poller, MappingReconciler]
) -> None:
    polling, reconciler = poller
    await write(storage, MAPPING)
    reconciler.schedule(KEY)
    await asyncio.wait_for(polling.was_told.wait(), 10)
    await write(storage, replace(MAPPING, is_enabled=False, revision_id="second"))
    reconciler.schedule(KEY)

    polling.may_follow.set()
    await reconciler.wait_settled(KEY, 10)

    assert polling.told == [("first", "Enabled"), ("second", "Disabled")]
    settled = get_mapping(storage, KEY)
    assert settled is not None
    assert settled.state == "Disabled"


async def test_a_deleted_mapping_holds_its_source_until_the_poller_has_let_go(
    storage: SqliteStorage, poller: tuple[Poller, MappingReconciler]
) -> None:
    polling, reconciler = poller
    await write(storage, replace(MAPPING, state=rules.begin(replace(MAPPING, state="Enabled"), "delete")))
    reconciler.schedule(KEY)
    await asyncio.wait_for(polling.was_told.wait(), 10)
    other = replace(MAPPING, uuid="ffffffff-5b1e-4a55-9c3b-0a2b7d1f9c11")

    assert polling.told == [("first", None)]
    assert find_same(storage, other) == MAPPING.uuid
    polling.may_follow.set()
    await reconciler.wait_settled(KEY, 10)
    assert get_mapping(storage, KEY) is None
    assert find_same(storage, other) is None
    assert list_unsettled(storage) == []


@pytest.mark.parametrize(
    ("state", "asked", "verb"),
    [
        ("Creating", "update", "update"),
        ("Updating", "update", "update"),
        ("Updating", "delete", "delete"),
        ("Deleting", "delete", "delete"),
        ("Disabling", "enable", "update"),
    ],
)
def test_one_thing_at_a_time(state: str, asked: str, verb: str) -> None:
    with pytest.raises(ResourceInUseException) as caught:
        rules.begin(replace(MAPPING, state=state), asked)

    assert caught.value.message == f"Cannot {verb} the event source mapping because it is in use."
