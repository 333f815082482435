"""Brings functions to the state the control plane asked for: Pending to Active, InProgress to Successful.

What is asked for is in storage, so a server that was killed takes up where it stopped. Operations wait for it with
`wait_settled`. Must not know how code is prepared: it is told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lamplighter.control.lanes import Lanes
from lamplighter.kernel.ids import Ids
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.directory import StoredFunctionDirectory
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.table import (
    get_function,
    get_version,
    list_unsettled,
    put_function,
    put_version,
    with_latest,
)
from lamplighter.storage.storage import Storage, Transaction

Prepare = Callable[[FunctionConfiguration], Awaitable[None]]


class CodeUnusable(Exception):
    """The code can never be prepared; the function ends Failed with this reason. `code` is AWS's reason code."""

    def __init__(self, reason: str, code: str = "InvalidZipFileException") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class SettlingTimes:
    """How long a creation or an update at least takes. AWS needs seconds; a client may never notice ours."""

    creation_seconds: float = 0.0
    update_seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class VersionKey:
    """One version of one function; `version` is None for $LATEST."""

    account_id: str
    region: str
    name: str
    version: int | None = None


class Reconciler:
    """One serial lane per version."""

    def __init__(
        self,
        storage: Storage,
        directory: StoredFunctionDirectory,
        prepare: Prepare,
        ids: Ids,
        times: SettlingTimes | None = None,
    ) -> None:
        self._storage = storage
        self._directory = directory
        self._prepare = prepare
        self._ids = ids
        self._times = times or SettlingTimes()
        self._lanes = Lanes(self._settle)

    async def run(self) -> None:
        """Until cancelled: first what an earlier life left, then what operations ask for."""
        await self._lanes.run(VersionKey(*address) for address in list_unsettled(self._storage))

    def schedule(self, key: VersionKey) -> None:
        """The control plane has committed something for this version that is not settled yet."""
        self._lanes.schedule(key)

    async def wait_settled(self, key: VersionKey, seconds: float) -> None:
        """Return when nothing is under way for this version any more, or after `seconds`."""
        await self._lanes.wait_settled(key, seconds)

    async def _settle(self, key: VersionKey) -> bool:
        """One attempt; False when the version changed meanwhile and there is more to do."""
        before = _read(self._storage, key)
        if before is None or before.is_settled:
            return True
        seconds = self._times.creation_seconds if before.state == "Pending" else self._times.update_seconds
        if seconds > 0:
            await asyncio.sleep(seconds)
        failure: CodeUnusable | None = None
        try:
            await self._prepare(before)
        except CodeUnusable as error:
            failure = error
        revision_id = self._ids.uuid()

        def decide(transaction: Transaction) -> FunctionConfiguration | None:
            current = _read(transaction, key)
            if current is None or current.content_revision != before.content_revision:
                return None
            if failure is None:
                settled = rules.settle(current, revision_id)
            else:
                settled = rules.fail(current, revision_id, failure.reason, failure.code)
            _write(transaction, settled)
            return settled

        settled = await self._storage.transact(decide)
        if settled is None:
            return False
        self._directory.changed(settled)
        return True


def _read(reader: Storage | Transaction, key: VersionKey) -> FunctionConfiguration | None:
    if key.version is not None:
        return get_version(reader, key.account_id, key.region, key.name, key.version)
    record = get_function(reader, key.account_id, key.region, key.name)
    return None if record is None else record.latest


def _write(transaction: Transaction, configuration: FunctionConfiguration) -> None:
    if configuration.version != "$LATEST":
        put_version(transaction, configuration)
        return
    record = get_function(transaction, configuration.account_id, configuration.region, configuration.name)
    if record is not None:
        put_function(transaction, with_latest(record, configuration))
