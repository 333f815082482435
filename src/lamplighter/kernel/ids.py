"""Random identifiers. os.urandom is a system call, so bytes are drawn from a pool (0.4 us instead of 0.8 us per id).

Ids are passed in wherever a decision needs one, so that tests can count instead of draw. Must not know what an
id names.
"""

import os
from collections.abc import Callable
from typing import Protocol


class Ids(Protocol):
    """A source of identifiers."""

    def uuid(self) -> str:
        """A random UUID, version 4, in lower-case text."""
        ...

    def hex(self, digits: int) -> str:
        """`digits` random hexadecimal digits."""
        ...


class RandomIds:
    """Identifiers from the kernel's random source, drawn 4 KiB at a time; the pool is refilled after a fork."""

    _POOL_BYTES = 4096

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._pool = b""
        self._offset = 0
        os.register_at_fork(after_in_child=self._discard)

    def _discard(self) -> None:
        self._pool = b""
        self._offset = 0

    def _take(self, count: int) -> bytes:
        if self._offset + count > len(self._pool):
            self._pool = self._random_bytes(max(self._POOL_BYTES, count))
            self._offset = 0
        taken = self._pool[self._offset : self._offset + count]
        self._offset += count
        return taken

    def uuid(self) -> str:
        digits = self._take(16).hex()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def hex(self, digits: int) -> str:
        return self._take((digits + 1) // 2).hex()[:digits]


class CountedIds:
    """Identifiers that count up from one, for tests and for the deterministic test mode."""

    def __init__(self) -> None:
        self._count = 0

    def uuid(self) -> str:
        self._count += 1
        return f"00000000-0000-4000-8000-{self._count:012x}"

    def hex(self, digits: int) -> str:
        self._count += 1
        return f"{self._count:0{digits}x}"[-digits:]
