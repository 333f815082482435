"""A runtime that means harm: what it sends to its Runtime API is bounded, and it disturbs nobody but itself."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lamplighter.environments.faults import reported_type
from lamplighter.environments.output import OutputReader
from lamplighter.environments.runtime_api.listener import RuntimeApiListener
from lamplighter.kernel.clock import SystemClock
from tests.unit.environments.test_runtime_connection import POLL, Client, Peer, response

MIB = 1024 * 1024
CONNECTIONS = 64


class Begun(Client):
    """A connection on which something was begun."""

    async def is_closed(self, seconds: float = 30.0) -> bool:
        """Whether the server closes it in time, whatever it says before."""
        try:
            async with asyncio.timeout(seconds):
                while await asyncio.get_running_loop().sock_recv(self.socket, 65536):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def listening(peer: Peer) -> AsyncIterator[tuple[RuntimeApiListener, int]]:
    listener = RuntimeApiListener(peer, SystemClock())
    port = await listener.listen("127.0.0.1", 0)
    try:
        yield listener, port
    finally:
        await listener.close()


async def _begin(port: int, data: bytes) -> Begun | None:
    client = Begun(port)
    try:
        await asyncio.get_running_loop().sock_sendall(client.socket, data)
    except ConnectionError:
        client.socket.close()
        return None
    return client


async def test_unfinished_requests_on_all_connections_hold_no_more_than_two_responses() -> None:
    """64 bodies of 6 MB would be 384 MB of the server's memory, in none of the function's."""
    peer = Peer(response_limit=6 * MIB)
    begun = response(1, b"x" * (6 * MIB))[:-1]
    async with listening(peer) as (listener, port):
        clients = [await _begin(port, begun) for _ in range(12)]
        open_clients = [client for client in clients if client is not None]
        states = await asyncio.gather(*(client.is_closed(1.0) for client in open_clients))
        assert states.count(False) <= 2
        for client in open_clients:
            client.socket.close()
        await _until(lambda: listener.connections == 0)

        late = Client(port)  # what they held is free again
        await late.send(POLL)
        assert (await late.read())[0] == 200
        late.socket.close()


@pytest.mark.parametrize("part", [b"GET /" + b"a" * MIB, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * MIB])
async def test_heads_that_never_end_are_bounded_together(part: bytes) -> None:
    peer = Peer(response_limit=MIB)
    async with listening(peer) as (_, port):
        clients = [client for _ in range(24) if (client := await _begin(port, part)) is not None]
        states = await asyncio.gather(*(client.is_closed(1.0) for client in clients))
        assert states.count(False) <= 6
        for client in clients:
            client.socket.close()


async def test_the_next_connection_after_the_last_is_closed_at_once() -> None:
    async with listening(Peer()) as (listener, port):
        clients = [Begun(port) for _ in range(CONNECTIONS)]
        await _until(lambda: listener.connections == CONNECTIONS)
        extra = [Begun(port) for _ in range(300)]
        assert all(await asyncio.gather(*(client.is_closed() for client in extra)))
        assert listener.connections == CONNECTIONS
        clients[0].socket.close()
        await _until(lambda: listener.connections == CONNECTIONS - 1)
        client = Client(port)
        await client.send(POLL)
        assert (await client.read())[0] == 200
        for other in (*clients, *extra, client):
            other.socket.close()


POST = b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: x\r\n"
MALFORMED = {
    "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "huge length": POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "many headers": POST + b"A: b\r\n" * 50_000 + b"\r\n",
    "header of 3 MiB": POST + b"A: " + b"b" * (3 * MIB) + b"\r\n\r\n",
    "bad chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_malformed_is_refused_and_the_listener_serves_on(name: str) -> None:
    async with listening(Peer()) as (_, port):
        client = await _begin(port, MALFORMED[name])
        if client is not None:
            answer = await _first_line(client)
            assert answer == b"" or answer.split()[1].startswith(b"4"), answer
            client.socket.close()
        good = Client(port)
        await good.send(POLL)
        assert (await good.read())[0] == 200
        good.socket.close()


async def _first_line(client: Client) -> bytes:
    try:
        async with asyncio.timeout(30):
            data = await asyncio.get_running_loop().sock_recv(client.socket, 65536)
    except ConnectionError:
        return b""
    return data.split(b"\r\n")[0]


def test_an_error_type_is_short_or_unknown() -> None:
    assert reported_type("Function.Broken") == "Function.Broken"
    assert reported_type("Function.A" + "b" * 100_000) == "Function.Unknown"
    assert reported_type("Runtime.A" + "b" * 100_000) == "Runtime.Unknown"


async def test_a_flood_of_empty_lines_leaves_the_loop_to_others() -> None:
    """The flooder waits in its pipe; nobody else waits for it."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    lines: list[str] = []
    reader = OutputReader(read_end, lines.append)
    most = 0
    flood = b"\n" * 65_536
    for _ in range(400):
        with contextlib.suppress(BlockingIOError):
            os.write(write_end, flood)
        before = len(lines)
        await asyncio.sleep(0)
        reader.drain()
        most = max(most, len(lines) - before)
    assert most <= 2 * 4096
    os.close(write_end)
    written = len(lines)
    await _until(lambda: not _is_open(read_end))
    assert len(lines) >= written
    assert set(lines) == {"\n"}


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


async def _until(holds: object) -> None:
    assert callable(holds)
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # a state of the server's, without an event
            await asyncio.sleep(0.005)
