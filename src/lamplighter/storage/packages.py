"""Unpacked packages: each stored zip once, under its digest, complete or not there at all.

Unpacking goes to a private directory that is flushed to disk and renamed into place. Other users may read what is in
it: sandboxes mount it. Must not know functions or layers.
"""

import asyncio
import ctypes
import errno
import hashlib
import mmap
import os
import shutil
from collections.abc import Set as AbstractSet
from pathlib import Path

from lamplighter.kernel.ids import Ids, RandomIds
from lamplighter.storage.blobs import BlobDamaged, BlobMissing, BlobStore
from lamplighter.storage.directories import make_directory, sync_directory
from lamplighter.storage.storage import StorageFailed, StorageFull
from lamplighter.storage.zip_extractor import PackageLimits, PackageRefused, Refusal, extract

_TEMPORARY = "temporary-"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class PackageStore:
    """Packages in one directory: `<directory>/<digest>/`, for sandboxes to mount read-only."""

    def __init__(
        self, blobs: BlobStore, directory: Path, *, limits: PackageLimits | None = None, ids: Ids | None = None
    ) -> None:
        """Open or create; what an earlier life left half unpacked is removed."""
        self._blobs = blobs
        self._directory = directory
        self._limits = limits or PackageLimits()
        self._ids = ids or RandomIds()
        self._unpacking: dict[str, asyncio.Task[Path]] = {}
        make_directory(directory)
        for leftover in directory.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(leftover)

    def path(self, digest: str) -> Path:
        """Where the package is once unpacked."""
        return self._directory / self._blobs.path(digest).name

    async def unpack(self, digest: str) -> Path:
        """The unpacked package's directory; callers at the same time share one extraction.

        Raises PackageRefused, BlobMissing, BlobDamaged, StorageFull or StorageFailed.
        """
        path = self.path(digest)
        if path.is_dir():
            return path
        unpacking = self._unpacking.get(digest)
        if unpacking is None:
            unpacking = asyncio.create_task(asyncio.to_thread(self._unpack, digest), name=f"unpack {digest[:12]}")
            self._unpacking[digest] = unpacking
            unpacking.add_done_callback(lambda _: self._unpacking.pop(digest))
        return await asyncio.shield(unpacking)

    async def remove(self, digest: str) -> bool:
        """Whether there was such a package. Nothing may run from it any more."""
        return await asyncio.to_thread(self._remove, self.path(digest))

    async def sweep(self, keep: AbstractSet[str]) -> int:
        """Remove every package that is not in `keep`; their number. They can be unpacked again from their blobs."""
        return await asyncio.to_thread(self._sweep, keep | self._unpacking.keys())

    async def close(self) -> None:
        """Wait for extractions that run."""
        await asyncio.gather(*self._unpacking.values(), return_exceptions=True)

    def _unpack(self, digest: str) -> Path:
        path = self.path(digest)
        temporary = self._directory / f"{_TEMPORARY}{self._ids.hex(16)}"
        try:
            temporary.mkdir(mode=0o700)
            self._extract_blob(digest, temporary)
            temporary.chmod(0o755)
            _flush_file_system(temporary)
            temporary.rename(path)
            sync_directory(self._directory)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if path.is_dir():
                return path
            message = f"cannot unpack {digest}: {error}"
            raise (StorageFull if error.errno in _NO_SPACE else StorageFailed)(message) from error
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return path

    def _extract_blob(self, digest: str, destination: Path) -> None:
        try:
            file = self._blobs.path(digest).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error
        with file:
            if os.fstat(file.fileno()).st_size == 0:
                raise PackageRefused(Refusal.NOT_A_ZIP, "the file is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                if hashlib.sha256(view).hexdigest() != digest:
                    raise BlobDamaged(digest)
                extract(view, destination, self._limits)

    def _remove(self, path: Path) -> bool:
        doomed = self._directory / f"{_TEMPORARY}{self._ids.hex(16)}"
        try:
            path.rename(doomed)
        except FileNotFoundError:
            return False
        shutil.rmtree(doomed)
        return True

    def _sweep(self, keep: AbstractSet[str]) -> int:
        found = [path for path in self._directory.iterdir() if not path.name.startswith(_TEMPORARY)]
        return sum(self._remove(path) for path in found if path.name not in keep)


def _flush_file_system(directory: Path) -> None:
    """syncfs(2): one flush instead of one fsync per file (34,000 of them in a large package).

    Without it a power cut could leave a package in place whose files are empty.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), os.fspath(directory))
    finally:
        os.close(descriptor)


_LIBC = ctypes.CDLL(None, use_errno=True)
