"""Files that only their owner may read: written whole and durably, or not at all. Must not know what they hold."""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class OpenToOthers(Exception):
    """The file can be read by other users; says how to close it."""


def read_private(path: Path) -> bytes:
    """The content. Raises OpenToOthers, or OSError."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & _OTHERS:
            raise OpenToOthers(f"{path} is open to other users (mode {stat.S_IMODE(mode):04o}): run chmod 600 {path}")
        return file.read()


def write_private(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the directory: a crash leaves the whole file or none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
