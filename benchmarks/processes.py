"""CPU time, memory and descendants of processes, read from /proc.

CPU of a process is the sum over its threads of the time they ran (schedstat, nanoseconds); that loses threads that
have ended, so trees that start a thread or process per request are counted by clock ticks including dead children.
"""

import os
from collections import defaultdict
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def _numbers() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """The fields after the command name; the first is the state, the second the parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def tree(root: int) -> list[int]:
    """`root` and everything below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid in _numbers():
        fields = _stat(pid)
        if fields is not None:
            children[int(fields[1])].append(pid)
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children[pid]
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time of the living threads of one process."""
    total = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    except OSError:
        return _ticks(pid)
    return total / 1e9


def _ticks(pid: int) -> float:
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / TICKS if fields is not None else 0.0


def tree_cpu_seconds(root: int) -> float:
    """CPU time of a whole tree, its dead and collected children included (10 ms steps)."""
    return sum(_ticks(pid) for pid in tree(root))


def is_runtime(pid: int) -> bool:
    """Whether this is the runtime process of a sandbox, told by its command line: its own, or its memory image's."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"/var/runtime/" in command or b"/run/boot_image.py" in command


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20
