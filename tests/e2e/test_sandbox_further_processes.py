"""Processes beside the runtime: their own output, the runtime held back for them, and connections into the sandbox."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.process.driver import ProcessDriver
from lamplighter.sandboxes.sandbox import ProcessExit
from tests.live_sandboxes import PYTHON, House, house, is_root, read_line, state_directory

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

LISTEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
connection, _ = listener.accept()
connection.sendall(b"hello from inside")
connection.recv(1)
"""
SLEEP = ("/bin/sleep", "60")


@pytest.fixture(params=["namespaces", "process"])
async def rooms(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    with state_directory() as place:
        state = place / "state"
        driver = await (NamespaceDriver.open(state) if request.param == "namespaces" else ProcessDriver.open(state))
        async with house(driver, place) as made:
            yield made


async def test_the_server_can_connect_to_a_listener_inside(rooms: House) -> None:
    async with asyncio.timeout(30), rooms.sandbox(PYTHON, "-c", LISTEN, "18461") as sandbox:
        assert await read_line(sandbox.output_fd) == "listening"
        connection = await sandbox.connect(18461)
        reader, writer = await asyncio.open_connection(sock=connection)
        assert await reader.readexactly(17) == b"hello from inside"
        writer.close()
        await sandbox.runtime.wait()


async def test_a_port_that_nobody_listens_on_refuses(rooms: House) -> None:
    async with asyncio.timeout(30), rooms.sandbox(*SLEEP) as sandbox:
        with pytest.raises(ConnectionRefusedError):
            await sandbox.connect(18462)


async def test_a_process_may_have_an_output_of_its_own(rooms: House) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    async with asyncio.timeout(30), rooms.sandbox(*SLEEP) as sandbox:
        env = {"PATH": "/usr/bin:/bin"}
        apart = await sandbox.start_process("apart", ("/bin/echo", "apart"), env, write_end)
        together = await sandbox.start_process("together", ("/bin/echo", "together"), env)
        assert await read_line(read_end) == "apart"
        assert await read_line(sandbox.output_fd) == "together"
        assert (await apart.wait(), await together.wait()) == (ProcessExit(0, None), ProcessExit(0, None))
    os.close(write_end)
    assert os.read(read_end, 1) == b"", "nobody holds the other end any more"
    os.close(read_end)


async def test_a_held_runtime_runs_when_it_is_let_go(rooms: House, tmp_path: Path) -> None:
    async with asyncio.timeout(30), rooms.sandbox("/bin/echo", "runtime", is_held=True) as sandbox:
        first = await sandbox.start_process("first", ("/bin/echo", "first"), {"PATH": "/usr/bin:/bin"})
        await first.wait()
        assert await read_line(sandbox.output_fd) == "first"
        await sandbox.start_runtime()
        assert await read_line(sandbox.output_fd) == "runtime"
        assert await sandbox.runtime.wait() == ProcessExit(0, None)


async def test_connecting_to_a_sandbox_that_is_over_is_an_error(rooms: House) -> None:
    async with asyncio.timeout(30), rooms.sandbox(*SLEEP) as sandbox:
        await sandbox.kill()
        with pytest.raises(ConnectionError):
            await sandbox.connect(18463)
