"""A running sandbox as its environment uses it: listener served, output read, end of the runtime watched.

Must not know invokes or states: it reports what happens through callbacks.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping

from lamplighter.environments.background import Background
from lamplighter.environments.output import OutputReader
from lamplighter.sandboxes.sandbox import ProcessExit, Sandbox, SandboxProcess
from lamplighter.wire.http_server import HttpServer

_MIB = 1024 * 1024
# A process may answer and exit at once: its answer is still in the socket when its end is reported.
_EXIT_GRACE_SECONDS = 0.003
# Reading the peak is a system call on a cgroup file: not at every invoke of a busy function.
_MEMORY_SAMPLE_SECONDS = 0.5


class LiveSandbox:
    """Owns a sandbox from its start to its end. Where the runtime `is_held`, `start_runtime` lets it go."""

    def __init__(
        self,
        sandbox: Sandbox,
        server: HttpServer,
        on_line: Callable[[str], None],
        on_exit: Callable[["LiveSandbox", ProcessExit], None],
        background: Background,
        *,
        on_extension_line: Callable[[str], None] | None = None,
        is_held: bool = False,
    ) -> None:
        self.sandbox_id = sandbox.sandbox_id
        self._sandbox = sandbox
        self._background = background
        self._on_extension_line = on_extension_line or on_line
        self._extension_output: OutputReader | None = None
        self._extension_output_end = -1
        self._is_runtime_started = False
        self._server = server
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._output = OutputReader(sandbox.output_fd, on_line)
        self._memory_mib = 0
        self._memory_at = float("-inf")
        self._is_closing = False
        self.has_ended = False
        self.can_freeze = sandbox.can_freeze
        if not is_held:
            self._watch_runtime()

    def _watch_runtime(self) -> None:
        self._is_runtime_started = True
        self._background.spawn(self._watch(), f"watch sandbox {self.sandbox_id}")

    async def start_runtime(self) -> None:
        if not self._is_closing:
            await self._sandbox.start_runtime()
            self._watch_runtime()

    async def serve(self) -> None:
        """Accept the runtime's calls."""
        await self._server.listen_on(self._sandbox.runtime_api)

    async def _watch(self) -> None:
        ended = await self._sandbox.runtime.wait()
        self.has_ended = True
        if not self._is_closing:
            await asyncio.sleep(_EXIT_GRACE_SECONDS)
        if not self._is_closing:
            self._output.drain()
            self._on_exit(self, ended)

    async def start_extension(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> SandboxProcess:
        """A process whose output is told apart from the function's."""
        if self._extension_output is None:
            read_end, self._extension_output_end = os.pipe2(os.O_CLOEXEC)
            self._extension_output = OutputReader(read_end, self._on_extension_line)
        return await self._sandbox.start_process(name, argv, env, self._extension_output_end)

    async def end_runtime(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL when it has not ended after so many seconds."""
        if not self._is_runtime_started:
            return
        self._sandbox.runtime.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._sandbox.runtime.wait(), seconds)
        except TimeoutError:
            self._sandbox.runtime.signal(signal.SIGKILL)

    async def connect(self, port: int) -> socket.socket:
        return await self._sandbox.connect(port)

    def drain_output(self) -> None:
        self._output.drain()
        if self._extension_output is not None:
            self._extension_output.drain()

    def limit_cpu(self) -> None:
        self._sandbox.limit_cpu()

    def freeze(self) -> bool:
        """Stop every process inside, wherever it is. False where that is impossible."""
        return self._sandbox.freeze()

    def thaw(self) -> None:
        self._sandbox.thaw()

    def memory_peak_mib(self) -> int:
        now = self._loop.time()
        if now - self._memory_at > _MEMORY_SAMPLE_SECONDS:
            self._memory_at = now
            self._memory_mib = -(-self._sandbox.memory_peak_bytes() // _MIB)
        return self._memory_mib

    async def close(self) -> None:
        """Kill what runs inside and let everything go."""
        self._is_closing = True
        await self._server.close()
        await self._sandbox.kill()
        self._output.drain()
        self._output.close()
        if self._extension_output is not None:
            os.close(self._extension_output_end)
            self._extension_output.drain()
            self._extension_output.close()
