"""Brings capacity providers to the state that the control plane asked for: Pending to Active, Deleting to gone.

A capacity provider of its own holds no instances, on AWS neither: they come with the function versions that are
placed on it. Must not know functions.
"""

from msgspec.structs import replace

from lamplighter.control.lanes import Lanes
from lamplighter.resources.capacity_providers.model import GONE, SETTLES_AS
from lamplighter.resources.capacity_providers.table import (
    Key,
    delete_capacity_provider,
    get_capacity_provider,
    list_unsettled,
    put_capacity_provider,
)
from lamplighter.storage.storage import Storage, Transaction


class CapacityReconciler:
    """One serial lane per capacity provider."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lanes = Lanes(self._settle)

    async def run(self) -> None:
        """Until cancelled: first what an earlier life left, then what operations ask for."""
        await self._lanes.run(list_unsettled(self._storage))

    def schedule(self, key: Key) -> None:
        """The control plane has committed something for this capacity provider that is not settled yet."""
        self._lanes.schedule(key)

    async def wait_settled(self, key: Key, seconds: float) -> None:
        """Return when nothing is under way for it any more, or after `seconds`."""
        await self._lanes.wait_settled(key, seconds)

    async def _settle(self, key: Key) -> bool:
        def decide(transaction: Transaction) -> None:
            current = get_capacity_provider(transaction, *key)
            if current is None or current.is_settled:
                return
            settled = SETTLES_AS[current.state]
            if settled is GONE:
                delete_capacity_provider(transaction, current)
            else:
                put_capacity_provider(transaction, replace(current, state=settled))

        await self._storage.transact(decide, completes=True)
        return True
