"""The storage Protocol: five verbs in neutral terms, so that PostgreSQL can stand behind it later.

All writes go through one serial lane (`transact`); a call returns only when its effects are durable (fsynced).
Reads are synchronous, see the last committed state and cost microseconds. Must not know what is stored.
"""

from collections.abc import Callable
from typing import LiteralString, Protocol, TypeVar

Result = TypeVar("Result")


class Transaction(Protocol):
    """What a decision may do inside one transaction. Keys sort as text; values are opaque bytes."""

    def get(self, table: LiteralString, key: str) -> bytes | None: ...

    def put(self, table: LiteralString, key: str, value: bytes) -> None: ...

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

    async def transact(self, decide: Callable[[Transaction], Result]) -> Result:
        """Run `decide` alone (serially, in the writer's thread), commit with fsync, return its result.

        An exception from `decide` rolls its own writes back and is raised here; others in the same commit group are
        not touched. Raises StorageFull when the disk is; nothing acknowledged is lost.
        """
        ...

    def get(self, table: LiteralString, key: str) -> bytes | None: ...

    def list(
        self, table: LiteralString, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> list[tuple[str, bytes]]: ...

    async def close(self) -> None: ...


class StorageFull(Exception):
    """The disk has no room for a new write; what was acknowledged is kept. Free space, the server recovers by itself."""


class StorageFailed(Exception):
    """The disk refused a write or fsync; the server must stop rather than acknowledge again."""
