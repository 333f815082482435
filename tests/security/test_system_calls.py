"""The system call filter: what would reach the host's kernel where it is soft is refused before it gets there.

Every attempt is also made bare: there it is not refused, so it is the filter (or the lost privileges) that refuses.
"""

import errno

import pytest

from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
ABSENT = {errno.ENOSYS, errno.EAFNOSUPPORT}  # this machine's kernel was built without it
BAD = "-1"  # an argument that no kernel accepts: bare, the call fails for that reason and not for lack of permission

ATTEMPTS = [
    ("mount_tmpfs",),
    ("open_filesystem",),
    ("clone_mount_tree",),
    ("change_root",),
    ("clone_with", "0x10000000"),  # CLONE_NEWUSER
    ("clone_with", "0x10020000"),  # CLONE_NEWUSER | CLONE_NEWNS
    ("clone_with", "0x20000000"),  # CLONE_NEWPID
    ("clone_with", "0x40000000"),  # CLONE_NEWNET
    ("clone_with", "0x08000000"),  # CLONE_NEWIPC
    ("clone_with", "0x04000000"),  # CLONE_NEWUTS
    ("clone_with", "0x02000000"),  # CLONE_NEWCGROUP
    ("raw", "unshare", "0x10000000"),
    ("raw", "unshare", "0x00020000"),
    ("raw", "unshare", "0x40000000"),
    ("raw", "unshare", "0"),
    ("join_own_namespace", "uts"),
    ("join_own_namespace", "net"),
    ("trace_child",),
    ("read_child_memory",),
    ("steal_descriptor",),
    ("compare_with_child",),
    ("load_program",),
    ("count_events",),
    ("add_key",),
    ("join_session_keyring",),
    ("raw", "request_key", "0", "0", "0", "0"),
    ("user_faults",),
    ("io_ring",),
    ("handle_of_path",),
    ("raw", "open_by_handle_at", "-100", "0", "0"),
    ("raw", "init_module", "0", "0", "0"),
    ("raw", "finit_module", BAD, "0", "0"),
    ("raw", "delete_module", "0", "0"),
    ("raw", "kexec_load", "0", "0", "0", BAD),
    ("raw", "reboot", "0", "0", "0", "0"),
    ("raw", "swapon", "0", "0"),
    ("raw", "acct", "1"),
    ("raw", "quotactl", BAD, "0", "0", "0"),
    ("raw", "mbind", "0", "0", BAD, "0", "0", "0"),
    ("raw", "fanotify_init", "0", "0"),
    ("raw", "process_madvise", BAD, "0", "0", "0", "0"),
    ("raw", "seccomp", "2", "0", "0"),
    ("raw", "clone3", "0", "0"),
    ("kernel_log_size",),
    ("read_kernel_clock",),
    ("same_host_name",),
    ("odd_personality",),
    ("type_into_terminal",),
    ("make_device", "block", "/tmp"),
    ("make_device", "character", "/tmp"),
    ("become_root",),
    ("raise_capability",),
    ("open_socket", "40", "1"),  # AF_VSOCK: past every network namespace, to the hypervisor
    ("open_socket", "38", "5"),  # AF_ALG
    ("open_socket", "17", "3"),  # AF_PACKET
    ("open_socket", "2", "3", "1"),  # raw ICMP
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=" ".join)
async def test_refused_inside_and_not_bare(cell: Cell, attempt: tuple[str, ...]) -> None:
    inside, bare = await cell.probe(*attempt), cell.bare(*attempt)

    assert inside in REFUSED
    assert bare not in REFUSED or bare in ABSENT


async def test_newer_calls_than_the_list_knows_do_not_exist(cell: Cell) -> None:
    assert await cell.probe("raw", "unused_number") == errno.ENOSYS


async def test_clone3_does_not_exist_so_that_libraries_fall_back(cell: Cell) -> None:
    assert await cell.probe("raw", "clone3", "0", "0") == errno.ENOSYS


async def test_unmounting_and_remounting_are_refused(cell: Cell) -> None:
    assert await cell.probe("unmount", "/proc/sys") == errno.EPERM
    assert await cell.probe("remount_writable", "/var/task") == errno.EPERM
