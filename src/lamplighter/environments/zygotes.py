"""Zygotes: a Python interpreter with AWS's client loaded, brought up once for each runtime and account, whose memory
image later starts are made of.

The zygote lives in a sandbox of its own, sees the runtime's root filesystem and no function, and ends when its image is
taken; the image is tried before anybody gets it. Where one does not fit a function the start is a plain one. Must not
know environments.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import Blueprint
from lamplighter.kernel.ids import Ids
from lamplighter.sandboxes.memory_images.compiler import ImagesUnavailable
from lamplighter.sandboxes.memory_images.images import ImageRefused, MemoryImage, MemoryImages
from lamplighter.sandboxes.runtimes.runtime import Runtime
from lamplighter.sandboxes.sandbox import Sandbox, SandboxDriver, SandboxFailed, SandboxSpec

_log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_MEMORY_BYTES = 256 * _MIB
_TMP_BYTES = 512 * _MIB
_SECONDS = 60.0
_MOST = 64
# Variables that an interpreter, the loader or the C library reads before any code of ours could set them.
_READ_AT_START = ("PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "LANG", "AWS_LAMBDA_EXEC_WRAPPER")

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Zygote:
    """An image, and the names of the modules that are loaded in it."""

    image: MemoryImage
    modules: frozenset[str]


class Zygotes:
    """`image_for` a blueprint answers at once; what is missing is made beside."""

    def __init__(self, driver: SandboxDriver, images: MemoryImages, ids: Ids) -> None:
        self._driver = driver
        self._images = images
        self._ids = ids
        self._background = Background()
        self._made: dict[Key, Zygote | None] = {}  # None: being made, or not to be had
        self._fits: dict[tuple[Key, Path, tuple[Path, ...]], bool] = {}

    def image_for(self, blueprint: Blueprint) -> MemoryImage | None:
        """What the start may be made of; None for a plain start."""
        runtime = blueprint.runtime
        if not (runtime.may_be_zygote and blueprint.configuration.handler) or _sets_what_is_read_at_start(blueprint):
            return None
        account_id = blueprint.configuration.account_id
        self.begin(account_id, runtime)
        key = _key(account_id, runtime)
        zygote = self._made[key]
        return zygote.image if zygote is not None and self._is_fit(key, zygote, blueprint) else None

    def begin(self, account_id: str, runtime: Runtime) -> None:
        """Make the zygote of this runtime and account, unless it is there."""
        key = _key(account_id, runtime)
        if runtime.may_be_zygote and key not in self._made:
            self._forget_oldest()
            self._made[key] = None
            self._background.spawn(self._fill(key, runtime), f"zygote of {runtime.name}")

    def is_there(self, account_id: str, runtime: Runtime) -> bool:
        return self._made.get(_key(account_id, runtime)) is not None

    def _forget_oldest(self) -> None:
        while len(self._made) >= _MOST:
            zygote = self._made.pop(next(iter(self._made)))
            if zygote is not None:
                zygote.image.remove()

    def _is_fit(self, key: Key, zygote: Zygote, blueprint: Blueprint) -> bool:
        """Whether the function brings nothing that it would have to find instead of what is loaded already."""
        place = (key, blueprint.package, blueprint.layers)
        if place not in self._fits:
            folders = _search_path(blueprint)
            self._fits[place] = not any(_brings(folder, zygote.modules) for folder in folders)
        return self._fits[place]

    # --- making one

    async def _fill(self, key: Key, runtime: Runtime) -> None:
        try:
            zygote = await self._make(runtime)
        except (SandboxFailed, ImagesUnavailable, ImageRefused, TimeoutError, OSError, ValueError) as error:
            _log.warning("no zygote of %s, its starts are plain ones: %s", runtime.name, error or type(error).__name__)
            return
        if key in self._made:
            self._made[key] = zygote
        else:
            zygote.image.remove()

    async def _make(self, runtime: Runtime) -> Zygote:
        await self._images.open()
        spec = self._spec(runtime)
        sandbox = await self._driver.start(self._images.taking(spec, runtime.argv[0], "zygote"))
        try:
            async with asyncio.timeout(_SECONDS):
                await _wait_until_it_asks(sandbox)
                image = await self._images.fetch(sandbox, _MEMORY_BYTES)
        except BaseException as error:
            await sandbox.kill()
            said = _said(sandbox.output_fd)
            if isinstance(error, ImageRefused):
                raise ImageRefused(f"{error} {said[-500:]}") from error
            raise
        await sandbox.kill()
        modules = frozenset(json.loads(_said(sandbox.output_fd)))
        try:
            await self._try(image, self._spec(runtime))
        except BaseException:
            image.remove()
            raise
        return Zygote(image, modules)

    def _spec(self, runtime: Runtime) -> SandboxSpec:
        return SandboxSpec(
            sandbox_id=f"zygote-{self._ids.hex(16)}",
            root=runtime.root,
            binds=runtime.binds,
            argv=(),
            env=runtime.env,
            cwd="/var/task",
            memory_bytes=_MEMORY_BYTES,
            cpu_fraction=1.0,
            tmp_bytes=_TMP_BYTES,
        )

    async def _try(self, image: MemoryImage, spec: SandboxSpec) -> None:
        sandbox = await self._driver.start(image.applied(spec, "check"))
        try:
            ended = await asyncio.wait_for(sandbox.runtime.wait(), _SECONDS)
        finally:
            await sandbox.kill()
            said = _said(sandbox.output_fd)
        if ended.code != 0:
            raise ImageRefused(f"a process made of its image ended with {ended}: {said[-500:]}")

    async def close(self) -> None:
        await self._background.close(_SECONDS)
        self._made.clear()


def _key(account_id: str, runtime: Runtime) -> Key:
    """A runtime as it was installed, and the account: what one of them has loaded another never shares."""
    return account_id, str(runtime.root), runtime.root.stat().st_ino


def _sets_what_is_read_at_start(blueprint: Blueprint) -> bool:
    given = blueprint.configuration.environment or {}
    return any(name.startswith(_READ_AT_START) for name in given)


def _search_path(blueprint: Blueprint) -> Iterable[Path]:
    """Where the function's own modules lie, as the runtime's bootstrap puts them first."""
    yield blueprint.package
    for layer in blueprint.layers:
        yield layer / "python"
        yield layer / "python/lib" / blueprint.runtime.name / "site-packages"


def _brings(folder: Path, modules: frozenset[str]) -> bool:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return any(entry.name.partition(".")[0] in modules or entry.name.endswith(".pth") for entry in entries)
    return False


async def _wait_until_it_asks(sandbox: Sandbox) -> None:
    """Return when the process inside calls the Runtime API. Raises ImageRefused when it ends instead."""
    loop = asyncio.get_running_loop()
    asked = loop.create_task(loop.sock_accept(sandbox.runtime_api))
    ended = loop.create_task(sandbox.runtime.wait())
    try:
        await asyncio.wait((asked, ended), return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise ImageRefused(f"it ended with {ended.result()}.")
        asked.result()[0].close()
    finally:
        for waiting in (asked, ended):
            waiting.cancel()
        await asyncio.gather(asked, ended, return_exceptions=True)


def _said(output_fd: int) -> str:
    """What a sandbox that is over has printed; its pipe is closed."""
    parts = []
    try:
        while part := os.read(output_fd, 65_536):
            parts.append(part)
    finally:
        os.close(output_fd)
    return b"".join(parts).decode(errors="replace")
