"""Room on the disk: a low-water mark below which new writes are refused, and a reserve file that can be given up.

SQLite cannot even delete on a full disk, so the reserve keeps room for the writes that finish and free things.
Must not know what is written.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamplighter.kernel.limits import MIB

_EXHAUSTED_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePolicy:
    """How much room is kept. New writes are refused when less than `low_water_bytes` is free."""

    reserve_bytes: int = 16 * MIB
    low_water_bytes: int = 32 * MIB


def free_bytes(directory: Path) -> int:
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


class DiskSpace:
    """Watches one directory's file system and keeps the reserve file on it."""

    def __init__(self, directory: Path, policy: SpacePolicy, measure: Callable[[Path], int] = free_bytes) -> None:
        self._directory = directory
        self._policy = policy
        self._measure = measure
        self._path = directory / "reserve"
        self._has_reserve = self._path.exists()

    def is_short(self) -> bool:
        """Whether new writes must be refused now. Makes the reserve again once there is room for it."""
        free = self._measure(self._directory)
        if self._has_reserve:
            return free < self._policy.low_water_bytes
        if free < self._policy.low_water_bytes + self._policy.reserve_bytes:
            return True
        self._has_reserve = self._fill_reserve()
        return not self._has_reserve

    def is_exhausted(self) -> bool:
        """Whether there is not even room for SQLite's own files."""
        return self._measure(self._directory) < _EXHAUSTED_BYTES

    def give_up_reserve(self) -> bool:
        """Unlink the reserve file; whether there was one."""
        had_reserve, self._has_reserve = self._has_reserve, False
        self._path.unlink(missing_ok=True)
        return had_reserve

    def _fill_reserve(self) -> bool:
        if self._policy.reserve_bytes == 0:
            return True
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._policy.reserve_bytes)
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True
