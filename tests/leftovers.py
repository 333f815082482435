"""What a test run could leave on the machine: processes, mounts, control groups, network devices and rules, files.

Linux only. Looks at names that are ours; what other programs do meanwhile is none of its business.
"""

import ctypes
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
SETTLE_SECONDS = 5.0


def become_reaper() -> None:
    """Make this process the parent of every orphan below it, so that none can get away unseen."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _children() -> list[int]:
    """Living children of this process; those that have ended are collected on the way."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return []
        if pid == 0:
            break
    me = os.getpid()
    return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]


def _command_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {pid}"
    return f"{pid}: " + b" ".join(words).decode(errors="replace").strip()[:200]


def _wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end_orphans() -> list[str]:
    """Give orphans a moment to end by themselves, kill the others and return what they were."""
    if _wait_until(lambda: not _children(), SETTLE_SECONDS):
        return []
    found: list[str] = []
    while pids := _children():  # killing one may hand its own children to us
        found += [_command_of(pid) for pid in pids]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        _wait_until(lambda seen=frozenset(pids): not seen & set(_children()), SETTLE_SECONDS)  # type: ignore[misc]  # bound now
        if len(found) > 1000:
            break
    return found


def snapshot(marks: tuple[str, ...]) -> frozenset[str]:
    """The things on this machine whose names carry one of `marks`."""
    found = (*_mounts(), *_control_groups(marks), *_files(), *_network())
    return frozenset(f"{kind} {name}" for kind, name in found if any(mark in name for mark in marks))


def left_behind(before: frozenset[str], marks: tuple[str, ...]) -> list[str]:
    """What is new since `before` and does not go away by itself."""
    _wait_until(lambda: snapshot(marks) <= before, SETTLE_SECONDS)
    return sorted(snapshot(marks) - before)


def _mounts() -> Iterator[tuple[str, str]]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        yield "mount", line.split()[4]


def _control_groups(marks: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        yield "cgroup", folder
        if any(mark in folder for mark in marks):
            below.clear()  # its parts go with it


def _network() -> Iterator[tuple[str, str]]:
    for device in Path("/sys/class/net").glob("lamp-*"):
        yield "device", f"lamplighter's {device.name}"
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nft is not None and os.geteuid() == 0:
        for line in subprocess.run(
            [nft, "list", "tables"], capture_output=True, text=True, check=False
        ).stdout.splitlines():
            yield "firewall", line


def _files() -> Iterator[tuple[str, str]]:
    for folder in (Path("/tmp"), Path("/run"), Path("/run/netns"), Path("/dev/shm")):
        for entry in folder.iterdir() if folder.is_dir() else ():
            yield "file", str(entry)


def remove_tree(folder: Path) -> None:
    """Remove a folder even where tests made read-only folders in it."""

    def make_writable(function: Callable[..., Any], path: str, _: object) -> None:
        parent = Path(path).parent
        parent.chmod(stat.S_IRWXU)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(stat.S_IRWXU)
        function(path)

    shutil.rmtree(folder, onerror=make_writable)
