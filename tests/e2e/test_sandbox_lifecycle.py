"""The Sandbox protocol on the drivers: start, talk, exit, signal, freeze, kill. The same tests for each driver."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.process.driver import ProcessDriver
from lamplighter.sandboxes.sandbox import Bind, ProcessExit, SandboxDriver, SandboxFailed
from tests.live_sandboxes import PYTHON, SECONDS, House, house, is_root, read_all, read_line, state_directory, until

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


async def _open(name: str, state: Path) -> SandboxDriver:
    if name == "namespaces":
        return await NamespaceDriver.open(state, blanks=1)
    driver = await ProcessDriver.open(state, with_bubblewrap=name == "bubblewrap")
    if name == "bubblewrap" and not driver.isolation[0].holds:
        pytest.skip("bubblewrap is not installed")
    return driver


@pytest.fixture(params=["namespaces", "bubblewrap", "bare"])
async def rooms(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    if not is_root():
        pytest.skip("needs root: the interpreter of the tests may lie where only root looks")
    with state_directory() as place:
        async with house(await _open(request.param, place / "state"), place) as opened:
            yield opened


async def test_output_and_exit_code_come_back(rooms: House) -> None:
    exit_, output = await rooms.run(PYTHON, "-c", "import sys; print('out'); sys.stderr.write('err\\n'); sys.exit(7)")

    assert exit_ == ProcessExit(7, None)
    assert sorted(output.split()) == ["err", "out"]


async def test_a_deadly_signal_is_told(rooms: House) -> None:
    async with rooms.sandbox(PYTHON, "-c", SLEEP) as sandbox:
        await read_line(sandbox.output_fd)
        sandbox.runtime.signal(signal.SIGKILL)

        assert (await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)).is_out_of_memory is False


async def test_a_signal_reaches_the_process(rooms: House) -> None:
    source = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    async with rooms.sandbox(PYTHON, "-c", source) as sandbox:
        await read_line(sandbox.output_fd)
        sandbox.runtime.signal(signal.SIGTERM)

        assert (await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)).code == 3
        sandbox.runtime.signal(signal.SIGTERM)  # gone already: nothing happens


async def test_the_runtime_api_is_accepted_from_outside(rooms: House) -> None:
    source = (
        "import os, socket\n"
        "host, _, port = os.environ['AWS_LAMBDA_RUNTIME_API'].partition(':')\n"
        "line = socket.create_connection((host, int(port))); line.sendall(b'hello'); print(line.recv(100).decode())"
    )
    async with rooms.sandbox(PYTHON, "-c", source) as sandbox:
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(sandbox.runtime_api), SECONDS)
        with connection:
            connection.setblocking(False)
            assert await loop.sock_recv(connection, 100) == b"hello"
            await loop.sock_sendall(connection, b"answer")
            assert await read_line(sandbox.output_fd) == "answer"


async def test_code_lies_at_var_task_and_is_the_working_directory(rooms: House) -> None:
    (rooms.code / "handler.txt").write_text("the code")

    _, output = await rooms.run(PYTHON, "-c", "print(open('handler.txt').read())")
    assert output == "the code\n"


async def test_the_last_layer_wins(rooms: House, tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "which").write_text(name)
        (tmp_path / name / name).write_text(name)
    tmp_path.chmod(0o755)
    layers = tuple(tmp_path / name for name in ("first", "second", "third"))
    source = "import os, sys; place = sys.argv[1]; print(open(place + '/which').read(), *sorted(os.listdir(place)))"

    _, output = await rooms.run(PYTHON, "-c", source, "/opt", layers=layers)
    assert output == "third first second third which\n"


async def test_a_missing_program_is_told_by_its_errno(rooms: House) -> None:
    async with rooms.sandbox("/var/task/bootstrap") as sandbox:
        exit_ = await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)

    assert exit_.exec_errno == errno.ENOENT or exit_.code not in {0, None}  # bubblewrap and setpriv speak by code


async def test_a_further_process_shares_the_sandbox(rooms: House) -> None:
    async with rooms.sandbox(PYTHON, "-c", SLEEP) as sandbox:
        await read_line(sandbox.output_fd)
        extension = await sandbox.start_process(
            "extension", (PYTHON, "-c", "print('from extension')"), {"PATH": "/bin"}
        )

        assert await read_line(sandbox.output_fd) == "from extension"
        assert await asyncio.wait_for(extension.wait(), SECONDS) == ProcessExit(0, None)


async def test_killing_ends_everything_and_may_be_repeated(rooms: House) -> None:
    source = "import os, time\nfor _ in range(3): os.fork()\nprint('up', flush=True); time.sleep(60)"
    async with rooms.sandbox(PYTHON, "-c", source) as sandbox:
        for _ in range(8):
            assert await read_line(sandbox.output_fd) == "up"
        await asyncio.wait_for(sandbox.kill(), SECONDS)
        await sandbox.kill()

        assert await asyncio.wait_for(read_all(sandbox.output_fd), SECONDS) == ""
        assert (await sandbox.runtime.wait()).code != 0


async def test_freezing_stops_and_thawing_goes_on(rooms: House) -> None:
    source = "import sys\nfor line in iter(int, 1): print('tick', flush=True); __import__('time').sleep(0.01)"
    async with rooms.sandbox(PYTHON, "-c", source) as sandbox:
        await read_line(sandbox.output_fd)
        if not sandbox.can_freeze:
            assert not sandbox.freeze()
            return
        assert sandbox.freeze()
        await asyncio.sleep(0.1)
        _empty(sandbox.output_fd)
        await asyncio.sleep(0.2)
        with pytest.raises(BlockingIOError):
            os.read(sandbox.output_fd, 1)
        sandbox.thaw()
        assert await read_line(sandbox.output_fd) == "tick"


def _empty(fd: int) -> None:
    try:
        while os.read(fd, 65536):
            continue
    except BlockingIOError:
        return


async def test_a_root_that_does_not_exist_is_the_platforms_fault(rooms: House) -> None:
    with pytest.raises(SandboxFailed):
        await rooms.run(PYTHON, "-c", "pass", root=rooms.place / "nowhere")


async def test_closing_the_driver_ends_its_sandboxes(rooms: House) -> None:
    sandbox = await rooms.driver.start(rooms.spec(PYTHON, "-c", SLEEP))
    try:
        await read_line(sandbox.output_fd)
        await rooms.driver.close()

        assert (await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)).code != 0
    finally:
        await sandbox.kill()
        os.close(sandbox.output_fd)


# --- what only the namespaces driver promises -------------------------------------------------------------------------


@pytest.fixture
async def cells() -> AsyncIterator[House]:
    if not is_root():
        pytest.skip("needs root")
    with state_directory() as place:
        async with house(await NamespaceDriver.open(place / "state", blanks=2), place) as opened:
            yield opened


async def test_a_missing_program_never_ran(cells: House) -> None:
    exit_, _ = await cells.run("/var/task/bootstrap")
    assert exit_ == ProcessExit(None, None, exec_errno=errno.ENOENT)

    (cells.code / "bootstrap").write_text("#!/bin/sh\n")
    exit_, _ = await cells.run("/var/task/bootstrap")
    assert exit_ == ProcessExit(None, None, exec_errno=errno.EACCES)


async def test_mount_points_that_the_root_lacks_are_added(cells: House, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("weights")
    tmp_path.chmod(0o755)
    binds = (*cells.spec().binds, Bind(tmp_path, "/mnt/models"), Bind(tmp_path / "model.bin", "/etc/model"))

    _, output = await cells.run("/bin/sh", "-c", "cat /mnt/models/model.bin /etc/model; cat /etc/passwd", binds=binds)
    assert output.startswith("weightsweightsroot:")
    assert not (cells.root / "mnt").exists()


async def test_a_writable_bind_can_be_written_and_is_kept(cells: House, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    binds = (*cells.spec().binds, Bind(tmp_path, "/mnt/shared", writable=True))

    exit_, _ = await cells.run("/bin/sh", "-c", "echo kept > /mnt/shared/file", binds=binds)
    assert exit_.code == 0
    assert (tmp_path / "file").read_text() == "kept\n"


async def test_host_name_and_standard_streams_are_lambdas(cells: House) -> None:
    _, output = await cells.run(
        "/bin/sh", "-c", "uname -n; echo a > /dev/stdout; echo b > /dev/stderr; wc -c < /dev/stdin"
    )

    assert output.split() == ["169.254.100.1", "a", "b", "0"]


async def test_the_peak_of_memory_is_told(cells: House) -> None:
    source = "x = b'x' * (100 << 20); del x; print('done', flush=True); __import__('time').sleep(60)"
    async with cells.sandbox(PYTHON, "-c", source) as sandbox:
        await read_line(sandbox.output_fd)
        assert 100 << 20 < sandbox.memory_peak_bytes() < 160 << 20


async def test_fifty_sandboxes_start_at_once_and_live_side_by_side(cells: House) -> None:
    specs = [cells.spec("/bin/sh", "-c", "echo up; exec sleep 60") for _ in range(50)]
    sandboxes = await asyncio.gather(*(cells.driver.start(spec) for spec in specs))
    try:
        assert [await read_line(sandbox.output_fd) for sandbox in sandboxes] == ["up"] * 50
        addresses = {sandbox.runtime_api.getsockname() for sandbox in sandboxes}
        assert addresses == {("127.0.0.1", 9001)}
    finally:
        await asyncio.gather(*(sandbox.kill() for sandbox in sandboxes))
        for sandbox in sandboxes:
            os.close(sandbox.output_fd)


async def test_a_cancelled_start_leaves_nothing(cells: House) -> None:
    cancelled = 0
    for delay in (0.0, 0.0002, 0.0005, 0.001, 0.0015, 0.002):
        starting = asyncio.ensure_future(cells.driver.start(cells.spec(PYTHON, "-c", SLEEP)))
        await asyncio.sleep(delay)
        cancelled += starting.cancel()
        await asyncio.wait([starting])
        if not starting.cancelled():  # it was faster than the cancellation
            await starting.result().kill()
            os.close(starting.result().output_fd)
    assert cancelled > 0
    await until(lambda: _sleepers("time.sleep(60)") == 0)
    _, output = await cells.run("/bin/sh", "-c", "echo fine")
    assert output == "fine\n"


def _sleepers(command: str) -> int:
    """How many processes of other users than root run the command."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                count += entry.stat().st_uid > 1_000_000_000 and command in (entry / "cmdline").read_text()
    return count


async def test_mounts_made_after_the_driver_was_opened_are_seen(cells: House) -> None:
    with socket.socket():  # any descriptor; the mount below is what matters
        place = cells.place / "mounted"
        place.mkdir()
        await _run("mount", "-t", "tmpfs", "none", str(place))
        try:
            (place / "file").write_text("on the new mount")
            binds = (*cells.spec().binds, Bind(place, "/mnt/new"))
            await asyncio.sleep(0.1)
            _, output = await cells.run("/bin/sh", "-c", "cat /mnt/new/file", binds=binds)
        finally:
            await _run("umount", "-l", str(place))

    assert output == "on the new mount"


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
