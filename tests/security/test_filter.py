"""The system call filter: what would reach the host's kernel where it is soft is refused before it gets there.

The table runs with a function that kept every privilege (`power`), so it is the filter and nothing else that refuses.
"""

import errno

import pytest

from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD = "-1"  # an argument that no kernel accepts: unfiltered, the call fails for that and not for lack of permission


def filtered(says: str, *attempt: str) -> Probe:
    return Probe(says, attempt, "filter", "power")


TABLE = (
    filtered("mount", "mount_tmpfs"),
    filtered("open a filesystem by fsopen", "open_filesystem"),
    filtered("copy a mount by open_tree", "clone_mount_tree"),
    filtered("chroot", "change_root"),
    filtered("clone a user namespace", "clone_with", "0x10000000"),
    filtered("clone user and mount namespaces", "clone_with", "0x10020000"),
    filtered("clone a process namespace", "clone_with", "0x20000000"),
    filtered("clone a network namespace", "clone_with", "0x40000000"),
    filtered("clone an IPC namespace", "clone_with", "0x08000000"),
    filtered("clone a host name namespace", "clone_with", "0x04000000"),
    filtered("clone a cgroup namespace", "clone_with", "0x02000000"),
    filtered("unshare a user namespace", "raw", "unshare", "0x10000000"),
    filtered("unshare the mounts", "raw", "unshare", "0x00020000"),
    filtered("unshare the network", "raw", "unshare", "0x40000000"),
    filtered("unshare nothing", "raw", "unshare", "0"),
    filtered("setns to a host name", "join_own_namespace", "uts"),
    filtered("setns to a network", "join_own_namespace", "net"),
    filtered("ptrace", "trace_child"),
    filtered("read memory by process_vm_readv", "read_child_memory"),
    filtered("take a descriptor by pidfd_getfd", "steal_descriptor"),
    filtered("compare kernel addresses by kcmp", "compare_with_child"),
    filtered("bpf", "load_program"),
    filtered("perf_event_open", "count_events"),
    filtered("add_key", "add_key"),
    filtered("keyctl", "join_session_keyring"),
    filtered("request_key", "raw", "request_key", "0", "0", "0", "0"),
    filtered("userfaultfd", "user_faults"),
    filtered("io_uring", "io_ring"),
    filtered("aio contexts, counted for the whole host", "take_asynchronous_contexts"),
    filtered("name_to_handle_at", "handle_of_path"),
    filtered("open_by_handle_at", "raw", "open_by_handle_at", "-100", "0", "0"),
    filtered("load a module", "raw", "init_module", "0", "0", "0"),
    filtered("load a module from a file", "raw", "finit_module", BAD, "0", "0"),
    filtered("unload a module", "raw", "delete_module", "0", "0"),
    filtered("kexec", "raw", "kexec_load", "0", "0", "0", BAD),
    filtered("reboot", "raw", "reboot", "0", "0", "0", "0"),
    filtered("swapon", "raw", "swapon", "0", "0"),
    filtered("process accounting", "raw", "acct", "1"),
    filtered("quotactl", "raw", "quotactl", BAD, "0", "0", "0"),
    filtered("mbind", "raw", "mbind", "0", "0", BAD, "0", "0", "0"),
    filtered("fanotify", "raw", "fanotify_init", "0", "0"),
    filtered("process_madvise", "raw", "process_madvise", BAD, "0", "0", "0", "0"),
    filtered("cachestat: what others have read", "raw", "cachestat", BAD, "0", "0", "0"),
    filtered("seccomp", "raw", "seccomp", "2", "0", "0"),
    filtered("clone3, whose flags no filter can see", "raw", "clone3", "0", "0"),
    filtered("the kernel's log", "kernel_log_size"),
    filtered("the kernel's clock", "read_kernel_clock"),
    filtered("sethostname", "same_host_name"),
    filtered("personality without address randomisation", "odd_personality"),
    filtered("type into a terminal by TIOCSTI", "type_into_terminal"),
    filtered("system calls the 32-bit way", "call_the_32_bit_way"),
    filtered("huge pages by a memory file", "huge_pages", "file"),
    filtered("AF_VSOCK, past every network namespace to the hypervisor", "open_socket", "40", "1"),
    filtered("AF_ALG", "open_socket", "38", "5"),
    filtered("AF_PACKET", "open_socket", "17", "3"),
    filtered("raw ICMP", "open_socket", "2", "3", "1"),
    filtered("UDP-Lite", "open_socket", "2", "2", "136"),
    filtered("MPTCP over IPv6", "open_socket", "10", "1", "262"),
    filtered("netlink to the firewall", "open_socket", "16", "3", "12"),
    filtered("netlink to any kernel module", "open_socket", "16", "3", "16"),
    filtered("the kernel's events about the host's devices", "receive_kernel_events"),
)


@pytest.mark.parametrize("probe", TABLE, ids=str)
async def test_the_filter_alone_stops(cell: Cell, probe: Probe) -> None:
    await judge(cell, probe, TABLE)


async def test_newer_calls_than_the_list_knows_do_not_exist(cell: Cell) -> None:
    assert await cell.probe("raw", "unused_number") == errno.ENOSYS


async def test_clone3_does_not_exist_so_that_libraries_fall_back(cell: Cell) -> None:
    assert await cell.probe("raw", "clone3", "0", "0") == errno.ENOSYS


async def test_huge_pages_are_refused_before_the_host_is_asked_for_one(cell: Cell) -> None:
    """Most machines have none to give, so the control would tell nothing."""
    assert await cell.probe("huge_pages", "anonymous") == errno.EPERM
    assert cell.bare("huge_pages", "anonymous") in {0, errno.ENOMEM}


@pytest.mark.parametrize(
    "socket",
    [("1", "1"), ("1", "5"), ("2", "1"), ("2", "2", "17"), ("10", "1", "6"), ("16", "3"), ("2", "526337"), ("10", "2")],
    ids="-".join,
)
async def test_the_sockets_that_programs_need_open(cell: Cell, socket: tuple[str, ...]) -> None:
    table = tuple(Probe("", ("open_socket", *socket), "filter") for socket in [socket])

    assert await cell.answer(table[0], table, "") == 0
