"""The storage Protocol: a few verbs in neutral terms, so that PostgreSQL can stand behind it later.

All writes go through one serial lane (`transact`); a call returns only when its effects are durable (fsynced).
Reads are synchronous, see the last committed state and cost microseconds. Must not know what is stored.
Keys are text without NUL; they sort by their UTF-8 bytes.
"""

from collections.abc import Callable
from typing import LiteralString, Protocol, TypeVar

Result = TypeVar("Result")


class Transaction(Protocol):
    """What a decision may do inside one transaction. Values are opaque bytes."""

    def get(self, table: LiteralString, key: str) -> bytes | None: ...

    def put(self, table: LiteralString, key: str, value: bytes) -> None:
        """Create or replace. Raises StorageFull when space is short, unless the decision completes something."""
        ...

    def delete(self, table: LiteralString, key: str) -> bool:
        """Whether there was such a key."""
        ...

    def list(
        self, table: LiteralString, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> list[tuple[str, bytes]]:
        """Keys starting with `prefix` in key order, beginning behind `after` (exclusive)."""
        ...


class Storage(Protocol):
    """A durable store."""

    async def transact(self, decide: Callable[[Transaction], Result], *, completes: bool = False) -> Result:
        """Run `decide` alone (serially, in the writer's thread), commit with fsync, return its result.

        `decide` must have no effect beyond the transaction: it may be run a second time. An exception from it rolls
        its own writes back and is raised here; others in the same commit group are not touched. A decision that
        `completes` or frees something may use the last space of a full disk. Raises StorageFull when the disk is,
        StorageBusy when too many decisions wait; nothing acknowledged is lost. Once called, a decision commits even
        if the caller is cancelled.
        """
        ...

    def get(self, table: LiteralString, key: str) -> bytes | None: ...

    def list(
        self, table: LiteralString, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> list[tuple[str, bytes]]: ...

    async def wait_failed(self) -> "StorageFailed":
        """Return once the disk has failed; the server must then exit non-zero."""
        ...

    async def close(self) -> None: ...


class StorageFull(Exception):
    """The disk has no room for a new write; what was acknowledged is kept. Free space: it recovers by itself."""


class StorageBusy(Exception):
    """Too many writes wait for the disk; nothing was written, try again shortly."""


class StorageFailed(Exception):
    """The disk refused a write or fsync; the server must stop rather than acknowledge again."""


class StorageRefused(Exception):
    """The data directory cannot be used as it is (held by another server, or written by a newer version)."""
