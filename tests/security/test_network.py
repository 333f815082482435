"""The network: a loopback of its own with one listener, the Runtime API; no way to the host or to a neighbour."""

import asyncio
import errno
import socket
import subprocess
import sys

import pytest

from tests.live_sandboxes import PYTHON, read_line
from tests.security.conftest import PROBES, Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


async def test_there_is_only_a_loopback(cell: Cell) -> None:
    assert await cell.probe("interfaces") == ["lo"]


async def test_a_listener_on_the_hosts_loopback_cannot_be_reached(cell: Cell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])

        assert cell.bare("connect", "127.0.0.1", port) == 0
        assert await cell.probe("connect", "127.0.0.1", port) == errno.ECONNREFUSED


async def test_only_the_runtime_api_listens_inside(cell: Cell) -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert await cell.probe("open_ports") == [9001]


@pytest.mark.parametrize("host", ["169.254.169.254", "169.254.100.1", "10.0.0.1", "192.168.0.1", "8.8.8.8"])
async def test_no_other_address_can_be_reached(cell: Cell, host: str) -> None:
    assert await cell.probe("connect", host, "80") == errno.ENETUNREACH
    assert await cell.probe("send_datagram", host) == errno.ENETUNREACH


async def test_a_neighbours_runtime_api_cannot_be_reached(cell: Cell) -> None:
    """Each address 127.0.0.1:9001 is the caller's own: the neighbour's listener never hears of it."""
    async with cell.sandbox(PYTHON, "-c", SLEEP) as neighbour:
        await read_line(neighbour.output_fd)
        source = f"import socket; held = socket.create_connection(('127.0.0.1', 9001)); {SLEEP}"
        async with cell.sandbox(PYTHON, "-c", source) as caller:
            assert await read_line(caller.output_fd) == "up"
            caller.runtime_api.accept()[0].close()
            with pytest.raises(BlockingIOError):
                neighbour.runtime_api.accept()


async def test_an_abstract_socket_of_the_host_cannot_be_reached(cell: Cell) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0lamplighter-canary")
        listener.listen()

        assert cell.bare("connect_abstract", "lamplighter-canary") == 0
        assert await cell.probe("connect_abstract", "lamplighter-canary") == errno.ECONNREFUSED


async def test_an_abstract_socket_of_a_neighbour_cannot_be_reached(cell: Cell) -> None:
    source = (
        "import socket, time\n"
        "listener = socket.socket(socket.AF_UNIX); listener.bind('\\0neighbour'); listener.listen()\n"
        "print('up', flush=True); time.sleep(60)"
    )
    async with cell.sandbox(PYTHON, "-c", source) as neighbour:
        assert await read_line(neighbour.output_fd) == "up"
        assert await cell.probe("connect_abstract", "neighbour") == errno.ECONNREFUSED


async def test_the_network_cannot_be_changed(cell: Cell) -> None:
    assert await cell.probe("add_address") == errno.EPERM


async def test_shared_memory_of_the_host_is_not_there(cell: Cell) -> None:
    source = (
        "import ctypes, subprocess, sys\n"
        "libc = ctypes.CDLL(None); segment = libc.shmget(271828, 4096, 0o1666)\n"
        "assert segment >= 0\n"
        "try:\n"
        "    print(subprocess.run([sys.executable, sys.argv[1], 'attach_shared_memory', '271828'],"
        " capture_output=True, text=True).stdout)\n"
        "finally:\n"
        "    libc.shmctl(segment, 0, None)\n"
    )
    command = [sys.executable, "-c", source, str(PROBES)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    assert await cell.probe("attach_shared_memory", "271828") == errno.ENOENT
