"""Content-addressed blobs: large immutable bytes, each named by the SHA-256 of its content.

A blob is durable before its name is given out: temporary file, fsync, rename, fsync of the directory. Hashing and
disk work run in threads. Must not know what a blob contains or who refers to it.
"""

import asyncio
import errno
import hashlib
import os
import re
import threading
from collections.abc import Set as AbstractSet
from pathlib import Path

from lamplighter.storage.directories import make_directory, sync_directory
from lamplighter.storage.storage import StorageFailed, StorageFull

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BlobMissing(Exception):
    """There is no blob of this digest."""


class BlobDamaged(Exception):
    """The stored bytes no longer have the digest that names them; restore the blob from a backup."""


class BlobStore:
    """Blobs in one directory: `<directory>/<first two digits>/<digest>`."""

    def __init__(self, directory: Path) -> None:
        """Open or create; what an earlier life left half written is removed."""
        self._directory = directory
        self._temporary = directory / "temporary"
        self._names = threading.Lock()  # between a put that finds its blob there and a sweep about to remove it
        self._written = 0
        make_directory(directory)
        make_directory(self._temporary, 0o700)
        for leftover in self._temporary.iterdir():
            leftover.unlink()

    async def put(self, data: bytes) -> str:
        """Store `data` durably; its digest in hexadecimal. Raises StorageFull or StorageFailed."""
        return await asyncio.to_thread(self._put, data)

    async def get(self, digest: str) -> bytes:
        """The whole content, checked. Raises BlobMissing or BlobDamaged."""
        return await asyncio.to_thread(self._get, digest)

    def path(self, digest: str) -> Path:
        """Where the blob is, or would be."""
        if not _DIGEST.fullmatch(digest):
            message = f"not a digest: {digest!r}"
            raise ValueError(message)
        return self._directory / digest[:2] / digest

    def exists(self, digest: str) -> bool:
        return self.path(digest).exists()

    def size(self, digest: str) -> int:
        """In bytes. Raises BlobMissing."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    async def sweep(self, keep: AbstractSet[str], *, before: float) -> int:
        """Remove blobs that are not in `keep` and were last put before that time; their number.

        `before` protects blobs whose owner is not committed yet: take it from before `keep` was read, minus a margin.
        """
        return await asyncio.to_thread(self._sweep, keep, before)

    def _put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        try:
            make_directory(path.parent)
            if not self._renew(path, len(data)):
                self._write(path, data)
            sync_directory(path.parent)
        except OSError as error:
            message = f"cannot write blob {digest}: {error}"
            raise (StorageFull if error.errno in _NO_SPACE else StorageFailed)(message) from error
        return digest

    def _renew(self, path: Path, size: int) -> bool:
        """Whether the blob is there already; if so it counts as put just now."""
        with self._names:
            try:
                os.utime(path)
                return path.stat().st_size == size
            except FileNotFoundError:
                return False

    def _write(self, path: Path, data: bytes) -> None:
        with self._names:
            self._written += 1
            temporary = self._temporary / f"{path.name}.{self._written}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _get(self, digest: str) -> bytes:
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise BlobDamaged(digest)
        return data

    def _sweep(self, keep: AbstractSet[str], before: float) -> int:
        removed = 0
        for path in self._directory.glob("[0-9a-f][0-9a-f]/*"):
            if path.name in keep:
                continue
            with self._names:
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
        return removed
