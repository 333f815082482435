"""Durable steps on directories: making them, renaming into them, holding one exclusively.

Must not know what is inside.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from lamplighter.storage.storage import StorageRefused


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path, mode: int = 0o755) -> None:
    """Create `directory` and its parents durably; whatever the umask, it gets `mode`."""
    if directory.is_dir():
        return
    make_directory(directory.parent, mode)
    with contextlib.suppress(FileExistsError):
        directory.mkdir()
        directory.chmod(mode)
    sync_directory(directory.parent)


class DirectoryLock:
    """An exclusive hold on a directory that ends with the process, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Raises StorageRefused when another process holds it."""
        self._descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            message = (
                f"another lamplighter server (process {holder}) uses {directory}; "
                "stop it, or choose another directory with --data-dir"
            )
            raise StorageRefused(message) from error
        os.ftruncate(self._descriptor, 0)
        with contextlib.suppress(OSError):  # the process id is only for people; a full disk must not stop the start
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)
