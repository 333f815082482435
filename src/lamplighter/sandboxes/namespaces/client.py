"""The server's side of the spawner: starts the process, sends requests, and tells each sandbox what became of it.

One SOCK_SEQPACKET socket carries everything; many starts may be in flight. When the socket closes, the spawner and
all its sandboxes are gone. Must not know what runs in a sandbox.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lamplighter.sandboxes.cgroups import CgroupFiles
from lamplighter.sandboxes.namespaces.messages import pack, receive, send
from lamplighter.sandboxes.sandbox import Feature, SandboxFailed, StateInUse

_log = logging.getLogger(__name__)
_PACKAGE_ROOT = Path(__file__).resolve().parents[3]
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from lamplighter.sandboxes.namespaces.spawner import main; main(sys.argv[1:])"
)
_START_SECONDS = 30.0


class SpawnerClient:
    """One live spawner. `limits` tells which cgroup features (memory, cpu, pids, freezer) hold here."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._out: deque[tuple[bytes, list[int]]] = deque()
        self._started: dict[str, asyncio.Future[CgroupFiles]] = {}
        self._gone: dict[str, asyncio.Event] = {}
        self._told_of_loss: dict[str, Callable[[], None]] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self.limits: dict[str, Feature] = {}
        self.is_alive = True
        self.pid = process.pid

    @classmethod
    async def launch(cls, launcher: Path, state_dir: Path, *, disk: Path | None, blanks: int) -> "SpawnerClient":
        """Start the process and wait until it has cleared up after an earlier life. Raises SandboxFailed."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            arguments = [str(theirs.fileno()), str(launcher), str(state_dir), str(disk or "-"), str(blanks)]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _BOOT, str(_PACKAGE_ROOT), *arguments),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
        client = cls(process, ours)
        client._loop.add_reader(ours.fileno(), client._read)
        try:
            await asyncio.wait_for(client._ready, _START_SECONDS)
        except (TimeoutError, SandboxFailed):
            await client.close()
            raise
        return client

    async def start(
        self, sandbox_id: str, *, memory_bytes: int, processes: int, disk: Path | None, descriptors: tuple[int, ...]
    ) -> CgroupFiles:
        """Ask for a sandbox that talks on `descriptors`: its control socket, its output pipe and, if it has a way
        out, the gateway's namespace. Raises SandboxFailed.
        """
        if not self.is_alive:
            raise SandboxFailed("the spawner has ended")
        future: asyncio.Future[CgroupFiles] = self._loop.create_future()
        self._started[sandbox_id] = future
        self._gone[sandbox_id] = asyncio.Event()
        # Copies, because the caller may be cancelled and close its own before they are sent.
        copies = [os.dup(descriptor) for descriptor in descriptors]
        self._send(pack("start", sandbox_id, memory_bytes, processes, str(disk or "-")), copies)
        return await future

    def when_lost(self, sandbox_id: str, tell: Callable[[], None]) -> None:
        """Call `tell` if the spawner ends before this sandbox: what is frozen then would wait for its end for ever."""
        self._told_of_loss[sandbox_id] = tell

    async def end(self, sandbox_id: str) -> None:
        """Kill the sandbox and return when its cgroups are gone."""
        gone = self._gone.get(sandbox_id)
        if gone is None:
            return
        if self.is_alive:
            self._send(pack("kill", sandbox_id))
        await gone.wait()

    async def close(self) -> None:
        """End the spawner and with it every sandbox; returns when it has cleared up."""
        self._lose()
        with contextlib.suppress(ProcessLookupError):
            await self._process.wait()

    # --- the socket -----------------------------------------------------------------------------------------------

    def _send(self, message: bytes, descriptors: list[int] | None = None) -> None:
        self._out.append((message, descriptors or []))
        self._flush()

    def _flush(self) -> None:
        while self._out:
            message, descriptors = self._out[0]
            try:
                send(self._channel, message, descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._channel.fileno(), self._flush)
                return
            except OSError:
                self._lose()
                return
            self._out.popleft()
            for descriptor in descriptors:
                os.close(descriptor)
        self._loop.remove_writer(self._channel.fileno())

    def _read(self) -> None:
        while self.is_alive:
            try:
                got = receive(self._channel)
            except BlockingIOError:
                return
            if got is None:
                self._lose()
                return
            (kind, *fields), descriptors = got
            self._take(kind, fields, descriptors)

    def _take(self, kind: str, fields: list[str], descriptors: list[int]) -> None:
        match kind:
            case "started":
                self._note_start(fields[0], CgroupFiles(dict(zip(fields[1:], descriptors, strict=True))))
            case "failed":
                self._note_failure(fields[0], fields[1])
            case "gone":
                self._note_end(fields[0])
            case "ready":
                rows = zip(fields[::3], fields[1::3], fields[2::3], strict=True)
                self.limits = {name: Feature(name, holds == "1", reason) for name, holds, reason in rows}
                self._ready.set_result(None)
            case "refused" if not self._ready.done():
                self._ready.set_exception(StateInUse(fields[0]))
            case "trouble":
                _log.error("a sandbox could not be prepared: %s", fields[0])

    def _note_start(self, sandbox_id: str, files: CgroupFiles) -> None:
        future = self._started.pop(sandbox_id, None)
        if future is None or future.done():
            files.close()  # nobody waits any more
        else:
            future.set_result(files)

    def _note_failure(self, sandbox_id: str, why: str) -> None:
        future = self._started.pop(sandbox_id, None)
        if future is not None and not future.done():
            future.set_exception(SandboxFailed(why))
        else:
            _log.error("sandbox %s failed: %s", sandbox_id, why)

    def _note_end(self, sandbox_id: str) -> None:
        self._note_failure_if_waiting(sandbox_id)
        self._told_of_loss.pop(sandbox_id, None)
        gone = self._gone.pop(sandbox_id, None)
        if gone is not None:
            gone.set()

    def _note_failure_if_waiting(self, sandbox_id: str) -> None:
        future = self._started.pop(sandbox_id, None)
        if future is not None and not future.done():
            future.set_exception(SandboxFailed("the sandbox ended while it was being built"))

    def _lose(self) -> None:
        """The socket is closed, by us or because the spawner died: nothing of it lives on."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        for _message, descriptors in self._out:
            for descriptor in descriptors:
                os.close(descriptor)
        self._out.clear()
        if not self._ready.done():
            self._ready.set_exception(SandboxFailed("the spawner ended while it was starting"))
        for tell in tuple(self._told_of_loss.values()):
            tell()
        for sandbox_id in list(self._gone):
            self._note_end(sandbox_id)
