"""Unpacks a function's or layer's zip into an empty directory, whatever the zip says.

Every step is relative to an open directory and follows no link; links are made last, after all were judged together;
sizes are counted as they are written. Modes and times are kept. Blocking: call it in a thread.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lamplighter.storage.zip_format import STORED, Buffer, PackageRefused, Refusal, ZipEntry
from lamplighter.storage.zip_plan import (
    PackageLimits,
    PackagePlan,
    Place,
    check_links,
    directory_mode,
    file_mode,
    plan_package,
)

__all__ = ["PackageLimits", "PackageRefused", "PackageSummary", "Refusal", "extract", "inspect"]

_READ_BYTES = 64 * 1024
_WRITE_BYTES = 1024 * 1024
_LINK_BYTES = 4096
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class PackageSummary:
    """What an archive says of itself; `extract` holds it to that."""

    unzipped_bytes: int
    entries: int


def inspect(data: Buffer, limits: PackageLimits | None = None) -> PackageSummary:
    """Judge an archive by its directory alone: cheap enough to answer an upload. Raises PackageRefused."""
    plan = plan_package(data, limits or PackageLimits())
    return PackageSummary(plan.unzipped_bytes, len(plan.directories) + len(plan.files) + len(plan.links))


def extract(data: Buffer, destination: Path, limits: PackageLimits | None = None) -> PackageSummary:
    """Unpack into the existing, empty, private directory `destination`. Raises PackageRefused or OSError.

    What is left there after an error is the caller's to remove.
    """
    chosen = limits or PackageLimits()
    plan = plan_package(data, chosen)
    with _Tree(destination) as tree:
        budget = _Budget(chosen.unzipped_bytes)
        for place in plan.directories:
            tree.make_directory(place)
        for place, entry in plan.files.items():
            tree.write_file(place, entry, _unpack(data, entry, budget))
        targets = {place: _read_link(data, entry, budget) for place, entry in plan.links.items()}
        check_links(targets)
        for place, target in targets.items():
            tree.make_link(place, target, plan.links[place].modified_at)
        _finish_directories(tree, plan)
    return PackageSummary(plan.unzipped_bytes, len(plan.directories) + len(plan.files) + len(plan.links))


def _finish_directories(tree: "_Tree", plan: PackagePlan) -> None:
    """Modes and times of directories, children first: making something inside changes the time of its parent."""
    for place, entry in reversed(plan.directories.items()):
        tree.finish_directory(place, directory_mode(entry), None if entry is None else entry.modified_at)


class _Budget:
    """Counts bytes really written, so that no header can lie about them."""

    def __init__(self, allowed: int) -> None:
        self._left = allowed

    def spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise PackageRefused(Refusal.TOO_LARGE, "more bytes unpacked than allowed")


class _Tree:
    """An open directory and the chain of open directories to where the last entry went, each opened from its parent."""

    def __init__(self, root: Path) -> None:
        self._chain = [os.open(root, _OPEN_DIRECTORY)]
        self._place: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._chain:
            os.close(self._chain.pop())

    def make_directory(self, place: Place) -> None:
        os.mkdir(place[-1].encode(), 0o700, dir_fd=self._enter(place[:-1]))

    def finish_directory(self, place: Place, mode: int, modified_at: int | None) -> None:
        descriptor = self._enter(place)
        os.fchmod(descriptor, mode)
        if modified_at is not None:
            os.utime(descriptor, (modified_at, modified_at))

    def write_file(self, place: Place, entry: ZipEntry, pieces: Iterator[bytes]) -> None:
        descriptor = os.open(place[-1].encode(), _CREATE_FILE, 0o600, dir_fd=self._enter(place[:-1]))
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fchmod(descriptor, file_mode(entry))
            os.utime(descriptor, (entry.modified_at, entry.modified_at))
        finally:
            os.close(descriptor)

    def make_link(self, place: Place, target: bytes, modified_at: int) -> None:
        parent = self._enter(place[:-1])
        os.symlink(target, place[-1].encode(), dir_fd=parent)
        os.utime(place[-1].encode(), (modified_at, modified_at), dir_fd=parent, follow_symlinks=False)

    def _enter(self, place: Place) -> int:
        """The descriptor of a directory, reusing what the chain shares with the last one."""
        shared = 0
        for here, wanted in zip(self._place, place, strict=False):
            if here != wanted:
                break
            shared += 1
        while len(self._place) > shared:
            self._place.pop()
            os.close(self._chain.pop())
        for name in place[shared:]:
            self._chain.append(os.open(name.encode(), _OPEN_DIRECTORY, dir_fd=self._chain[-1]))
            self._place.append(name)
        return self._chain[-1]


def _unpack(data: Buffer, entry: ZipEntry, budget: _Budget) -> Iterator[bytes]:
    """The entry's content in pieces, checked against its size and CRC once all are taken."""
    crc = size = 0
    for piece in _stored(data, entry) if entry.method == STORED else _inflate(data, entry):
        size += len(piece)
        budget.spend(len(piece))
        if size > entry.unpacked_bytes:
            raise PackageRefused(Refusal.UNSAFE, f"{entry.name!r} is larger than it says")
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != entry.unpacked_bytes or crc != entry.crc:
        raise PackageRefused(Refusal.DAMAGED, f"{entry.name!r} does not have the size and checksum it says")


def _stored(data: Buffer, entry: ZipEntry) -> Iterator[bytes]:
    end = entry.data_offset + entry.compressed_bytes
    for start in range(entry.data_offset, end, _WRITE_BYTES):
        yield bytes(data[start : min(start + _WRITE_BYTES, end)])


def _inflate(data: Buffer, entry: ZipEntry) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    end = entry.data_offset + entry.compressed_bytes
    try:
        for start in range(entry.data_offset, end, _READ_BYTES):
            packed: Buffer = data[start : min(start + _READ_BYTES, end)]
            while packed and not stream.eof:
                yield stream.decompress(packed, _WRITE_BYTES)
                packed = stream.unconsumed_tail
        # An output of exactly a whole piece can leave the end of the stream unread.
        while not stream.eof and (piece := stream.decompress(b"", _WRITE_BYTES)):
            yield piece
    except zlib.error as error:
        raise PackageRefused(Refusal.DAMAGED, f"{entry.name!r} cannot be decompressed") from error
    if not stream.eof or stream.unused_data:
        raise PackageRefused(Refusal.DAMAGED, f"{entry.name!r} does not end where it says")


def _read_link(data: Buffer, entry: ZipEntry, budget: _Budget) -> bytes:
    if entry.unpacked_bytes > _LINK_BYTES:
        raise PackageRefused(Refusal.UNSAFE, f"the link {entry.name!r} is too long")
    return b"".join(_unpack(data, entry, budget))
