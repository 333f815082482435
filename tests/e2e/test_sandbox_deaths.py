"""kill -9 of the server or of the spawner, at any moment: no process, cgroup, mount or loop device stays behind."""

import asyncio
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
from tests.live_sandboxes import SECONDS, House, house, is_root, make_root, read_line, state_directory

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
