"""Real sandboxes for tests: a small root filesystem made of the host's /usr, the interpreter that runs the tests, and
a folder of the test's own at /var/task.

Must not know what is probed in them.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from lamplighter.sandboxes.namespaces.compiler import launcher_binary
from lamplighter.sandboxes.sandbox import Bind, ProcessExit, Sandbox, SandboxDriver, SandboxSpec

MIB = 1024 * 1024
SECONDS = 30.0
LANG = "/var/lang"
PYTHON = f"{LANG}/bin/python3"


def is_root() -> bool:
    return os.geteuid() == 0


@contextmanager
def state_directory() -> Iterator[Path]:
    """A short-lived directory; the launcher in its `state` folder is a link to one that is compiled already."""
    with tempfile.TemporaryDirectory(prefix="lamplighter-") as name:
        place = Path(name)
        place.chmod(0o755)
        link_launcher(place / "state")
        yield place


def link_launcher(state: Path) -> None:
    """Spare a driver with this state folder the compiling: this source's launcher is kept between tests."""
    binary = launcher_binary(Path(__file__).parents[1] / ".cache" / "launcher")
    state.mkdir(exist_ok=True)
    if not (state / binary.name).exists():
        (state / binary.name).symlink_to(binary)


def make_root(place: Path) -> Path:
    """A root filesystem that holds nothing but mount points, links and a user database."""
    root = place / "root"
    for name in ("usr", "proc", "dev", "tmp", "opt", "etc", "var/task", "var/lang"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nsbx_user1051:x:993:990::/tmp:/bin/sh\n")
    return root


class House:
    """A driver, a root filesystem and the folder that every sandbox sees at /var/task."""

    def __init__(self, driver: SandboxDriver, place: Path) -> None:
        self.driver = driver
        self.place = place
        self.root = make_root(place)
        self.code = place / "code"
        self.code.mkdir()
        self._count = 0

    def spec(self, *argv: str, memory: int = 256 * MIB, **changes: Any) -> SandboxSpec:
        self._count += 1
        interpreter = Path(sys.base_prefix)
        binds = (Bind(Path("/usr"), "/usr"), Bind(self.code, "/var/task"), Bind(interpreter, LANG))
        values: dict[str, Any] = {
            "sandbox_id": f"t{self._count}",
            "root": self.root,
            "binds": binds,
            "argv": argv,
            "env": {"PATH": f"{LANG}/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": f"{LANG}/lib", "LC_ALL": "C.UTF-8"},
            "memory_bytes": memory,
            "cpu_fraction": 1.0,
            "tmp_bytes": 512 * MIB,
        }
        return SandboxSpec(**{**values, **changes})

    @asynccontextmanager
    async def sandbox(self, *argv: str, **changes: Any) -> AsyncIterator[Sandbox]:
        """A started sandbox; killed, and its output pipe closed, at the end."""
        sandbox = await self.driver.start(self.spec(*argv, **changes))
        try:
            yield sandbox
        finally:
            await sandbox.kill()
            os.close(sandbox.output_fd)

    async def run(self, *argv: str, **changes: Any) -> tuple[ProcessExit, str]:
        """Run to the end; how it ended and everything it said."""
        async with self.sandbox(*argv, **changes) as sandbox:
            reading = asyncio.ensure_future(read_all(sandbox.output_fd))
            exit_ = await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)
            await sandbox.kill()
            return exit_, await asyncio.wait_for(reading, SECONDS)

    async def python(self, source: str, *arguments: str, **changes: Any) -> Any:
        """Run Python source inside; what it printed, read as JSON."""
        exit_, output = await self.run(PYTHON, "-c", source, *arguments, **changes)
        assert exit_ == ProcessExit(0, None), (exit_, output)
        return json.loads(output)


@asynccontextmanager
async def house(driver: SandboxDriver, place: Path) -> AsyncIterator[House]:
    try:
        yield House(driver, place)
    finally:
        await driver.close()


async def read_all(fd: int) -> str:
    """Everything until end of file of a pipe that does not block."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(fd, 65536)
        except BlockingIOError:
            await readable(fd)
            continue
        if not part:
            return b"".join(parts).decode(errors="replace")
        parts.append(part)


async def read_line(fd: int) -> str:
    """The next line (or what is left at end of file)."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            byte = os.read(fd, 1)
        except BlockingIOError:
            await asyncio.wait_for(readable(fd), SECONDS)
            continue
        if not byte:
            break
        line += byte
    return line.decode().strip()


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)


async def until(holds: Any, seconds: float = SECONDS) -> None:
    """Wait until `holds()` is true; fails after the deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)
