"""Many small writes made as one decision: what comes while one is being committed goes into the next together.

The storage commits in groups anyway; this saves what each decision of its own costs around its statements. All items of
a decision share its fate. Must not know what is written.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from lamplighter.storage.storage import Storage, Transaction

Item = TypeVar("Item")
Result = TypeVar("Result")
Told_contra = TypeVar("Told_contra", contravariant=True)

_MOST = 256


class Waiter(Protocol[Told_contra]):
    """Who is told what came of an item; the words are a future's. Neither call may raise."""

    def done(self) -> bool:
        """Whether it no longer wants to know."""
        ...

    def set_result(self, result: Told_contra, /) -> None: ...

    def set_exception(self, exception: Exception, /) -> None: ...


class Coalescer(Generic[Item, Result]):
    """`write` answers in the items' order."""

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
        self._waiting: list[tuple[Item, Waiter[Result]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Result:
        """What `write` has for the item, once that is durable. Raises what the storage raises."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.put_for(item, future)
        return await future

    def put_for(self, item: Item, waiter: Waiter[Result]) -> None:
        """As `put`, without a task. The item is written even when nobody waits any more."""
        self._waiting.append((item, waiter))
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

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
                for _, waiter in batch:
                    if not waiter.done():
                        waiter.set_exception(error)
                continue
            for (_, waiter), result in zip(batch, results, strict=True):
                if not waiter.done():
                    waiter.set_result(result)
        self._flushing = None
