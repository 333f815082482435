"""The directory resolves names from memory, and what the control plane changes is seen at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lamplighter.aws.errors import ResourceNotFoundException
from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.aliases.table import put_alias
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.directory import StoredFunctionDirectory
from lamplighter.resources.functions.model import FunctionRecord
from lamplighter.resources.functions.table import put_function, put_version
from lamplighter.storage.sqlite import SqliteStorage
from lamplighter.storage.storage import Transaction
from tests.unit.resources.configurations import configuration

SCOPE = ("111111111111", "us-east-1")
ACTIVE = rules.settle(configuration(), "revision")


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    storage = SqliteStorage.open(tmp_path)

    def fill(transaction: Transaction) -> None:
        put_function(transaction, FunctionRecord(latest=ACTIVE, reserved_concurrency=7))
        for version in ("1", "2"):
            put_version(transaction, replace(ACTIVE, version=version))
        put_alias(transaction, alias({"2": 0.25}))

    await storage.transact(fill)
    yield storage
    await storage.close()


def alias(weights: dict[str, float]) -> AliasRecord:
    return AliasRecord(
        account_id=SCOPE[0],
        region=SCOPE[1],
        function_name="f",
        name="live",
        version="1",
        revision_id="r",
        weights=weights,
    )


def test_qualifiers_stand_for_versions(storage: SqliteStorage) -> None:
    directory = StoredFunctionDirectory(storage)

    for qualifier, version in ((None, "$LATEST"), ("$LATEST", "$LATEST"), ("1", "1"), ("live", "1")):
        resolved = directory.resolve(*SCOPE, "f", qualifier)
        assert resolved.configuration.version == version
        assert resolved.alias == ("live" if qualifier == "live" else None)
        assert resolved.reserved_concurrency == 7


def test_weights_share_the_invokes(storage: SqliteStorage) -> None:
    resolved = StoredFunctionDirectory(storage).resolve(*SCOPE, "f", "live")

    chosen = [resolved.choose(draw / 100).version for draw in range(100)]

    assert (chosen.count("2"), chosen.count("1")) == (25, 75)


@pytest.mark.parametrize(
    ("name", "qualifier", "shown"), [("g", None, "g:$LATEST"), ("f", "3", "f:3"), ("f", "absent", "f:absent")]
)
def test_what_is_not_there_is_named(storage: SqliteStorage, name: str, qualifier: str | None, shown: str) -> None:
    with pytest.raises(ResourceNotFoundException) as caught:
        StoredFunctionDirectory(storage).resolve(*SCOPE, name, qualifier)

    assert caught.value.message == f"Function not found: arn:aws:lambda:us-east-1:111111111111:function:{shown}"


async def test_a_change_is_seen_and_told(storage: SqliteStorage) -> None:
    directory, told = StoredFunctionDirectory(storage), []
    directory.subscribe(lambda arn, content: told.append((arn, content)))
    assert directory.resolve(*SCOPE, "f", None).configuration.timeout == 3
    changed = replace(ACTIVE, timeout=9, content_revision="newer")
    await storage.transact(lambda transaction: put_function(transaction, FunctionRecord(latest=changed)))

    directory.changed(changed)

    assert directory.resolve(*SCOPE, "f", None).configuration.timeout == 9
    assert told == [("arn:aws:lambda:us-east-1:111111111111:function:f:$LATEST", "newer")]
    directory.deleted(changed)
    assert told[-1] == ("arn:aws:lambda:us-east-1:111111111111:function:f:$LATEST", None)


async def test_an_alias_that_moved_is_seen(storage: SqliteStorage) -> None:
    directory = StoredFunctionDirectory(storage)
    assert directory.resolve(*SCOPE, "f", "live").additional_versions
    await storage.transact(lambda transaction: put_alias(transaction, alias({})))

    directory.forget(*SCOPE, "f")

    assert not directory.resolve(*SCOPE, "f", "live").additional_versions


def test_a_second_look_reads_nothing(storage: SqliteStorage) -> None:
    directory = StoredFunctionDirectory(storage)

    assert directory.resolve(*SCOPE, "f", "live") is directory.resolve(*SCOPE, "f", "live")
