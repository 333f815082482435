"""The small Protocol between execution environments and isolation drivers.

A sandbox is an isolated process tree with a read-only root filesystem, a private /tmp, cgroup limits and one
listening socket: the Runtime API on 127.0.0.1:9001 of its own network namespace, accepted from outside. Drivers
must not know what a function, an invoke or a log line is.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bind:
    """A directory or file of the host, mounted read-only (unless `writable`) at `target` inside.

    `owner` (uid, gid) makes it a shared directory: what the function owns in it belongs to these ids on the host.
    """

    source: Path
    target: str
    writable: bool = False
    owner: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """Everything a driver needs to start one sandbox.

    `root` is the runtime's root filesystem directory (mounted read-only); `binds` are applied in order on top of it;
    `layers` are merged at /opt, the last one winning. `argv` runs as the unprivileged user in `cwd`. `cpu_fraction`
    is a share of one core, applied only when `limit_cpu` is called. Sizes in bytes. A sandbox with `is_held` is built
    without running `argv`, until `start_runtime`. One that `is_connected` reaches what the server's egress policy
    allows; any other has nothing but its loopback.
    """

    sandbox_id: str
    root: Path
    binds: tuple[Bind, ...] = ()
    layers: tuple[Path, ...] = ()
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str = "/var/task"
    hostname: str = "169.254.100.1"
    memory_bytes: int
    cpu_fraction: float
    tmp_bytes: int
    processes: int = 1024
    open_files: int = 1024
    is_held: bool = False
    is_connected: bool = False


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How a process ended: an exit `code`, or the `signal` that killed it; `is_out_of_memory` if the kernel's OOM
    killer struck inside the sandbox. `exec_errno` (code and signal are None then) tells why `argv[0]` could not be
    executed at all, so the process never ran.
    """

    code: int | None
    signal: int | None
    is_out_of_memory: bool = False
    exec_errno: int = 0


class SandboxProcess(Protocol):
    """One process started inside a sandbox (the runtime, or later an extension)."""

    name: str

    async def wait(self) -> ProcessExit:
        """Return when the process has ended; may be awaited by several callers and after the end."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to the process; nothing happens when it is already gone."""
        ...


class Sandbox(Protocol):
    """A running sandbox. `runtime_api` is non-blocking and listening; `output_fd` is the read end of the pipe that
    stdout and stderr of every process inside write to (non-blocking; end of file when the sandbox is over). Whoever
    started the sandbox reads it to its end and closes it; everything else is closed by `kill`.
    """

    sandbox_id: str
    runtime_api: socket.socket
    output_fd: int
    runtime: SandboxProcess

    async def start_process(
        self, name: str, argv: tuple[str, ...], env: Mapping[str, str], output: int | None = None
    ) -> SandboxProcess:
        """Start a further process (an extension) under the same limits and user.

        What it prints goes to the descriptor `output` instead of the common pipe, if one is given; the caller's own
        copy stays the caller's.
        """
        ...

    async def start_runtime(self) -> None:
        """Run the `argv` of a sandbox that was started with `is_held`."""
        ...

    async def connect(self, port: int) -> socket.socket:
        """A connection to 127.0.0.1:port inside the sandbox, as one of its processes would make it; non-blocking.

        Raises OSError (ConnectionRefusedError where nobody listens, ConnectionAbortedError when the sandbox is over).
        """
        ...

    def limit_cpu(self) -> None:
        """Apply the CPU quota: called at the first /next, because Lambda lets init burst."""
        ...

    @property
    def can_freeze(self) -> bool:
        """Whether this machine has a freezer for it."""
        ...

    def freeze(self) -> bool:
        """Stop every process inside, wherever it is, without its noticing. False where there is no freezer."""
        ...

    def thaw(self) -> None:
        """Let everything go on. Nothing happens when it is not frozen."""
        ...

    def memory_peak_bytes(self) -> int:
        """The most memory the sandbox has used so far; 0 where the machine cannot tell."""
        ...

    async def kill(self) -> None:
        """End every process inside at once and return when cgroups, mounts and files are gone. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Feature:
    """One protection of a driver: whether it holds on this machine, and by what, or why not."""

    name: str
    holds: bool
    reason: str

    def __str__(self) -> str:
        return f"{'yes' if self.holds else 'NO '} {self.name}: {self.reason}"


class SandboxFailed(Exception):
    """The platform could not build the sandbox (never the function's fault); says what to do."""


class StateInUse(SandboxFailed):
    """Another running lamplighter uses the same state directory; no other driver would help."""


class SandboxDriver(Protocol):
    """Builds sandboxes of one isolation kind. `isolation` lists what holds and what this machine lacks."""

    name: str

    @property
    def isolation(self) -> tuple[Feature, ...]: ...

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Build a sandbox and start `spec.argv` in it. Raises SandboxFailed."""
        ...

    async def close(self) -> None:
        """Kill every sandbox of this driver and end its helper processes."""
        ...
