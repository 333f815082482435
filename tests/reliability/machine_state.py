"""What a server has made on this machine, seen from outside: its processes, their namespaces, groups and mounts."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KINDS = ("net", "mnt", "pid", "ipc", "uts", "user")


@dataclass(frozen=True, slots=True)
class Process:
    """A process told apart from a later one that got its number by its start time."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        fields = _stat(self.pid)
        return fields is not None and fields[19] == self.started and fields[0] not in "ZX"


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def below(root: int) -> list[Process]:
    """Every process below `root`."""
    parents: dict[int, list[int]] = {}
    starts: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields is not None:
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            starts[int(entry.name)] = fields[19]
    found, todo = [], list(parents.get(root, []))
    while todo:
        pid = todo.pop()
        found.append(Process(pid, starts[pid]))
        todo += parents.get(pid, [])
    return found


def below_with(root: int, *words: bytes) -> list[Process]:
    """Those below `root` whose command line holds one of the words."""

    def says_it(pid: int) -> bool:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return any(word in line for word in words)

    return [process for process in below(root) if says_it(process.pid)]


def namespaces(processes: list[Process]) -> set[str]:
    """The namespaces of these processes that are not this test's own."""
    return {name for process in processes for name in _namespaces_of(process.pid)} - set(_namespaces_of(os.getpid()))


def _namespaces_of(pid: int) -> list[str]:
    found = []
    for kind in KINDS:
        try:
            found.append(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
        except OSError:
            continue
    return found


def namespaces_in_use() -> set[str]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return {name for pid in pids for name in _namespaces_of(pid)}


def control_groups(processes: list[Process]) -> set[Path]:
    """The directories of the groups that hold these processes and are not this test's own."""
    own = set(_groups_of(os.getpid()))
    return {group for process in processes for group in _groups_of(process.pid)} - own


def _groups_of(pid: int) -> list[Path]:
    mounted = _hierarchies()
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in mounted:
            found.append(mounted[controllers] / path.lstrip("/"))
    return found


def _hierarchies() -> dict[str, Path]:
    """Controllers as /proc/PID/cgroup names them -> where their hierarchy is mounted."""
    mounted: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        place = Path(before.split()[4])
        if kind == "cgroup2":
            mounted[""] = place
        elif kind == "cgroup":
            known = {"cpu", "cpuacct", "memory", "pids", "freezer", "cpuset", "devices", "blkio", "hugetlb"}
            mounted[",".join(option for option in options.split(",") if option in known)] = place
    return mounted


def mounts_under(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
