"""Many small writes made as one decision: what comes while one is being committed goes into the next together.

The storage commits in groups anyway; this saves what each decision of its own costs around its statements. All items of
a decision share its fate. Must not know what is written.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lamplighter.storage.storage import Storage, Transaction

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 256


class Coalescer(Generic[Item, Result]):
    """`put` returns what `write` has for the item once that is durable. `write` answers in the items' order."""

    def __init__(
        self,
        storage: Storage,
        write: Callable[[Transaction, Sequence[Item]], list[Result]],
        *,
        completes: bool = False,
    ) -> None:
        self._storage = storage
        self._write = write
        self._completes = completes
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Result:
        """Raises what the storage raises. The item is written even when nobody waits any more."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._flushing is None:
            self._flushing = loop.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            items = [item for item, _ in batch]
            try:
                results = await self._storage.transact(
                    lambda transaction, items=items: self._write(transaction, items),  # type: ignore[misc]  # bound now
                    completes=self._completes,
                )
            except Exception as error:  # noqa: BLE001  # whoever waits is told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
        self._flushing = None
