"""Users, capabilities, processes and descriptors: what the function is, and which others it can see or touch."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import asyncio
import errno
import os
import signal
from pathlib import Path

import pytest

from lamplighter.sandboxes.sandbox import Sandbox
from tests.live_sandboxes import PYTHON, read_line
from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


async def test_the_function_is_an_unprivileged_user_without_groups(cell: Cell) -> None:
    status = await cell.probe("status")

    assert status["Uid"].split() == ["993"] * 4
    assert status["Gid"].split() == ["990"] * 4
    assert status["Groups"] == ""


@pytest.mark.parametrize("kind", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
async def test_no_set_holds_a_capability(cell: Cell, kind: str) -> None:
    status = await cell.probe("status")

    assert int(status[kind], 16) == 0
    if kind == "CapEff":
        assert int(cell.bare("status")[kind], 16) != 0


async def test_no_new_privileges_and_a_filter_hold(cell: Cell) -> None:
    status = await cell.probe("status")

    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert (cell.bare("status")["NoNewPrivs"], cell.bare("status")["Seccomp"]) == ("0", "0")


async def test_a_set_user_id_program_gives_nothing(cell: Cell, tmp_path: Path) -> None:
    program = tmp_path / "identity"
    program.write_bytes(Path("/usr/bin/id").read_bytes())
    program.chmod(0o4755)
    (cell.code / "identity").unlink(missing_ok=True)
    program.rename(cell.code / "identity")

    _, output = await cell.run("/var/task/identity", "-u")
    assert output.strip() == "993"


async def test_each_sandbox_has_host_ids_of_its_own(cell: Cell) -> None:
    async with cell.sandbox(PYTHON, "-c", SLEEP) as one, cell.sandbox(PYTHON, "-c", SLEEP) as two:
        assert [await read_line(one.output_fd), await read_line(two.output_fd)] == ["up", "up"]
        owners = _host_owners("time.sleep(60)")

    assert len(owners) == 2
    assert all(owner > 1_000_000_000 for owner in owners)


def _host_owners(command: str) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                if command.encode() in (entry / "cmdline").read_bytes():
                    found.add(entry.stat().st_uid)
            except OSError:
                continue
    return {owner for owner in found if owner != 0}


async def test_only_the_functions_own_processes_are_seen(cell: Cell) -> None:
    seen = await cell.probe("processes")

    assert len(seen) == 1
    assert 1 not in seen
    assert len(cell.bare("processes")) > 5


async def test_no_other_process_can_be_looked_into(cell: Cell) -> None:
    assert await cell.probe("open_any_other_process") == []
    assert len(cell.bare("open_any_other_process")) > 5


@pytest.mark.parametrize("part", ["environ", "mem", "maps", "fd", "cwd", "root", "exe", "task/1/environ"])
async def test_pid_1_cannot_be_looked_into_by_name(cell: Cell, part: str) -> None:
    assert await cell.probe("read_file", f"/proc/1/{part}") in {errno.ENOENT, errno.EACCES, errno.EPERM}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV])
async def test_signals_to_pid_1_do_nothing(cell: Cell, number: int) -> None:
    source = (
        "import os, time\n"
        "try:\n"
        f"    os.kill(1, {int(number)})\n"
        "except OSError as error:\n"
        "    print('refused', flush=True)\n"
        "print('alive', flush=True)"
    )
    exit_, output = await cell.run(PYTHON, "-c", source)

    assert exit_.code == 0
    assert output.splitlines()[-1] == "alive"


async def test_a_signal_to_everybody_stays_inside(cell: Cell) -> None:
    async with cell.sandbox(PYTHON, "-c", SLEEP) as neighbour:
        await read_line(neighbour.output_fd)
        source = "import os, time\npid = os.fork()\nif pid == 0: time.sleep(60)\nos.kill(-1, 9)\nprint(os.wait()[1])"
        exit_, output = await cell.run(PYTHON, "-c", source)

        assert (exit_.code, output) == (0, "9\n")
        assert await still_runs(neighbour)


async def still_runs(sandbox: Sandbox) -> bool:
    try:
        await asyncio.wait_for(sandbox.runtime.wait(), 0.2)
    except TimeoutError:
        return True
    return False


async def test_a_process_of_the_host_cannot_be_signalled(cell: Cell) -> None:
    assert cell.bare("signal_process", str(os.getpid()), "0") == 0
    assert await cell.probe("signal_process", str(os.getpid()), "0") == errno.ESRCH


async def test_only_the_three_standard_descriptors_are_open(cell: Cell) -> None:
    found = await cell.probe("descriptors")

    assert set(found) == {"0", "1", "2"}
    assert found["0"] == "/dev/null"
    assert found["1"] == found["2"]
    assert found["1"].startswith("pipe:")


async def test_descriptors_of_the_server_do_not_leak(cell: Cell) -> None:
    leak = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        assert set(await cell.probe("descriptors")) == {"0", "1", "2"}
    finally:
        os.close(leak)


async def test_the_environment_holds_only_what_was_given(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "do not leak")
    found = await cell.python("import json, os; print(json.dumps(dict(os.environ)))")

    assert "CANARY_SECRET" not in found
    assert found["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert set(found) == {"PATH", "LD_LIBRARY_PATH", "LC_ALL", "AWS_LAMBDA_RUNTIME_API"}


async def test_a_crash_leaves_no_core(cell: Cell) -> None:
    source = (
        "import json, os, resource, signal\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.chdir('/tmp'); os.kill(os.getpid(), signal.SIGSEGV)\n"
        "_, status = os.waitpid(pid, 0)\n"
        "print(json.dumps([os.WCOREDUMP(status), os.listdir('/tmp'), resource.getrlimit(resource.RLIMIT_CORE)]))"
    )
    assert await cell.python(source) == [False, [], [1, 1]]
