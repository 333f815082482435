"""What `lamplighter doctor` finds out about the machine itself: by doing it where that is possible, else by looking.

Must not know configuration: it is told where the data lies and how many environments are wanted.
"""

import asyncio
import os
import platform
import resource
import time
from pathlib import Path

from lamplighter.sandboxes.namespaces.compiler import find_compiler
from lamplighter.sandboxes.network import lacks_for
from lamplighter.sandboxes.network_plan import EgressPolicy
from lamplighter.sandboxes.sandbox import Bind, Feature, Sandbox, SandboxDriver, SandboxFailed, SandboxSpec

_MIB = 1024 * 1024
# Of the server, for each environment: sockets, pipes, files of its control groups.
_DESCRIPTORS_EACH = 9
_DESCRIPTORS_BESIDE = 300
# What an idle Python environment takes of the machine, the kernel's part included (scripts/bench density).
_IDLE_MIB = 7
_VANISHING = frozenset({"tmpfs", "ramfs"})
_SILENCE_SECONDS = 0.05
_SECONDS = 10.0
_TICKER = "while :; do echo; sleep 0.005; done"


def look(data_dir: Path, environments: int) -> tuple[Feature, ...]:
    """What can be told without a sandbox."""
    return (
        _durable(data_dir),
        _descriptors(environments),
        _memory(environments),
        _swap(Path("/proc/swaps").read_text(encoding="utf-8")),
        _egress(),
        _memory_images(),
    )


def _durable(data_dir: Path) -> Feature:
    place = data_dir.resolve()
    while not place.exists():
        place = place.parent
    kind = filesystem_of(place, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    holds = kind not in _VANISHING
    reason = f"{data_dir} lies on {kind}" + ("" if holds else ", which is gone when the machine stops")
    return Feature("what is acknowledged outlives the machine", holds, reason)


def filesystem_of(place: Path, mountinfo: str) -> str:
    """The kind of the filesystem that holds `place`; of mounts on the same directory the last one counts."""
    best, kind = -1, "an unknown filesystem"
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = Path(left.split(" ")[4].replace("\\040", " "))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split(" ")[0]
    return kind


def _descriptors(environments: int) -> Feature:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = environments if most == resource.RLIM_INFINITY else max(0, most - _DESCRIPTORS_BESIDE) // _DESCRIPTORS_EACH
    reason = f"the hard limit of open files allows {room} environments, max_environments is {environments}"
    return Feature("descriptors for every environment", room >= environments, reason)


def _memory(environments: int) -> Feature:
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    available = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable")) // 1024
    room = available // _IDLE_MIB
    reason = f"{available} MiB are free: {room} idle Python environments of {_IDLE_MIB} MiB"
    return Feature("memory for every environment", room >= environments, reason)


def _swap(swaps: str) -> Feature:
    """A function that may swap has more memory than its limit says."""
    if len(swaps.splitlines()) <= 1:
        return Feature("memory limits are not softened by swap", True, "there is no swap")
    counted = Path("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists()
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    holds = os.geteuid() == 0 and (counted or unified)
    return Feature(
        "memory limits are not softened by swap", holds, "swap is counted" if holds else "swap is not counted"
    )


def _egress() -> Feature:
    lack = lacks_for(EgressPolicy(mode="nat"))
    return Feature(
        "functions could reach the internet (setting egress)", not lack, lack or "nft, ip and forwarding are here"
    )


def _memory_images() -> Feature:
    """Zygotes and SnapStart; where they cannot be had starts are plain."""
    name = "starts from memory images (zygotes, SnapStart)"
    if platform.machine() != "x86_64":
        return Feature(name, False, f"written for x86_64, this machine is {platform.machine()}")
    compiler = find_compiler()
    return Feature(name, compiler is not None, f"built with {compiler[0]}" if compiler else "there is no C compiler")


async def try_freezing(driver: SandboxDriver, folder: Path) -> Feature:
    """Start a process that speaks, freeze it, hear nothing, thaw it, hear it again."""
    name = "idle environments are frozen"
    root = folder / "freezing"
    for mount_point in ("usr", "proc", "dev", "tmp", "opt", "var/task"):
        (root / mount_point).mkdir(parents=True, exist_ok=True)
    for link in ("bin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    for place in (folder, root):
        place.chmod(0o755)
    spec = SandboxSpec(
        sandbox_id="doctor-freezing",
        root=root,
        binds=(Bind(Path("/usr"), "/usr"),),
        argv=("/bin/sh", "-c", _TICKER),
        env={"PATH": "/usr/bin:/bin"},
        memory_bytes=64 * _MIB,
        cpu_fraction=1.0,
        tmp_bytes=512 * _MIB,
    )
    try:
        sandbox = await driver.start(spec)
    except SandboxFailed as error:
        return Feature(name, False, f"not tried: {error}")
    try:
        return await _freeze(sandbox, name)
    except TimeoutError:
        return Feature(name, False, "tried: the process did not speak")
    finally:
        await sandbox.kill()
        os.close(sandbox.output_fd)


async def _freeze(sandbox: Sandbox, name: str) -> Feature:
    if not sandbox.can_freeze:
        return Feature(
            name, False, "there is no cgroup freezer that we may use: background work goes on between invokes"
        )
    await _hear(sandbox.output_fd)
    freezing = time.perf_counter()
    sandbox.freeze()
    thawing = time.perf_counter()
    frozen_ms = (thawing - freezing) * 1000
    await asyncio.sleep(_SILENCE_SECONDS)
    _drain(sandbox.output_fd)
    await asyncio.sleep(_SILENCE_SECONDS)
    if _drain(sandbox.output_fd):
        return Feature(name, False, "tried: a frozen process goes on speaking")
    thawing = time.perf_counter()
    sandbox.thaw()
    thawed_ms = (time.perf_counter() - thawing) * 1000
    await _hear(sandbox.output_fd)
    return Feature(name, True, f"tried: frozen in {frozen_ms:.2f} ms, thawed in {thawed_ms:.2f} ms")


async def _hear(output_fd: int) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(_SECONDS):
        while not _drain(output_fd):  # noqa: ASYNC110  # a pipe that nobody else reads
            await asyncio.sleep(0.001)


def _drain(output_fd: int) -> int:
    """How many bytes lay in the pipe."""
    size = 0
    try:
        while part := os.read(output_fd, 65536):
            size += len(part)
    except BlockingIOError:
        return size
    return size
