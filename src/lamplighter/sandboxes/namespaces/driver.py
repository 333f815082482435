"""The driver `namespaces`: builds sandboxes out of Linux namespaces, cgroups and a system call filter.

With root it also gives each sandbox its own host ids and every limit; without root it does what user namespaces allow
and says what is missing. Must not know what a function, an invoke or a log line is.
"""

import asyncio
import contextlib
import fcntl
import os
import resource
import socket
from pathlib import Path, PurePosixPath

from lamplighter.sandboxes.namespaces.client import SpawnerClient
from lamplighter.sandboxes.namespaces.compiler import launcher_binary
from lamplighter.sandboxes.namespaces.disks import USUAL_BYTES, DiskImages
from lamplighter.sandboxes.namespaces.janitor import clear_up_after_spawner
from lamplighter.sandboxes.namespaces.messages import pack
from lamplighter.sandboxes.namespaces.sandbox import NamespaceSandbox, start_message
from lamplighter.sandboxes.namespaces.self_check import check_isolation
from lamplighter.sandboxes.namespaces.stubs import Stubs
from lamplighter.sandboxes.network import Network
from lamplighter.sandboxes.sandbox import Feature, SandboxFailed, SandboxSpec

RUNTIME_API_ADDRESS = "127.0.0.1:9001"
_DATA_SLACK_BYTES = 256 * 1024 * 1024
_OUTPUT_PIPE_BYTES = 1024 * 1024
_BLANKS = 4


class NamespaceDriver:
    """See the SandboxDriver protocol. Use `open`; a spawner that died is replaced at the next start."""

    name = "namespaces"

    def __init__(self, launcher: Path, state_dir: Path, *, blanks: int, network: Network | None = None) -> None:
        self._launcher = launcher
        self._state_dir = state_dir
        self._blanks = blanks
        self._network = network
        self._stubs = Stubs(state_dir / "stubs")
        self._images = DiskImages(state_dir / "disks")
        self._client: SpawnerClient | None = None
        self.isolation: tuple[Feature, ...] = ()
        self._opening = asyncio.Lock()

    @classmethod
    async def open(cls, state_dir: Path, *, blanks: int = _BLANKS, network: Network | None = None) -> "NamespaceDriver":
        """Compile the launcher if need be, clear up after an earlier life, start the spawner. Raises SandboxFailed."""
        place, launcher = await asyncio.to_thread(_prepare, state_dir)
        driver = cls(launcher, place, blanks=blanks, network=network)
        await driver.spawner()
        try:
            driver.isolation = await check_isolation(driver, launcher, place / "probe")
        except BaseException:
            await driver.close()
            raise
        return driver

    async def spawner(self) -> SpawnerClient:
        async with self._opening:
            if self._client is None or not self._client.is_alive:
                if self._client is not None:
                    await self._client.close()
                usual = await self._images.get(USUAL_BYTES)
                self._client = await SpawnerClient.launch(
                    self._launcher, self._state_dir, disk=usual, blanks=self._blanks
                )
            return self._client

    @property
    def limits(self) -> dict[str, Feature]:
        """Which cgroup limits hold."""
        return {} if self._client is None else self._client.limits

    @property
    def disk_reason(self) -> str:
        """Why /tmp lies in memory; empty if it lies on disk."""
        return self._images.reason

    async def start(self, spec: SandboxSpec) -> NamespaceSandbox:
        _refuse_odd_directory(spec.cwd)
        image = await self._images.get(spec.tmp_bytes)
        network = self._network if spec.is_connected else None
        client = self._client if self._client is not None and self._client.is_alive else await self.spawner()
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        output_fd, output_end = _output_pipe()
        sandbox = None
        try:
            control.send(self._plan(spec, client, image, network))
            env = {**spec.env, "AWS_LAMBDA_RUNTIME_API": RUNTIME_API_ADDRESS}
            start = start_message(1, spec.argv, env)
            if not spec.is_held:
                control.send(start)
            sandbox = NamespaceSandbox(
                spec.sandbox_id,
                control=control,
                output_fd=output_fd,
                cpu_fraction=spec.cpu_fraction,
                end=client.end,
                held_start=start if spec.is_held else None,
            )
            files = await client.start(
                spec.sandbox_id,
                memory_bytes=spec.memory_bytes,
                processes=spec.processes + 1,  # pid 1 is ours
                disk=image,
                descriptors=(theirs.fileno(), output_end, *([] if network is None else [network.namespace])),
            )
            sandbox.use(files)
            client.when_lost(spec.sandbox_id, sandbox.thaw)
            theirs.close()
            await sandbox.wait_ready()
        except BaseException as error:
            if sandbox is None:
                control.close()
            else:
                await sandbox.kill()
            os.close(output_fd)
            if isinstance(error, (OSError, ValueError)):
                raise SandboxFailed(f"sandbox {spec.sandbox_id}: {error}") from error
            raise
        finally:
            theirs.close()
            os.close(output_end)
        return sandbox

    def _plan(self, spec: SandboxSpec, client: SpawnerClient, image: Path | None, network: Network | None) -> bytes:
        binds = spec.binds if network is None else (*spec.binds, *network.binds)
        # A shared directory is not looked at here: it may be a network mount that does not answer.
        targets = tuple((bind.target, bind.owner is not None or bind.source.is_dir()) for bind in binds)
        stubs = self._stubs.for_root(spec.root, (*targets, (spec.cwd, True)))
        fields: list[str | int] = ["build", "hostname", spec.hostname, "root", str(spec.root), "cwd", spec.cwd]
        if stubs is not None:
            fields += ["stubs", str(stubs)]
        for bind in binds:
            mode = "rw" if bind.writable else "ro"
            kind = ["bind", mode] if bind.owner is None else ["share", mode, *bind.owner]
            fields += [*kind, str(bind.source), bind.target]
        for layer in reversed(spec.layers):  # the last one wins, so it lies on top
            fields += ["layer", str(layer)]
        fields += ["tmp", spec.tmp_bytes, "processes", spec.processes, "files", spec.open_files]
        if image is not None:
            fields += ["disk", str(image)]
        if network is not None:
            plan = network.plan()
            fields += ["network", plan.device, str(plan.address), str(plan.gateway)]
        if not client.limits["memory"].holds:
            fields += ["data", spec.memory_bytes + _DATA_SLACK_BYTES]
        return pack(*fields)

    async def close(self) -> None:
        async with self._opening:
            if self._client is not None:
                was_killed = not self._client.is_alive
                await self._client.close()
                self._client = None
                if was_killed:
                    await asyncio.to_thread(clear_up_after_spawner, str(self._state_dir))


def _refuse_odd_directory(cwd: str) -> None:
    """A working directory in /proc could be a descriptor that leads out."""
    parts = PurePosixPath(cwd).parts
    if not cwd.startswith("/") or ".." in parts or "proc" in parts[1:2]:
        raise SandboxFailed(f"{cwd} cannot be a working directory: it must be absolute, without '..', not in /proc")


def _prepare(state_dir: Path) -> tuple[Path, Path]:
    # A sandbox costs the server seven descriptors; the usual soft limit of 1024 would end at 140 of them.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    place = state_dir.resolve()
    place.mkdir(parents=True, exist_ok=True)
    return place, launcher_binary(place)


def _output_pipe() -> tuple[int, int]:
    """A pipe whose read end does not block; as large as an unprivileged process may make it."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read_end, False)
    with contextlib.suppress(PermissionError):
        fcntl.fcntl(read_end, fcntl.F_SETPIPE_SZ, _OUTPUT_PIPE_BYTES)
    return read_end, write_end
