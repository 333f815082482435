"""kill -9 of the server or of the spawner, at any moment: no process, cgroup, mount or loop device stays behind."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.process.driver import ProcessDriver
from lamplighter.sandboxes.sandbox import ProcessExit, SandboxFailed, StateInUse
from tests.live_sandboxes import SECONDS, House, house, is_root, make_root, read_line, state_directory, until

SERVER = Path(__file__).with_name("sandbox_server.py")

pytestmark = pytest.mark.skipif(not is_root(), reason="needs root")


@contextmanager
def server(place: Path, count: int) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A server with `count` sandboxes, in a session of its own; killed at the end."""
    if not (place / "root").exists():
        make_root(place)
    command = [sys.executable, str(SERVER), str(place), str(count), str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["spawner"]
        finally:
            process.kill()


def traces(place: Path, count: int) -> list[str]:
    """What is left: sleeping processes of the sandboxes, launchers, cgroups and loop devices."""
    state = place / "state"
    marks = (f"sleep\0{count}.{os.getpid()}\0", str(state))
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            found += [f"process {entry.name} {command!r}" for mark in marks if mark in command]
    name = f"lamplighter-{zlib.crc32(os.fsencode(str(state.resolve()))):08x}"
    found += [str(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if name in folder]
    found += [str(loop) for loop in _loop_files() if str(state) in loop]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(state) in line]
    return found


def _loop_files() -> list[str]:
    files = []
    for loop in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            files.append(loop.read_text())
        except OSError:
            continue
    return files


def wait_until_clean(place: Path, count: int) -> None:
    deadline = time.monotonic() + SECONDS
    while left := traces(place, count):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_nothing_survives_kill_9_of_the_server() -> None:
    with state_directory() as place, server(place, 6) as (process, _):
        assert len(traces(place, 6)) > 6
        process.kill()
        wait_until_clean(place, 6)


def test_no_process_survives_kill_9_of_the_spawner() -> None:
    with state_directory() as place, server(place, 6) as (process, spawner):
        os.kill(spawner, signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while any("sleep" in trace for trace in traces(place, 6)):
            assert time.monotonic() < deadline, traces(place, 6)
            time.sleep(0.02)
        process.kill()
        with server(place, 1):
            pass  # the next start removes the groups of the dead
        wait_until_clean(place, 1)


def test_the_next_start_removes_what_kill_9_of_both_left() -> None:
    with state_directory() as place:
        with server(place, 6) as (process, spawner):
            os.kill(process.pid, signal.SIGSTOP)  # so that the server sees nothing
            os.kill(spawner, signal.SIGKILL)
            process.kill()
        with server(place, 1) as (process, _):
            left = [trace for trace in traces(place, 6) if "sleep" in trace or "deleted" in trace]
            assert [trace for trace in left if "6." in trace] == []
        wait_until_clean(place, 1)


def test_nothing_survives_kill_9_in_the_middle_of_starting() -> None:
    with state_directory() as place:
        make_root(place)
        for delay in (0.15, 0.25, 0.3, 0.35, 0.45):
            command = [sys.executable, str(SERVER), str(place), "40", str(os.getpid())]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
                time.sleep(delay)  # not for synchronisation: any moment will do
                process.kill()
            wait_until_clean(place, 40)


async def _house_with_sandbox(opened: House) -> int:
    driver = opened.driver
    assert isinstance(driver, NamespaceDriver)
    return (await driver.spawner()).pid


async def test_the_server_is_told_and_recovers_when_the_spawner_dies() -> None:
    with state_directory() as place:
        async with house(await NamespaceDriver.open(place / "state", blanks=1), place) as opened:
            async with opened.sandbox("/bin/sh", "-c", "echo up; exec sleep 60") as sandbox:
                assert await read_line(sandbox.output_fd) == "up"
                os.kill(await _house_with_sandbox(opened), signal.SIGKILL)

                exit_ = await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)
                assert exit_ == ProcessExit(None, signal.SIGKILL)
                await asyncio.wait_for(sandbox.kill(), SECONDS)
            _, output = await opened.run("/bin/sh", "-c", "echo again")
            assert output == "again\n"


async def test_what_is_frozen_is_thawed_when_the_spawner_dies() -> None:
    """Frozen processes of cgroup version 1 do not end before they are thawed, whoever killed them."""
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=1)
        async with house(driver, place) as opened, opened.sandbox("/bin/sh", "-c", "echo up; sleep 60") as sandbox:
            assert await read_line(sandbox.output_fd) == "up"
            if not sandbox.can_freeze:
                pytest.skip("this machine has no freezer")
            sandbox.freeze()
            frozen = [mark for mark in _freezers(place) if mark.read_text().strip() in {"1", "FROZEN"}]
            assert frozen
            os.kill(await _house_with_sandbox(opened), signal.SIGKILL)
            await until(lambda: not [mark for mark in frozen if mark.read_text().strip() in {"1", "FROZEN"}])
            await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)
        assert traces(place, 0) == []


async def test_kill_9_of_the_nursery_harms_no_sandbox_and_stops_no_start() -> None:
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=1)
        async with house(driver, place) as opened, opened.sandbox("/bin/sh", "-c", "echo up; sleep 60") as sandbox:
            assert await read_line(sandbox.output_fd) == "up"
            spawner = (await driver.spawner()).pid
            for _ in range(3):
                nursery = await _nursery_of(spawner)
                os.kill(nursery, signal.SIGKILL)
                await until(lambda: _has_ended(nursery))  # noqa: B023  # waited for at once
                _, output = await opened.run("/bin/sh", "-c", "echo again")
                assert output == "again\n"
            assert (await driver.spawner()).pid == spawner
            connection = asyncio.create_task(sandbox.connect(9001))  # answered by its process 1
            (await asyncio.wait_for(connection, SECONDS)).close()


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def _nursery_of(spawner: int) -> int:
    """Its child that lives in no process namespace of its own; outer processes do so for a moment only."""
    looks: list[list[int]] = []
    while len(looks) < 3 or len(looks[-1]) != 1 or looks[-3:] != [looks[-1]] * 3:
        looks.append(_children_in_its_namespace(spawner))
        await asyncio.sleep(0.01)
        assert len(looks) < 1000, looks[-3:]
    return looks[-1][0]


def _children_in_its_namespace(pid: int) -> list[int]:
    own = Path(f"/proc/{pid}/ns/pid").readlink()
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/ns/pid").readlink() == own:
                found.append(int(child))
    return found


def _freezers(place: Path) -> list[Path]:
    """The freezer's files of every group of this state directory."""
    name = f"lamplighter-{zlib.crc32(os.fsencode(str((place / 'state').resolve()))):08x}"
    folders = [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if f"/{name}/" in folder]
    files = [folder / file for folder in folders for file in ("cgroup.freeze", "freezer.state")]
    return [file for file in files if file.exists()]


async def test_a_spawner_that_dies_during_starts_fails_them_and_no_later_one() -> None:
    with state_directory() as place:
        async with house(await NamespaceDriver.open(place / "state", blanks=1), place) as opened:
            starts = [
                asyncio.ensure_future(opened.driver.start(opened.spec("/bin/sh", "-c", "exec sleep 60")))
                for _ in range(20)
            ]
            os.kill(await _house_with_sandbox(opened), signal.SIGKILL)
            for start in starts:
                try:
                    sandbox = await asyncio.wait_for(start, SECONDS)
                except SandboxFailed:
                    continue
                await asyncio.wait_for(sandbox.kill(), SECONDS)
                os.close(sandbox.output_fd)
            _, output = await opened.run("/bin/sh", "-c", "echo again")
            assert output == "again\n"


async def test_two_servers_cannot_use_one_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    with state_directory() as place:
        async with house(await NamespaceDriver.open(place / "state", blanks=1), place) as opened:
            with pytest.raises(StateInUse, match="another lamplighter"):
                await NamespaceDriver.open(place / "state", blanks=1)
            _, output = await opened.run("/bin/sh", "-c", "echo unharmed")
            assert output == "unharmed\n"


async def test_the_process_driver_clears_up_after_an_earlier_life() -> None:
    with state_directory() as place:
        earlier = await ProcessDriver.open(place / "state", with_bubblewrap=False)
        opened = House(earlier, place)
        sandbox = await earlier.start(opened.spec("/bin/sh", "-c", "echo up; exec sleep 61"))
        assert await read_line(sandbox.output_fd) == "up"
        async with house(await ProcessDriver.open(place / "state", with_bubblewrap=False), place / "next"):
            assert (await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)).signal == signal.SIGKILL
        assert list((place / "state/process").iterdir()) == []
        await sandbox.kill()
        os.close(sandbox.output_fd)
