"""What the kernel counts for the whole host or for a user: one sandbox must not use it up for all others."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import asyncio
from pathlib import Path

import pytest

from tests.live_sandboxes import MIB, PYTHON, read_line
from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

PENDING = (
    "import ctypes, os, signal, time\n"
    "libc = ctypes.CDLL(None)\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {40})\n"
    "for _ in range(500): libc.sigqueue(os.getpid(), 40, None)\n"
    "print('up', flush=True); time.sleep(60)"
)
# Fills the buffers of connections that nobody reads; up to half a gigabyte.
FILL_BUFFERS = (
    "import json, socket\n"
    "held, total = [], 0\n"
    "listener = socket.create_server(('127.0.0.1', 0), backlog=128)\n"
    "for _ in range(64):\n"
    "    client = socket.create_connection(listener.getsockname())\n"
    "    server, _ = listener.accept()\n"
    "    client.setblocking(False)\n"
    "    held += [client, server]\n"
    "    try:\n"
    "        while True: total += client.send(b'x' * 65536)\n"
    "    except BlockingIOError: pass\n"
    "print(json.dumps(total >> 20))"
)


def _signals_of_root() -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("SigQ:"))
    return int(line.split()[1].partition("/")[0])


async def _charged_to_root(cell: Cell, without: str) -> int:
    with cell.weakened(await cell.driver_without(without)):
        before = _signals_of_root()
        async with cell.sandbox(PYTHON, "-c", PENDING) as sandbox:
            assert await read_line(sandbox.output_fd) == "up"
            return _signals_of_root() - before


async def test_what_is_counted_per_user_is_not_charged_to_root(cell: Cell) -> None:
    """Pending signals stand for inotify instances and message queues, counted the same way but costly to use up."""
    assert await _charged_to_root(cell, "") < 250
    assert await _charged_to_root(cell, "owner") >= 400


async def test_a_function_that_uses_up_its_inotify_instances_leaves_its_neighbour_all_of_them(cell: Cell) -> None:
    take = (
        "import ctypes, time\nlibc = ctypes.CDLL(None)\ncount = 0\n"
        "while count < 500 and libc.inotify_init() >= 0: count += 1\n"
        "print(count, flush=True); time.sleep(60)"
    )
    async with cell.sandbox(PYTHON, "-c", take) as one, cell.sandbox(PYTHON, "-c", take) as two:
        counts = await asyncio.gather(read_line(one.output_fd), read_line(two.output_fd))

    assert counts[0] == counts[1]
    assert int(counts[0]) > 0


async def test_buffers_of_connections_are_bounded_by_the_functions_memory(cell: Cell) -> None:
    """Half a gigabyte of them in a function of 128 MB is what happened without a limit."""
    exit_, output = await cell.run(PYTHON, "-c", FILL_BUFFERS, memory=128 * MIB)
    much = await cell.python(FILL_BUFFERS, memory=2048 * MIB)
    assert exit_.is_out_of_memory or int(output) * 2 < much


async def test_asynchronous_contexts_of_the_host_stay(cell: Cell) -> None:
    before = int(Path("/proc/sys/fs/aio-nr").read_text())
    hold = (
        "import ctypes, time\nlibc = ctypes.CDLL(None)\ncontext = ctypes.c_ulong(0)\n"
        "print(libc.syscall(206, 20000, ctypes.byref(context)), flush=True); time.sleep(60)"
    )
    async with cell.sandbox(PYTHON, "-c", hold) as sandbox:
        assert await read_line(sandbox.output_fd) == "-1"
    with cell.weakened(await cell.driver_without("filter")):
        async with cell.sandbox(PYTHON, "-c", hold) as sandbox:
            assert await read_line(sandbox.output_fd) == "0"
            assert int(Path("/proc/sys/fs/aio-nr").read_text()) >= before + 20000
