"""The storage Protocol: a few verbs in neutral terms, so that PostgreSQL can stand behind it later.

All writes go through one serial lane (`transact`); a call returns only when its effects are durable (fsynced).
Reads are synchronous, see the last committed state and cost microseconds. Must not know what is stored.
Keys are text without NUL; they sort by their UTF-8 bytes.
"""

import builtins
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import LiteralString, Protocol, TypeVar

Result = TypeVar("Result")

# The length of a lease that ends only with the server that took it: there is one server to a data directory, so the
# next one may `reclaim` all of them at its start.
ENDLESS = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An entry of a queue, handed out until its lease ends. `count` says how often it has been, this time included.

    Whoever comes back after the lease ended and the entry was handed out again finds it no longer theirs.
    """

    queue: str
    group: str
    name: str | None
    body: bytes
    entry_id: int
    count: int


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
    ) -> builtins.list[tuple[str, bytes]]:
        """Keys starting with `prefix` in key order, beginning behind `after` (exclusive)."""
        ...

    def enqueue(
        self, queue: LiteralString, body: bytes, *, due_at: float, group: str = "", name: str | None = None
    ) -> None:
        """Add an entry that may be leased from `due_at` on (seconds since 1970). Raises StorageFull like `put`.

        A named entry is a timer: it replaces the one of its name, leased or not, and can be cancelled.
        """
        ...

    def cancel(self, queue: LiteralString, name: str) -> bool:
        """Whether there was an entry of that name; whoever holds a lease on it cannot ack it any more."""
        ...

    def enqueue_many(self, queue: LiteralString, entries: Sequence[tuple[str, bytes]], *, due_at: float) -> None:
        """Add nameless entries, each a group and a body. Raises StorageFull like `put`."""
        ...

    def enqueue_leased(self, queue: LiteralString, entries: Sequence[tuple[str, bytes]]) -> builtins.list[Lease]:
        """As `enqueue_many`, but handed out already, under endless leases. Raises StorageFull like `put`."""
        ...

    def lease(
        self, queue: LiteralString, *, now: float, limit: int, seconds: float, skip: Collection[str] = ()
    ) -> builtins.list[Lease]:
        """Take up to `limit` due entries until `now + seconds`: by turns across groups, in order of time within one.

        Groups in `skip` are passed over and keep their turn. An entry neither acked nor released in time is due again;
        a lease of ENDLESS seconds ends with `reclaim`. Entries that no longer have the bytes that were accepted are put
        aside (`damaged`) and never handed out.
        """
        ...

    def reclaim(self, queue: LiteralString, *, now: float) -> int:
        """Make due what was leased endlessly, since whoever held it is gone; how many entries that were."""
        ...

    def ack(self, lease: Lease) -> bool:
        """Remove a finished entry; False when the lease was lost."""
        ...

    def release(self, lease: Lease, *, due_at: float, body: bytes | None = None) -> bool:
        """Make an entry due at `due_at`, with a new body if one is given; False when the lease was lost.

        Also how a lease is made longer: until `due_at` nobody else gets the entry.
        """
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
    ) -> builtins.list[tuple[str, bytes]]: ...

    def next_due(self, queue: LiteralString) -> float | None:
        """When to look for due entries next: never too late, perhaps too early; None when the queue is empty."""
        ...

    def oldest_due(self, queue: LiteralString) -> float | None:
        """When the first entry of all groups became or becomes due; looks at every group, so not for the warm path."""
        ...

    def queue_size(self, queue: LiteralString) -> int:
        """Entries waiting or leased; counts them, so not for the warm path."""
        ...

    def group_sizes(self, queue: LiteralString) -> dict[str, int]:
        """Entries waiting or leased by group; counts them, so not for the warm path."""
        ...

    def damaged(self, queue: LiteralString) -> int:
        """Entries put aside because their bytes had changed."""
        ...

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
