"""Memory images on disk: the sandbox in which one is taken, the fetching of it, and the sandboxes made of it.

An image is a file that its processes map privately: pages that they do not change are in memory once. It lasts as long
as the driver that it was taken with; what an earlier life left is removed. Must not know functions or runtimes.
"""

import asyncio
import dataclasses
import itertools
import logging
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lamplighter.sandboxes.memory_images.compiler import ImagesUnavailable, Tools, compile_tools
from lamplighter.sandboxes.sandbox import Bind, SandboxSpec

_log = logging.getLogger(__name__)

# Where the sandbox sees what it needs: an empty directory of every runtime's root filesystem.
PLACE = "/run"
BOOT = Path(__file__).with_name("boot_image.py")
IMAGE_PORT = 9002
_MAGIC = 0x31454D4147494D4C
_CHUNK = 1 << 20
_PAGE = 4096
_MAGIC_BYTES = 8
_SECONDS = 60.0


class ImageRefused(Exception):
    """The process could not be taken, or what it sent is no image; says why."""


class Reachable(Protocol):
    """What is needed of a sandbox to fetch its image."""

    async def connect(self, port: int) -> socket.socket: ...


@dataclass(frozen=True, slots=True)
class MemoryImage:
    """A directory that holds the image and the program that revives it. What maps it keeps it when it is removed."""

    directory: Path
    size: int

    def applied(self, spec: SandboxSpec, *arguments: str) -> SandboxSpec:
        """The sandbox whose runtime is made of the image; it finds the arguments and the variables of `spec`."""
        argv = (f"{PLACE}/revive", f"{PLACE}/image", *arguments)
        return dataclasses.replace(spec, argv=argv, binds=(*spec.binds, Bind(self.directory, PLACE)))

    def remove(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


class MemoryImages:
    """The images of one driver, in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tools: Tools | None = None
        self._opening = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._boot = directory / "boot"

    async def open(self) -> None:
        """Remove the images of an earlier life and compile what is needed, once. Raises ImagesUnavailable."""
        async with self._opening:
            if self._tools is not None:
                return
            try:
                tools = await compile_tools(self._directory / "tools")
                await asyncio.to_thread(self._prepare, tools)
            except OSError as error:
                raise ImagesUnavailable(f"{error.strerror}: {error.filename or self._directory}") from error
            self._tools = tools

    def _prepare(self, tools: Tools) -> None:
        self._clear()
        self._make_directory(self._boot, {"take.so": tools.take, BOOT.name: BOOT})

    def remove_left_overs(self) -> None:
        """What an earlier life left, if it was killed."""
        if self._directory.is_dir():
            self._clear()

    def _clear(self) -> None:
        for left in self._directory.iterdir():
            if left.name != "tools":
                shutil.rmtree(left, ignore_errors=True)

    def _make_directory(self, place: Path, files: dict[str, Path]) -> None:
        place.mkdir()
        place.chmod(0o755)
        for name, source in files.items():
            shutil.copyfile(source, place / name)
            (place / name).chmod(0o755)

    async def close(self) -> None:
        """Remove every image; what runs keeps what it has mapped."""
        if self._tools is not None:
            await asyncio.to_thread(self._clear)

    def taking(self, spec: SandboxSpec, interpreter: str, *arguments: str) -> SandboxSpec:
        """The sandbox in which a Python runtime prepares itself to be taken."""
        argv = (interpreter, f"{PLACE}/{BOOT.name}", *arguments)
        return dataclasses.replace(spec, argv=argv, binds=(*spec.binds, Bind(self._boot, PLACE)))

    async def fetch(self, sandbox: Reachable, limit_bytes: int) -> MemoryImage:
        """The image of the process that waits in `sandbox`. Raises ImageRefused."""
        place = self._directory / f"image-{next(self._numbers)}"
        if self._tools is None:
            raise ImageRefused("memory images are not open")
        try:
            connection = await sandbox.connect(IMAGE_PORT)
            try:
                size = await asyncio.to_thread(self._receive, self._tools, connection, place, limit_bytes)
            finally:
                connection.close()
        except (OSError, ImageRefused) as error:
            shutil.rmtree(place, ignore_errors=True)
            raise error if isinstance(error, ImageRefused) else ImageRefused(str(error)) from error
        return MemoryImage(place, size)

    def _receive(self, tools: Tools, connection: socket.socket, place: Path, limit_bytes: int) -> int:
        self._make_directory(place, {"revive": tools.revive})
        with (place / "image").open("xb") as file:
            size = _copy(connection, file.fileno(), limit_bytes)
        (place / "image").chmod(0o644)
        _check(place / "image")
        return size


def _copy(connection: socket.socket, file: int, limit_bytes: int) -> int:
    """Whole chunks at their places; chunks of zeroes become holes."""
    buffer = bytearray(_CHUNK)
    view, zeroes, at = memoryview(buffer), bytes(_PAGE), 0
    deadline = time.monotonic() + _SECONDS
    while True:
        filled = 0
        # Whoever sends a byte now and then must not keep us for ever.
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        while filled < _CHUNK and (got := connection.recv_into(view[filled:])):
            filled += got
        if not filled:
            os.ftruncate(file, at)
            return at
        if at + filled > limit_bytes:
            raise ImageRefused(f"its memory is larger than {limit_bytes} bytes")
        _write_pages(file, view[:filled], at, zeroes)
        at += filled


def _write_pages(file: int, data: memoryview, at: int, zeroes: bytes) -> None:
    """Runs of pages that hold anything."""
    begin: int | None = None
    for start in range(0, len(data), _PAGE):
        is_empty = data[start : start + _PAGE] == zeroes
        if is_empty and begin is not None:
            _pwrite_all(file, data[begin:start], at + begin)
            begin = None
        elif not is_empty and begin is None:
            begin = start
    if begin is not None:
        _pwrite_all(file, data[begin:], at + begin)


def _pwrite_all(file: int, rest: memoryview, at: int) -> None:
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written


_REFUSALS = {
    -1: "it runs more than one thread",
    -2: "it holds a pipe or another descriptor that cannot be made again",
    -3: "its memory cannot be described, or is shared with another process",
    -4: "the connection broke",
}


def _check(image: Path) -> None:
    with image.open("rb") as file:
        magic = int.from_bytes(file.read(_MAGIC_BYTES), "little", signed=True)
    if magic != _MAGIC:
        raise ImageRefused(_REFUSALS.get(magic, "it sent no image"))
