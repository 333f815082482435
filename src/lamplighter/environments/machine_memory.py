"""How much memory this machine can still give: the kernel's estimate, and every control group above this process.

Reads what the kernel tells, nothing else. Must not know environments.
"""

from pathlib import Path

import msgspec

_KIB_PER_MIB = 1024
_MIB = 1024 * 1024
_TREE = Path("/sys/fs/cgroup")


class Memory(msgspec.Struct, frozen=True):
    """In MiB: all that functions and server may use together, and what of it is free or can be made free at once."""

    total: int
    available: int


def read_memory(proc: Path = Path("/proc"), tree: Path = _TREE) -> Memory | None:
    """None where the kernel does not tell."""
    try:
        told = _fields((proc / "meminfo").read_text(encoding="ascii"))
        memory = Memory(told["MemTotal"] // _KIB_PER_MIB, told["MemAvailable"] // _KIB_PER_MIB)
    except (OSError, KeyError, ValueError):
        return None
    for group in _groups(proc, tree):
        limited = _limited(group)
        if limited is not None:
            memory = Memory(min(memory.total, limited.total), min(memory.available, limited.available))
    return memory


def _fields(text: str) -> dict[str, int]:
    """`MemTotal:  24683520 kB` and its sisters."""
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in text.splitlines()) if rest}


def _groups(proc: Path, tree: Path) -> list[Path]:
    """The control groups that bound this process's memory, from its own up to the root; of either version."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            root = tree
        elif "memory" in controllers.split(","):
            root = tree / "memory"
        else:
            continue
        own = root / path.lstrip("/")
        found += [own, *(above for above in own.parents if above.is_relative_to(root))]
    return found


def _limited(group: Path) -> Memory | None:
    """What the group may use, if it is bounded at all; files the kernel can drop count as free."""
    for limit_file, use_file, cache in (
        ("memory.max", "memory.current", "inactive_file "),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
    ):
        try:
            limit = int((group / limit_file).read_text(encoding="ascii"))
            used = int((group / use_file).read_text(encoding="ascii"))
            lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):  # not there, or `max`
            continue
        dropped = next((int(line.removeprefix(cache)) for line in lines if line.startswith(cache)), 0)
        return Memory(limit // _MIB, max(0, limit - used + dropped) // _MIB)
    return None
