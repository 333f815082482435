"""The process namespace: a function sees and reaches its own processes only."""

import asyncio
import os
import signal

import pytest

from lamplighter.sandboxes.sandbox import Sandbox
from tests.live_sandboxes import PYTHON, read_line
from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
OURS = str(os.getpid())


def apart(says: str, *attempt: str) -> Probe:
    return Probe(says, attempt, "pid", "filter+hidepid+power")


TABLE = (
    apart("signal a process of the host", "signal_process", OURS, "0"),
    apart("read the environment of a process of the host", "read_file", f"/proc/{OURS}/environ"),
    apart("read the maps of a process of the host", "read_file", f"/proc/{OURS}/maps"),
    apart("list the descriptors of a process of the host", "list_directory", f"/proc/{OURS}/fd"),
    apart("go through the root of a process of the host", "read_file", f"/proc/{OURS}/root/etc/passwd"),
    Probe("see pid 1", ("see", "/proc/1"), "hidepid"),
    Probe("read pid 1's command line", ("read_file", "/proc/1/cmdline"), "hidepid"),
    Probe("look into pid 1", ("read_file", "/proc/1/maps"), "power", "hidepid+filter"),
)


@pytest.mark.parametrize("probe", TABLE, ids=lambda probe: str(probe).replace(OURS, "OURS"))
async def test_other_processes_are_out_of_reach(cell: Cell, probe: Probe) -> None:
    await judge(cell, probe, TABLE)


async def test_only_the_functions_own_processes_are_seen(cell: Cell) -> None:
    seen = await cell.probe("processes")

    assert len(seen) == 1
    assert 1 not in seen
    assert len(await cell.probe("processes", without="hidepid+pid")) > 5


@pytest.mark.parametrize("part", ["environ", "mem", "maps", "fd", "cwd", "root", "exe", "task/1/environ"])
async def test_pid_1_cannot_be_looked_into_by_name(cell: Cell, part: str) -> None:
    table = tuple(Probe("", ("read_file", f"/proc/1/{part}"), "hidepid") for part in [part])

    assert await cell.answer(table[0], table, "") in {2, 13}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV])
async def test_signals_to_pid_1_do_nothing(cell: Cell, number: int) -> None:
    source = (
        "import os\n"
        "try:\n"
        f"    os.kill(1, {int(number)})\n"
        "except OSError as error:\n"
        "    print('refused', flush=True)\n"
        "print('alive', flush=True)"
    )
    exit_, output = await cell.run(PYTHON, "-c", source)

    assert exit_.code == 0
    assert output.splitlines() == ["refused", "alive"]


async def test_a_signal_to_everybody_stays_inside(cell: Cell) -> None:
    async with cell.sandbox(PYTHON, "-c", SLEEP) as neighbour:
        await read_line(neighbour.output_fd)
        source = "import os, time\npid = os.fork()\nif pid == 0: time.sleep(60)\nos.kill(-1, 9)\nprint(os.wait()[1])"
        exit_, output = await cell.run(PYTHON, "-c", source)

        assert (exit_.code, output) == (0, "9\n")
        assert await _still_runs(neighbour)


async def _still_runs(sandbox: Sandbox) -> bool:
    try:
        await asyncio.wait_for(sandbox.runtime.wait(), 0.2)
    except TimeoutError:
        return True
    return False
