"""The cgroup classes on the hierarchies that this machine really has, each version by itself."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.sandboxes.cgroups import Cgroup, CgroupFiles, CgroupTree
from tests.live_sandboxes import SECONDS, is_root

KINDS = {1: " - cgroup ", 2: " - cgroup2 "}


@pytest.fixture(params=[1, 2], ids=["version 1", "version 2"])
def tree(request: pytest.FixtureRequest) -> Iterator[CgroupTree]:
    """Only the hierarchies of one version, as if the machine had no others."""
    if not is_root():
        pytest.skip("needs root")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    only = "\n".join(line for line in lines if KINDS[request.param] in line)
    made = CgroupTree(f"lamplighter-test-{os.getpid()}", mountinfo=only, own_cgroups="0::/", is_root=True)
    yield made
    made.remove()


@pytest.fixture
def group(tree: CgroupTree) -> Iterator[Cgroup]:
    if "freezer" not in tree.directories:
        pytest.skip("this machine has no freezer of this version")
    made = tree.create("s1")
    yield made
    made.end()
    deadline = time.monotonic() + SECONDS
    while not made.remove():
        assert time.monotonic() < deadline


def ticker(group: Cgroup) -> "subprocess.Popen[str]":
    """A process inside the group that prints without end."""
    process = subprocess.Popen(["/bin/sh", "-c", "while :; do echo tick; done"], stdout=subprocess.PIPE, text=True)
    files = group.attach_files or [f"{group.unified}/cgroup.procs"]
    for file in files:
        Path(file).write_text(str(process.pid))
    return process


def used_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_frozen_process_uses_no_processor_and_goes_on_when_thawed(group: Cgroup) -> None:
    files = CgroupFiles(group.open_files())
    with ticker(group) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "tick\n"
        assert files.freeze()
        os.set_blocking(process.stdout.fileno(), False)
        settled = _settle(process.pid)
        _discard(process.stdout.fileno())
        time.sleep(0.2)  # while nothing may happen
        assert used_ticks(process.pid) == settled
        assert files.thaw()
        os.set_blocking(process.stdout.fileno(), True)
        assert "tick" in process.stdout.readline()
        process.kill()
    files.close()


def _settle(pid: int) -> int:
    """The used ticks once they no longer change."""
    deadline, last = time.monotonic() + SECONDS, -1
    while last != (now := used_ticks(pid)):
        assert time.monotonic() < deadline
        last = now
        time.sleep(0.05)
    return last


def _discard(fd: int) -> None:
    try:
        while os.read(fd, 65536):
            continue
    except BlockingIOError:
        return


def test_ending_reaches_frozen_processes(group: Cgroup) -> None:
    files = CgroupFiles(group.open_files())
    with ticker(group) as process:
        assert files.freeze()
        group.end()
        assert process.wait(SECONDS) == -signal.SIGKILL
    files.close()


def test_what_an_earlier_life_left_is_found(tree: CgroupTree, group: Cgroup) -> None:
    with ticker(group) as process:
        [found] = tree.left_over()
        found.end()
        assert process.wait(SECONDS) == -signal.SIGKILL
        deadline = time.monotonic() + SECONDS
        while not found.remove():
            assert time.monotonic() < deadline
    assert tree.left_over() == []


def test_files_of_a_group_that_is_gone_do_nothing(tree: CgroupTree) -> None:
    made = tree.create("s2")
    files = CgroupFiles(made.open_files())
    assert made.remove()

    assert not files.freeze()
    assert not files.limit_cpu(0.5)
    assert files.out_of_memory_kills() == 0
    files.close()
