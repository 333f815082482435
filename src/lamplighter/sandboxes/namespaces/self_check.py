"""The proof at start: one real sandbox, in which the launcher's own probe tries what must not succeed.

A machine on which the probe gets out is refused; what merely is missing (limits, a /tmp on disk) is reported. Must not
be told what to find: it looks.
"""

import asyncio
import errno
import os
from pathlib import Path
from typing import Protocol

from lamplighter.sandboxes.namespaces.disks import USUAL_BYTES
from lamplighter.sandboxes.namespaces.sandbox import NamespaceSandbox
from lamplighter.sandboxes.sandbox import Bind, Feature, SandboxFailed, SandboxSpec

_MUST_FAIL = ("new_user_namespace", "mount", "trace", "write_root")
_SECONDS = 30.0
_MIB = 1024 * 1024
_LIMIT_NAMES = {"memory": "memory limit", "cpu": "CPU quota", "pids": "process limit", "freezer": "freezing"}


class CheckedDriver(Protocol):
    """What is needed of the driver to check it."""

    @property
    def limits(self) -> dict[str, Feature]: ...

    @property
    def disk_reason(self) -> str: ...

    async def start(self, spec: SandboxSpec) -> NamespaceSandbox: ...


async def check_isolation(driver: CheckedDriver, launcher: Path, root: Path) -> tuple[Feature, ...]:
    """Run the probe and tell what holds. Raises SandboxFailed when the sandbox cannot be built or does not hold."""
    await asyncio.to_thread(_make_root, root)
    sandbox = await driver.start(
        SandboxSpec(
            sandbox_id="self-check",
            root=root,
            binds=(Bind(launcher, "/launcher"),),
            argv=("/launcher", "probe"),
            env={},
            cwd="/",
            memory_bytes=128 * _MIB,
            cpu_fraction=1.0,
            tmp_bytes=USUAL_BYTES,
        )
    )
    try:
        exit_ = await asyncio.wait_for(sandbox.runtime.wait(), _SECONDS)
    finally:
        await sandbox.kill()
        output = _drain(sandbox.output_fd)
    if exit_.code != 0:
        raise SandboxFailed(f"the isolation probe ended with {exit_}: {output[-500:]}")
    answers = dict(line.split(None, 1) for line in output.splitlines() if len(line.split(None, 1)) > 1)
    _refuse_escapes(answers)
    return _features(driver, answers, is_on_disk=sandbox.is_tmp_on_disk)


def _make_root(root: Path) -> None:
    for name in ("proc", "dev", "tmp", "opt"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "launcher").touch()
    root.chmod(0o755)


def _drain(fd: int) -> str:
    """What is in the pipe; every writer is gone."""
    parts = []
    try:
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="replace")


def _refuse_escapes(answers: dict[str, str]) -> None:
    for attempt in _MUST_FAIL:
        if answers.get(attempt, "0") == "0":
            raise SandboxFailed(f"a sandbox does not hold on this machine: {attempt} succeeded inside")
    if answers.get("write_tmp") != "0":
        reason = os.strerror(int(answers.get("write_tmp", errno.EIO)))
        raise SandboxFailed(f"a function could not write to its /tmp: {reason}")
    for name, wanted in (("CapEff:", 0), ("CapBnd:", 0), ("CapAmb:", 0)):
        if int(answers.get(name, "1"), 16) != wanted:
            raise SandboxFailed(f"a sandbox does not hold on this machine: {name} {answers.get(name)}")
    if answers.get("NoNewPrivs:") != "1" or answers.get("Seccomp:") != "2":
        raise SandboxFailed("a sandbox does not hold on this machine: no system call filter")


def _features(driver: CheckedDriver, answers: dict[str, str], *, is_on_disk: bool) -> tuple[Feature, ...]:
    is_root = os.geteuid() == 0
    own_ids = "two host ids for each sandbox" if is_root else f"shares the host id {os.geteuid()} of the server"
    disk = "ext4 images on loop devices" if is_on_disk else driver.disk_reason or "loop devices cannot be used"
    return (
        Feature("own processes, network, mounts, ipc and host name", True, "namespaces"),
        Feature("own user ids", is_root, own_ids),
        Feature("no capabilities, no new privileges", True, f"checked: CapBnd {answers['CapBnd:']}"),
        Feature("system call filter", True, "checked: allow list"),
        *(Feature(_LIMIT_NAMES[name], limit.holds, limit.reason) for name, limit in driver.limits.items()),
        Feature("files in /tmp on disk", is_on_disk, disk),
    )
