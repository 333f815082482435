"""/proc and /dev: what tells of the host is masked, what would change it cannot be written, devices are not there.

The table runs with a function that kept every privilege, so it is the masks that stop it.
"""

import errno
from pathlib import Path

import pytest

from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import BARE, Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = (
    "kcore",
    "keys",
    "key-users",
    "timer_list",
    "kallsyms",
    "iomem",
    "ioports",
    "config.gz",
    "slabinfo",
    "kmsg",
    "interrupts",
    "softirqs",
    "cmdline",
    "modules",
    "buddyinfo",
    "zoneinfo",
    "diskstats",
    "partitions",
    "vmallocinfo",
    "kpageflags",
)
DIRECTORIES = ("fs", "bus", "irq", "tty", "acpi", "driver")
SETTINGS = (
    "kernel/core_pattern",
    "kernel/hostname",
    "kernel/modprobe",
    "vm/drop_caches",
    "net/ipv4/ip_forward",
    "kernel/panic",
)
DEVICES = ("mem", "kmsg", "loop-control", "loop0", "shm", "pts", "tty", "net", "mapper", "fuse", "kvm")

QUIET = ("modules", "diskstats", "keys")  # may be empty on a machine that is not

TABLE = (
    *(Probe(f"read /proc/{n}", ("read_file", f"/proc/{n}"), "masks", "filter+power") for n in FILES),
    *(Probe(f"list /proc/{n}", ("list_directory", f"/proc/{n}"), "masks", "filter+power") for n in DIRECTORIES),
    *(Probe(f"set {n}", ("write_file", f"/proc/sys/{n}"), "fixed", "filter+power") for n in SETTINGS),
    Probe("press SysRq", ("meets_more_than_null", "/proc/sysrq-trigger"), "masks", "filter+power"),
    Probe("learn the cgroups' names", ("named_groups",), "cgroup"),
    *(Probe(f"find /dev/{n}", ("see", f"/dev/{n}"), BARE) for n in DEVICES),
)


def _lacks(probe: Probe) -> bool:
    """Whether this machine has not got what the probe looks for."""
    path = Path(probe.attempt[-1])
    if probe.attempt[0] == "named_groups":
        return False
    is_empty = path.is_dir() and not any(path.iterdir())
    return not path.exists() or is_empty or (path.name in QUIET and not path.read_text())


@pytest.mark.parametrize("probe", TABLE, ids=str)
async def test_the_kernels_own_files_are_masked(cell: Cell, probe: Probe) -> None:
    if _lacks(probe):
        pytest.skip("this machine has not got it")
    await judge(cell, probe, TABLE)


async def test_only_lambda_devices_exist(cell: Cell) -> None:
    expected = ["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"]

    assert await cell.probe("list_directory", "/dev") == expected


@pytest.mark.parametrize("path", ["/proc/self/uid_map", "/proc/self/gid_map"])
async def test_the_map_of_user_ids_cannot_be_changed(cell: Cell, path: str) -> None:
    assert await cell.probe("write_text", path, "0 0 1\n") == errno.EPERM


async def test_the_running_program_cannot_be_overwritten(cell: Cell) -> None:
    """CVE-2019-5736: the function's own executable, which lies on a read-only mount."""
    assert await cell.probe("write_file", "/proc/self/exe") in {errno.EROFS, errno.EACCES}
    assert await cell.probe("write_file", "/proc/self/exe", without="power") in {errno.EROFS, errno.ETXTBSY}


async def test_setgroups_cannot_be_allowed_again(cell: Cell) -> None:
    assert await cell.probe("write_text", "/proc/self/setgroups", "allow") in {errno.EPERM, errno.EACCES, errno.ENOENT}
