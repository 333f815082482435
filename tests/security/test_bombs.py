"""Bombs: memory, processes, threads, descriptors, disk and CPU run into their limits, and nobody else notices."""

import asyncio
import errno
import os
import signal
import time

import pytest

from lamplighter.sandboxes.sandbox import ProcessExit
from tests.live_sandboxes import MIB, PYTHON, SECONDS, read_line, until
from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

EAT = "held = []\nwhile True: held.append(bytearray(b'x' * (8 << 20)))"


async def test_a_memory_bomb_dies_as_out_of_memory(cell: Cell) -> None:
    async with cell.sandbox(PYTHON, "-c", EAT, memory=128 * MIB) as sandbox:
        exit_ = await asyncio.wait_for(sandbox.runtime.wait(), SECONDS)

        assert exit_ == ProcessExit(None, signal.SIGKILL, is_out_of_memory=True)
        assert 100 * MIB < sandbox.memory_peak_bytes() <= 129 * MIB


async def test_600_mb_in_a_128_mb_function_die_as_out_of_memory(cell: Cell) -> None:
    exit_, _ = await cell.run(PYTHON, "-c", "x = b'x' * (600 << 20); print(len(x))", memory=128 * MIB)

    assert exit_.is_out_of_memory


async def test_the_same_memory_is_given_where_the_limit_allows_it(cell: Cell) -> None:
    exit_, output = await cell.run(PYTHON, "-c", "x = b'x' * (600 << 20); print(len(x))", memory=1024 * MIB)

    assert (exit_, output) == (ProcessExit(0, None), f"{600 << 20}\n")


async def test_a_kill_by_someone_else_is_not_out_of_memory(cell: Cell) -> None:
    exit_, _ = await cell.run(PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    assert exit_ == ProcessExit(None, signal.SIGKILL, is_out_of_memory=False)


async def test_a_fork_bomb_is_contained_and_can_be_ended(cell: Cell) -> None:
    source = (
        "import os, time\n"
        "count = 0\n"
        "while True:\n"
        "    try:\n"
        "        if os.fork() == 0: time.sleep(600)\n"
        "        count += 1\n"
        "    except OSError as error:\n"
        "        print(count, error.errno, flush=True); time.sleep(600)\n"
    )
    async with cell.sandbox(PYTHON, "-c", source, processes=64) as sandbox:
        count, number = (int(word) for word in (await read_line(sandbox.output_fd)).split())

        assert (count, number) == (63, errno.EAGAIN)
        assert (await cell.run(PYTHON, "-c", "print('fine')"))[1] == "fine\n"
        started = time.monotonic()
        await asyncio.wait_for(sandbox.kill(), SECONDS)
        assert time.monotonic() - started < 5


async def test_a_running_fork_bomb_dies_at_once_when_killed(cell: Cell) -> None:
    bomb = "import os\nprint('up', flush=True)\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
    async with cell.sandbox(PYTHON, "-c", bomb, processes=128) as sandbox:
        await read_line(sandbox.output_fd)
        await asyncio.wait_for(sandbox.kill(), SECONDS)

        assert (await sandbox.runtime.wait()).signal == signal.SIGKILL


async def test_threads_count_as_processes(cell: Cell) -> None:
    source = (
        "import json, threading\n"
        "stop, count = threading.Event(), 0\n"
        "try:\n"
        "    while True:\n"
        "        threading.Thread(target=stop.wait, daemon=True).start(); count += 1\n"
        "except RuntimeError:\n"
        "    print(json.dumps(count), flush=True)\n"
        "stop.set()"
    )
    assert await cell.python(source, processes=64) == 63
    assert await cell.python(source, processes=128) == 127


async def test_descriptors_end_at_1024(cell: Cell) -> None:
    source = (
        "import json, os\n"
        "count = 0\n"
        "try:\n"
        "    while True: os.dup(0); count += 1\n"
        "except OSError as error: print(json.dumps([count, error.errno]))\n"
    )
    assert await cell.python(source) == [1021, errno.EMFILE]
    assert await cell.python(source, open_files=200) == [197, errno.EMFILE]


async def test_a_limit_cannot_be_raised_again(cell: Cell) -> None:
    source = (
        "import json, resource\n"
        "refused = 0\n"
        "for name in ('NOFILE', 'NPROC', 'CORE', 'MEMLOCK'):\n"
        "    try: resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (1 << 20, 1 << 20))\n"
        "    except ValueError: refused += 1\n"
        "print(json.dumps(refused))"
    )
    assert await cell.python(source) == 4


FILL = (
    "import json\n"
    "written = 0\n"
    "try:\n"
    "    with open('/tmp/fill', 'wb', buffering=0) as file:\n"
    "        while True: written += file.write(b'x' * (1 << 20))\n"
    "except OSError as error: print(json.dumps([written >> 20, error.errno]))\n"
)


async def test_tmp_holds_every_byte_of_its_size_and_no_more(cell: Cell) -> None:
    mebibytes, number = await cell.python(FILL, memory=128 * MIB)

    assert number == errno.ENOSPC
    assert 512 <= mebibytes <= 524


async def test_tmp_can_be_larger(cell: Cell) -> None:
    source = "import json, os; room = os.statvfs('/tmp'); print(json.dumps(room.f_bavail * room.f_frsize >> 20))"

    assert 2048 <= await cell.python(source, tmp_bytes=2048 * MIB) <= 2100


async def test_files_in_tmp_do_not_count_as_memory(cell: Cell) -> None:
    source = (
        "import json, os\n"
        "with open('/tmp/file', 'wb') as file:\n"
        "    for _ in range(300): file.write(b'x' * (1 << 20))\n"
        "print(json.dumps(os.path.getsize('/tmp/file') >> 20))"
    )
    assert await cell.python(source, memory=128 * MIB) == 300


async def test_nodes_of_tmp_end_too(cell: Cell) -> None:
    source = (
        "import json\n"
        "count = 0\n"
        "try:\n"
        "    while True: open(f'/tmp/{count}', 'w').close(); count += 1\n"
        "except OSError as error: print(json.dumps([count, error.errno]))\n"
    )
    count, number = await cell.python(source)

    assert number == errno.ENOSPC
    assert 30_000 < count < 40_000


async def test_the_quota_holds_from_when_it_is_applied(cell: Cell) -> None:
    source = (
        "import sys, time\n"
        "def share():\n"
        "    wall, cpu = time.monotonic(), time.process_time()\n"
        "    while time.monotonic() - wall < 0.8: pass\n"
        "    return (time.process_time() - cpu) / (time.monotonic() - wall)\n"
        "print('up', flush=True)\n"
        "for _ in range(4): print(share(), flush=True)\n"
    )
    async with cell.sandbox(PYTHON, "-c", source, cpu_fraction=128 / 1769) as sandbox:
        await read_line(sandbox.output_fd)
        before = float(await read_line(sandbox.output_fd))
        sandbox.limit_cpu()
        await read_line(sandbox.output_fd)
        after = float(await read_line(sandbox.output_fd))

    assert before > 2 * after
    assert after < 0.13


async def test_a_flood_of_output_that_nobody_reads_stops_only_the_flooder(cell: Cell) -> None:
    flood = "import sys\nprint('up', flush=True)\nwhile True: sys.stdout.write('x' * 65536)"
    async with cell.sandbox(PYTHON, "-c", flood) as sandbox:
        await read_line(sandbox.output_fd)
        assert (await cell.run(PYTHON, "-c", "print('fine')"))[1] == "fine\n"
        await asyncio.wait_for(sandbox.kill(), SECONDS)


async def test_a_frozen_sandbox_does_nothing_and_can_be_killed(cell: Cell) -> None:
    source = "import time\nwhile True: print(time.monotonic(), flush=True); time.sleep(0.002)"
    async with cell.sandbox(PYTHON, "-c", source) as sandbox:
        await read_line(sandbox.output_fd)
        sandbox.freeze()
        await _drain(sandbox.output_fd)
        assert await _is_silent(sandbox.output_fd)
        sandbox.thaw()
        assert float(await read_line(sandbox.output_fd)) > 0
        sandbox.freeze()
        await asyncio.wait_for(sandbox.kill(), SECONDS)


async def _drain(fd: int) -> None:
    """Read until nothing has come for a while."""

    def is_empty() -> bool:
        try:
            os.read(fd, 65536)
        except BlockingIOError:
            return True
        return False

    for _ in range(5):
        await until(is_empty)
        await asyncio.sleep(0.01)


async def _is_silent(fd: int) -> bool:
    await asyncio.sleep(0.1)  # fifty times what the process would need to speak
    try:
        return not os.read(fd, 1)
    except BlockingIOError:
        return True
