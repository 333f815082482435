"""One sandbox of the driver `process`: a directory, a listener on the host's loopback and some processes.

See the Sandbox protocol for what is promised; limits are not.
"""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from lamplighter.sandboxes.process.tree import innermost, memory_peak_bytes, signal_all, start_ticks
from lamplighter.sandboxes.sandbox import ProcessExit, SandboxProcess, SandboxSpec

_METADATA_API = "AWS_LAMBDA_METADATA_API"  # the same listener under another name


class Commands(Protocol):
    """How a command of the sandbox becomes one of the host."""

    def prepare(self, argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[list[str], dict[str, str], str]:
        """The host's arguments, environment and working directory."""
        ...


class BareProcess:
    """A process of the host, with everything below it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process | None, exec_errno: int = 0) -> None:
        self.name = name
        self._process = process
        self._exec_errno = exec_errno

    @property
    def pid(self) -> int | None:
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def wait(self) -> ProcessExit:
        if self._process is None:
            return ProcessExit(None, None, exec_errno=self._exec_errno)
        status = await self._process.wait()
        return ProcessExit(None, -status) if status < 0 else ProcessExit(status, None)

    def signal(self, number: int) -> None:
        """Only to the process itself, which bubblewrap may have started two levels down."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(innermost(self.pid, "bwrap"), number)

    def signal_all(self, number: int) -> None:
        if self.pid is not None:
            signal_all(self.pid, number)


class ProcessSandbox:
    """See the Sandbox protocol."""

    def __init__(
        self, spec: SandboxSpec, *, place: Path, commands: Commands, runtime_api: socket.socket, pipe: tuple[int, int]
    ) -> None:
        self.sandbox_id = spec.sandbox_id
        self.runtime_api = runtime_api
        self.output_fd, self._output_end = pipe
        self.runtime: SandboxProcess
        self._spec = spec
        self._place = place
        self._commands = commands
        self._api_address = f"127.0.0.1:{runtime_api.getsockname()[1]}"
        self._processes: list[BareProcess] = []
        self._peak = 0
        self._is_over = False

    async def start_runtime(self) -> None:
        self.runtime = await self.start_process("runtime", self._spec.argv, self._spec.env)

    async def connect(self, port: int) -> socket.socket:
        """To the host's loopback, which this driver's sandboxes share."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        except BaseException:
            connection.close()
            raise
        return connection

    async def start_process(
        self, name: str, argv: tuple[str, ...], env: Mapping[str, str], output: int | None = None
    ) -> BareProcess:
        told = {**env, "AWS_LAMBDA_RUNTIME_API": self._api_address}
        if _METADATA_API in env:
            told[_METADATA_API] = self._api_address
        arguments, variables, cwd = self._commands.prepare(argv, told)
        end = self._output_end if output is None else output
        try:
            started = await asyncio.create_subprocess_exec(
                *arguments,
                env=variables,
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=end,
                stderr=end,
                start_new_session=True,
            )
        except OSError as error:
            return BareProcess(name, None, error.errno or 0)
        process = BareProcess(name, started)
        self._processes.append(process)
        self._note(started.pid)
        return process

    def _note(self, pid: int) -> None:
        """Limit what can be limited and leave a note for the janitor of the next life."""
        try:
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (self._spec.open_files, self._spec.open_files))
        except (OSError, ValueError):
            return  # it has ended already, or the host allows less
        finally:
            with (self._place / "processes").open("a") as notes:
                notes.write(f"{pid} {start_ticks(pid)}\n")

    def limit_cpu(self) -> None:
        """Nothing: this driver cannot."""

    @property
    def can_freeze(self) -> bool:
        return False

    def freeze(self) -> bool:
        return False

    def thaw(self) -> None:
        """Nothing: this driver cannot freeze. The function would see a stop signal, and could undo it."""

    def _signal(self, number: int) -> None:
        for process in self._processes:
            process.signal_all(number)

    def memory_peak_bytes(self) -> int:
        now = sum(memory_peak_bytes(process.pid) for process in self._processes if process.pid is not None)
        self._peak = max(self._peak, now)
        return self._peak

    async def kill(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.memory_peak_bytes()
        self._signal(signal.SIGKILL)
        for process in self._processes:
            await process.wait()
        os.close(self._output_end)
        self.runtime_api.close()
        await asyncio.to_thread(shutil.rmtree, self._place, ignore_errors=True)
