"""One live sandbox of the namespaces driver, seen from the server: its control socket, cgroup files and processes.

pid 1 inside (launcher/init.c) answers on the control socket; when that socket closes, the sandbox is over. Must not
know what a function is.
"""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping

from lamplighter.sandboxes.cgroups import CgroupFiles
from lamplighter.sandboxes.namespaces.messages import pack, receive, send
from lamplighter.sandboxes.sandbox import ProcessExit, SandboxFailed, SandboxProcess

_RUNTIME_ID = 1


class NamespaceProcess:
    """A process inside, known to pid 1 by a number of ours."""

    def __init__(self, name: str, number: int, sandbox: "NamespaceSandbox") -> None:
        self.name = name
        self._number = number
        self._sandbox = sandbox
        self._exit: asyncio.Future[ProcessExit] = asyncio.get_running_loop().create_future()
        self._start: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> ProcessExit:
        return await asyncio.shield(self._exit)

    def signal(self, number: int) -> None:
        if not self._exit.done():
            self._sandbox.send(pack("signal", self._number, number))

    async def wait_started(self) -> None:
        await asyncio.shield(self._start)

    def note_start(self) -> None:
        if not self._start.done():
            self._start.set_result(None)

    def note_exit(self, exit_: ProcessExit) -> None:
        self.note_start()
        if not self._exit.done():
            self._exit.set_result(exit_)


class NamespaceSandbox:
    """See the Sandbox protocol."""

    def __init__(
        self,
        sandbox_id: str,
        *,
        control: socket.socket,
        output_fd: int,
        cpu_fraction: float,
        end: Callable[[str], Awaitable[None]],
        held_start: bytes | None = None,
    ) -> None:
        self.sandbox_id = sandbox_id
        self.output_fd = output_fd
        self.is_tmp_on_disk = False
        self._runtime = NamespaceProcess("runtime", _RUNTIME_ID, self)
        self.runtime: SandboxProcess = self._runtime
        self.runtime_api: socket.socket
        self._control = control
        self._held_start = held_start
        self._connecting: dict[int, asyncio.Future[socket.socket]] = {}
        self._cpu_fraction = cpu_fraction
        self._end = end
        self._files = CgroupFiles({})
        self._processes = {_RUNTIME_ID: self._runtime}
        self._next_number = _RUNTIME_ID + 1
        self._kills_seen = 0
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        # A start that fails earlier, in the spawner, never looks at it.
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        self._is_over = False
        self._killing: asyncio.Task[None] | None = None
        self._loop.add_reader(control.fileno(), self._read)

    # --- starting -------------------------------------------------------------------------------------------------

    def use(self, files: CgroupFiles) -> None:
        self._files = files

    async def wait_ready(self) -> None:
        """Return when the sandbox is built and its runtime started, unless that is held. Raises SandboxFailed."""
        await self._ready
        if self._held_start is None:
            await self._runtime.wait_started()

    async def start_runtime(self) -> None:
        message, self._held_start = self._held_start, None
        if message is not None:
            self.send(message)
            await self._runtime.wait_started()

    async def start_process(
        self, name: str, argv: tuple[str, ...], env: Mapping[str, str], output: int | None = None
    ) -> NamespaceProcess:
        number = self._take_number()
        process = NamespaceProcess(name, number, self)
        self._processes[number] = process
        self.send(start_message(number, argv, env), [] if output is None else [output])
        if self._is_over:
            process.note_exit(ProcessExit(None, signal.SIGKILL))
        await process.wait_started()
        return process

    def _take_number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number

    async def connect(self, port: int) -> socket.socket:
        number = self._take_number()
        answer: asyncio.Future[socket.socket] = self._loop.create_future()
        self._connecting[number] = answer
        self.send(pack("connect", number, port))
        if self._is_over:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the sandbox is over")
        connection = await answer
        try:
            await _wait_connected(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def send(self, message: bytes, descriptors: list[int] | None = None) -> None:
        """Pass an order to pid 1; nothing happens when the sandbox is over. Orders are few, the buffer is large."""
        if not self._is_over:
            try:
                send(self._control, message, descriptors)
            except OSError:
                self._lose()

    # --- the control socket ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        while not self._is_over:
            try:
                got = receive(self._control)
            except BlockingIOError:
                return
            if got is None:
                self._lose()
                return
            (kind, text, *_), descriptors = got
            self._take(kind, text, descriptors)

    def _take(self, kind: str, text: str, descriptors: list[int]) -> None:
        if kind == "ready":
            self.runtime_api = socket.socket(fileno=descriptors[0])
            self.is_tmp_on_disk = text == "disk"
            if not self._ready.done():
                self._ready.set_result(None)
        elif kind == "failed":
            if not self._ready.done():
                self._ready.set_exception(SandboxFailed(text))
        elif kind == "connected":
            self._take_connection(text, descriptors)
        else:
            number, value = (int(word) for word in text.split())
            process = self._processes[number]
            if kind == "started":
                process.note_start()
            elif kind == "unstarted":
                process.note_exit(ProcessExit(None, None, exec_errno=value))
            elif kind == "exited":
                process.note_exit(self._exit_of(value))

    def _take_connection(self, text: str, descriptors: list[int]) -> None:
        number, reason = (int(word) for word in text.split())
        answer = self._connecting.pop(number, None)
        connection = socket.socket(fileno=descriptors[0]) if descriptors else None
        if answer is None or answer.done():  # nobody waits any more
            if connection is not None:
                connection.close()
        elif connection is None:
            answer.set_exception(OSError(reason, os.strerror(reason)))
        else:
            answer.set_result(connection)

    def _exit_of(self, status: int) -> ProcessExit:
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            is_out_of_memory = number == signal.SIGKILL and self._was_out_of_memory()
            return ProcessExit(None, number, is_out_of_memory)
        return ProcessExit(os.WEXITSTATUS(status), None)

    def _was_out_of_memory(self) -> bool:
        kills = self._files.out_of_memory_kills()
        is_new = kills > self._kills_seen
        self._kills_seen = kills
        return is_new

    def _lose(self) -> None:
        """The sandbox's pid 1 is gone, and with it every process."""
        if self._is_over:
            return
        self._is_over = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        if not self._ready.done():
            self._ready.set_exception(SandboxFailed("the sandbox ended while it was being built"))
        for answer in self._connecting.values():
            if not answer.done():
                answer.set_exception(ConnectionAbortedError(errno.ECONNABORTED, "the sandbox is over"))
        exit_ = ProcessExit(None, signal.SIGKILL, self._was_out_of_memory())
        for process in self._processes.values():
            process.note_exit(exit_)

    # --- limits and the end ---------------------------------------------------------------------------------------

    def limit_cpu(self) -> None:
        self._files.limit_cpu(self._cpu_fraction)

    @property
    def can_freeze(self) -> bool:
        return self._files.has("freezer")

    def freeze(self) -> bool:
        return self._files.freeze()

    def thaw(self) -> None:
        self._files.thaw()

    def memory_peak_bytes(self) -> int:
        return self._files.memory_peak_bytes()

    async def kill(self) -> None:
        if self._killing is None:
            self._killing = self._loop.create_task(self._kill())
        await asyncio.shield(self._killing)

    async def _kill(self) -> None:
        self._files.thaw()
        await self._end(self.sandbox_id)
        self._lose()
        self._files.close()
        if hasattr(self, "runtime_api"):
            self.runtime_api.close()


async def _wait_connected(connection: socket.socket) -> None:
    """Return when the connection is made. Raises OSError."""
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(connection.fileno(), writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(connection.fileno())
    reason = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if reason:
        raise OSError(reason, os.strerror(reason))


def start_message(number: int, argv: tuple[str, ...], env: Mapping[str, str]) -> bytes:
    """The order to pid 1 to start a process."""
    variables = [f"{name}={value}" for name, value in env.items()]
    return pack("start", number, len(argv), len(variables), *argv, *variables)
