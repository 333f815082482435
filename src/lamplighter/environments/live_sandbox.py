"""A running sandbox as its environment uses it: listener served, output read, end of the runtime watched.

Must not know invokes or states: it reports what happens through callbacks.
"""

import asyncio
from collections.abc import Callable

from lamplighter.environments.background import Background
from lamplighter.environments.output import OutputReader
from lamplighter.sandboxes.sandbox import ProcessExit, Sandbox
from lamplighter.wire.http_server import HttpServer

_MIB = 1024 * 1024
# A process may answer and exit at once: its answer is still in the socket when its end is reported.
_EXIT_GRACE_SECONDS = 0.003
# Reading the peak is a system call on a cgroup file: not at every invoke of a busy function.
_MEMORY_SAMPLE_SECONDS = 0.5


class LiveSandbox:
    """Owns a sandbox from its start to its end."""

    def __init__(
        self,
        sandbox: Sandbox,
        server: HttpServer,
        on_line: Callable[[str], None],
        on_exit: Callable[["LiveSandbox", ProcessExit], None],
        background: Background,
    ) -> None:
        self._sandbox = sandbox
        self._server = server
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._output = OutputReader(sandbox.output_fd, on_line)
        self._memory_mib = 0
        self._memory_at = float("-inf")
        self._is_closing = False
        background.spawn(self._watch(), f"watch sandbox {sandbox.sandbox_id}")

    async def serve(self) -> None:
        """Accept the runtime's calls."""
        await self._server.listen_on(self._sandbox.runtime_api)

    async def _watch(self) -> None:
        ended = await self._sandbox.runtime.wait()
        if not self._is_closing:
            await asyncio.sleep(_EXIT_GRACE_SECONDS)
        if not self._is_closing:
            self._output.drain()
            self._on_exit(self, ended)

    def drain_output(self) -> None:
        self._output.drain()

    def limit_cpu(self) -> None:
        self._sandbox.limit_cpu()

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
