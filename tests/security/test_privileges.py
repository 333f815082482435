"""What the function is: a user without capabilities in a user namespace of its own, and no way to become more.

The table runs without the system call filter, so it is the lost privileges that refuse.
"""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

from pathlib import Path

import pytest

from tests.live_sandboxes import PYTHON, read_line
from tests.security.conftest import PROGRAM, Cell
from tests.security.judging import judge
from tests.security.probe import Probe, names

IDENTITY = Path("/usr/bin/id")
pytestmark = pytest.mark.asyncio(loop_scope="module")


def powerless(says: str, *attempt: str) -> Probe:
    return Probe(says, attempt, "power", "filter")


TABLE = (
    powerless("mount", "mount_tmpfs"),
    powerless("chroot", "change_root"),
    powerless("copy a mount by open_tree", "clone_mount_tree"),
    powerless("unmount what masks", "unmount", "/proc/sys"),
    powerless("remount the code writable", "remount_writable", "/var/task"),
    powerless("new mount namespace", "clone_with", "0x00020000"),
    powerless("new network namespace", "clone_with", "0x40000000"),
    powerless("become root", "become_root"),
    powerless("take a capability", "raise_capability"),
    powerless("make a block device", "make_device", "block", "/tmp"),
    powerless("make a character device", "make_device", "character", "/tmp"),
    powerless("sethostname", "same_host_name"),
    powerless("raw ICMP", "open_socket", "2", "3", "1"),
    powerless("AF_PACKET", "open_socket", "17", "3"),
    powerless("give the network another address", "add_address"),
    powerless("listen on a port below 1024", "bind_port", "80"),
    powerless("reboot", "raw", "reboot", "0", "0", "0", "0"),
    powerless("swapon", "raw", "swapon", "0", "0"),
    powerless("load a module", "raw", "init_module", "0", "0", "0"),
    powerless("signal pid 1", "signal_process", "1", "0"),
    Probe("nested user namespace", ("clone_with", "0x10000000"), "nested", "filter"),
    Probe("nested user and mount namespaces", ("clone_with", "0x10020000"), "nested", "filter"),
    Probe("raise the priority", ("lower_nice",), "power", "filter+limits"),
)


@pytest.mark.parametrize("probe", TABLE, ids=str)
async def test_lost_privileges_alone_stop(cell: Cell, probe: Probe) -> None:
    await judge(cell, probe, TABLE)


async def test_the_function_is_an_unprivileged_user_without_groups(cell: Cell) -> None:
    status = await cell.probe("status")

    assert status["Uid"].split() == ["993"] * 4
    assert status["Gid"].split() == ["990"] * 4
    assert status["Groups"] == ""
    assert (await cell.probe("status", without="user"))["Uid"].split() == ["0"] * 4


async def test_no_set_holds_a_capability(cell: Cell) -> None:
    status = await cell.probe("status")
    control = await cell.probe("status", without="capabilities+user")

    assert [int(status[kind], 16) for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    assert int(control["CapEff"], 16) != 0
    assert int(control["CapBnd"], 16) != 0


async def test_no_new_privileges_and_a_filter_hold(cell: Cell) -> None:
    status = await cell.probe("status")
    control = await cell.probe("status", without="filter+nnp")

    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert (control["NoNewPrivs"], control["Seccomp"]) == ("0", "0")


LAYERS = ("nnp", "nosuid", "users")


@pytest.mark.parametrize("layer", LAYERS)
async def test_a_set_user_id_program_gives_nothing_behind_any_single_layer(cell: Cell, layer: str) -> None:
    program = cell.code / "identity"
    if not program.exists():
        program.write_bytes(IDENTITY.read_bytes())
        program.chmod(0o4755)

    async def identity(without: str) -> str:
        with cell.weakened(await cell.driver_without(without)):
            return (await cell.run("/var/task/identity", "-u"))[1].strip()

    others = names(*(other for other in LAYERS if other != layer), "filter")
    assert await identity("") == "993"
    assert await identity(others) != "0"
    assert await identity(names(others, layer)) == "0"


async def test_each_sandbox_has_host_ids_of_its_own(cell: Cell) -> None:
    sleep = "import time; print('up', flush=True); time.sleep(60)"
    async with cell.sandbox(PYTHON, "-c", sleep) as one, cell.sandbox(PYTHON, "-c", sleep) as two:
        assert [await read_line(one.output_fd), await read_line(two.output_fd)] == ["up", "up"]
        owners = _host_owners("time.sleep(60)")

    assert len(owners) == 2
    assert all(owner > 1_000_000_000 for owner in owners)
    async with cell.sandbox(PYTHON, "-c", sleep + "#control") as one:
        with cell.weakened(await cell.driver_without("users")):
            async with cell.sandbox(PYTHON, "-c", sleep + "#control") as two:
                assert [await read_line(one.output_fd), await read_line(two.output_fd)] == ["up", "up"]
                assert 993 in _host_owners("#control")


def _host_owners(command: str) -> set[int]:
    """The users, but root, of the processes whose command line holds the text."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if command.encode() in (entry / "cmdline").read_bytes():
                    found.add(entry.stat().st_uid)
            except OSError:
                continue
    return found - {0}


async def test_the_launcher_cannot_be_reached_even_by_a_function_that_is_its_user(cell: Cell) -> None:
    """The way of CVE-2019-5736. Root in the sandbox meets the mark "not dumpable"; without it pid 1 lies open."""
    ways = ("/proc/1/exe", "/proc/1/environ", "/proc/1/maps")
    source = f"import os; [os.close(os.open(way, os.O_RDONLY)) for way in {ways}]; print('open')"

    for without, is_open in (
        ("capabilities+hidepid+user", False),
        ("capabilities+dumpable+hidepid+user", True),
    ):
        with cell.weakened(await cell.driver_without(without)):
            _, output = await cell.run(PYTHON, "-c", source)
        assert (output.strip() == "open") is is_open, (without, output)
    assert PROGRAM not in (await cell.run(PYTHON, "-c", source))[1]
