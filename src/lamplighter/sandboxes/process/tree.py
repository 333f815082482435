"""The processes below one process, read from /proc. They can change at any moment, so every call looks again."""

import contextlib
import os
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """`pid` and every process below it, parents first."""
    found = [pid]
    for process in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def innermost(pid: int, wrapper: str) -> int:
    """The first process below `pid` that is not the program called `wrapper`; `pid` itself if there is none."""
    for process in descendants(pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}/comm").read_text().strip() != wrapper:
                return process
    return pid


def signal_all(pid: int, number: int) -> None:
    """Send a signal to the process and all below it."""
    for process in descendants(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def start_ticks(pid: int) -> str:
    """When the process started, in the kernel's ticks: with the pid it names a process for ever. Empty if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def memory_peak_bytes(pid: int) -> int:
    """The sum of what each process has held at most; pages shared between them count more than once."""
    total = 0
    for process in descendants(pid):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) * 1024
    return total
