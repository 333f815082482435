"""Brings event source mappings to the state that the control plane asked for.

What is asked for is in storage, so a server that was killed takes up where it stopped. Must not know pollers: whoever
polls is told through `attend`, and a mapping is Enabled, Disabled or gone only when that has returned.
"""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from lamplighter.control.lanes import Lanes
from lamplighter.resources.event_source_mappings.model import EventSourceMapping
from lamplighter.resources.event_source_mappings.table import (
    MappingKey,
    delete_mapping,
    get_mapping,
    list_unsettled,
    put_mapping,
)
from lamplighter.storage.storage import Storage, Transaction

# Told a mapping as it is wanted; returns when it is polled like that, or not any more.
Attend = Callable[[EventSourceMapping], Awaitable[None]]


async def attend_to_nothing(mapping: EventSourceMapping) -> None:
    """For as long as nobody polls."""


class MappingReconciler:
    """One serial lane per mapping."""

    def __init__(self, storage: Storage, attend: Attend = attend_to_nothing) -> None:
        self._storage = storage
        self._attend = attend
        self._lanes = Lanes(self._settle)

    async def run(self) -> None:
        """Until cancelled: first what an earlier life left, then what operations ask for."""
        await self._lanes.run(list_unsettled(self._storage))

    def schedule(self, key: MappingKey) -> None:
        """The control plane has committed something for this mapping that is not settled yet."""
        self._lanes.schedule(key)

    async def wait_settled(self, key: MappingKey, seconds: float) -> None:
        """Return when nothing is under way for this mapping any more, or after `seconds`."""
        await self._lanes.wait_settled(key, seconds)

    async def _settle(self, key: MappingKey) -> bool:
        """One attempt; False when the mapping changed meanwhile and there is more to do."""
        before = get_mapping(self._storage, key)
        if before is None or before.is_settled:
            return True
        await self._attend(before)

        def decide(transaction: Transaction) -> bool:
            current = get_mapping(transaction, key)
            if current is None or current.revision_id != before.revision_id:
                return False
            settled = current.settled_state
            if settled is None:
                delete_mapping(transaction, current)
            else:
                put_mapping(transaction, replace(current, state=settled))
            return True

        return await self._storage.transact(decide, completes=True)
