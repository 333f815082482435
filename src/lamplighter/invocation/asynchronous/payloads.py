"""Payloads of events and of deliveries on their way: small ones travel in the queue's entry, large ones as blobs.

A blob is claimed in the transaction that names it and let go in the one that ends it; a sweep removes blobs that
nobody claims. Must not know what is in a payload.
"""

import logging
from typing import LiteralString

from lamplighter.invocation.asynchronous.event import KeptPayload
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.storage import Storage, Transaction

_log = logging.getLogger(__name__)
_TABLE: LiteralString = "event_payloads"
_INLINE_BYTES = 64 * 1024
# Longer than any accept takes from writing its blob to its commit.
_MARGIN_SECONDS = 900.0


class Payloads:
    """Blobs of their own directory, so that packages are never at risk."""

    def __init__(self, blobs: BlobStore, storage: Storage) -> None:
        self._blobs = blobs
        self._storage = storage

    async def keep(self, data: bytes) -> KeptPayload:
        """Durable before it is named, if it is a blob. Raises StorageFull or StorageFailed."""
        if not is_large(data):
            return KeptPayload(data)
        return KeptPayload(digest=await self._blobs.put(data))

    async def read(self, kept: KeptPayload) -> bytes:
        """Raises BlobMissing or BlobDamaged."""
        return await self._blobs.get(kept.digest) if kept.digest else kept.data

    async def sweep(self, now: float) -> int:
        """Remove what nobody claims."""
        keys = [key for key, _ in self._storage.list(_TABLE, "")]
        removed = await self._blobs.sweep({key.partition("/")[0] for key in keys}, before=now - _MARGIN_SECONDS)
        if removed:
            _log.info("removed %d payloads of finished events", removed)
        return removed


def is_large(data: bytes) -> bool:
    """Whether it is kept as a blob."""
    return len(data) > _INLINE_BYTES


def claim(transaction: Transaction, kept: KeptPayload, owner: str) -> None:
    if kept.digest:
        transaction.put(_TABLE, f"{kept.digest}/{owner}", b"")


def let_go(transaction: Transaction, kept: KeptPayload, owner: str) -> None:
    if kept.digest:
        transaction.delete(_TABLE, f"{kept.digest}/{owner}")
