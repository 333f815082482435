"""The janitor: what an earlier life of the spawner left is ended and removed before the next one begins.

Processes are found by their control groups. Mounts, namespaces and loop devices have no names and end with them. Few
imports, like the spawner. Must not know what a sandbox is.
"""

import fcntl
import os
import time
import zlib

from lamplighter.sandboxes.cgroups import CgroupTree

_RETRY_SECONDS = 0.005
_LOCK_SECONDS = 5.0
_END_SECONDS = 10.0


def number_of(state_dir: str) -> int:
    """Tells the lamplighters of one machine apart: 32 bits."""
    return zlib.crc32(os.fsencode(state_dir))


def tree_of(state_dir: str) -> CgroupTree:
    return CgroupTree.of_machine(f"lamplighter-{number_of(state_dir):08x}")


def clear_up_after_spawner(state_dir: str) -> None:
    """What a spawner does at its end, for one that was killed. Blocking."""
    lock = take_lock(state_dir)
    try:
        tree = tree_of(state_dir)
        remove_left_overs(tree)
        tree.remove()
    finally:
        os.close(lock)


def remove_left_overs(tree: CgroupTree) -> None:
    """End what an earlier life left in our control groups, frozen ones too, and remove the groups."""
    groups = tree.left_over()
    deadline = time.monotonic() + _END_SECONDS
    while groups and time.monotonic() < deadline:
        for group in groups:
            group.end()
        groups = [group for group in groups if not group.remove()]
        if groups:
            time.sleep(_RETRY_SECONDS)


def take_lock(state_dir: str) -> int:
    """Only one spawner per state directory; an earlier one may still be clearing up after its server's death."""
    lock = os.open(f"{state_dir}/spawner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return lock
