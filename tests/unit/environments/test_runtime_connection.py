"""The short way for a runtime's usual calls gives the same answers as the general way, however the bytes arrive."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamplighter.environments.event import InvokeEvent
from lamplighter.environments.machine import State, Trigger, after
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.environments.runtime_api.listener import RuntimeApiListener
from lamplighter.environments.runtime_api.next import send_event
from lamplighter.kernel.clock import SystemClock
from lamplighter.wire.http_request_stream import RequestStream

POLL = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nUser-Agent: client\r\n\r\n"


def request_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def response(number: int, body: bytes, verb: str = "response", headers: bytes = b"") -> bytes:
    return (
        b"POST /2018-06-01/runtime/invocation/%b/%b HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n"
        b"Content-Type: application/json\r\n%bContent-Length: %d\r\nAccept: */*\r\n\r\n%b"
        % (request_id(number).encode(), verb.encode(), headers, len(body), body)
    )


@dataclass
class Peer:
    """An environment that hands out an event for every poll and keeps what comes back."""

    state: State = State.INIT
    request_id: str = ""
    response_limit: int = 1000
    polls: int = 0
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    kept: Answering | None = None
    is_answering: bool = True
    unread: int = 0

    def runtime_polled(self, exchange: Answering) -> None:
        self.state = after(self.state, Trigger.NEXT)
        if self.state is not State.INVOKING:
            self.polls += 1
            self.kept = exchange
            if self.is_answering:
                self.answer()

    def answer(self) -> None:
        assert self.kept is not None
        exchange, self.kept = self.kept, None
        self.state = after(self.state, Trigger.INVOKE)
        self.request_id = request_id(self.polls)
        send_event(exchange, InvokeEvent(self.request_id, b'{"n":%d}' % self.polls, "arn", "", 3), 1)

    def event_was_not_read(self) -> None:
        self.unread += 1

    def runtime_responded(self, payload: bytes, content_type: str) -> None:
        self.state = after(self.state, Trigger.RESPONSE)
        self.answers.append((content_type, payload))

    def runtime_reported_error(self, payload: bytes, content_type: str, error_type: str) -> None:
        self.state = after(self.state, Trigger.ERROR)
        self.answers.append((error_type, payload))

    def runtime_streams(self, body: RequestStream, content_type: str, exchange: Answering) -> None:
        raise AssertionError("no response here is streamed")

    def runtime_responded_too_much(self) -> None:
        self.state = after(self.state, Trigger.ERROR)
        self.answers.append(("too much", b""))

    def runtime_failed_init(self, payload: bytes, error_type: str) -> None:
        raise AssertionError("no init error was sent")

    def runtime_awaits_restore(self) -> bool:
        raise AssertionError("nothing here is restored")

    def runtime_failed_restore(self, payload: bytes, error_type: str) -> None:
        raise AssertionError("nothing here is restored")


class Client:
    """A runtime that sends what it is told, piece by piece, and reads whole answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.buffer = b""

    async def send(self, *pieces: bytes) -> None:
        """Each piece in a segment of its own; the server gets a turn in between."""
        for piece in pieces:
            await asyncio.get_running_loop().sock_sendall(self.socket, piece)
            await asyncio.sleep(0.002)

    async def read(self) -> tuple[int, bytes]:
        async with asyncio.timeout(5):
            while b"\r\n\r\n" not in self.buffer:
                self.buffer += await self._more()
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            while len(self.buffer) < length:
                self.buffer += await self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(head.split()[1]), body

    async def _more(self) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


@asynccontextmanager
async def served(peer: Peer) -> AsyncIterator[Client]:
    listener = RuntimeApiListener(peer, SystemClock())
    port = await listener.listen("127.0.0.1", 0)
    client = Client(port)
    try:
        yield client
    finally:
        client.socket.close()
        await listener.close()


async def test_hundreds_of_invokes_on_one_connection() -> None:
    peer = Peer()
    async with served(peer) as client:
        for number in range(1, 201):
            await asyncio.get_running_loop().sock_sendall(client.socket, POLL)
            assert await client.read() == (200, b'{"n":%d}' % number)
            body = b"x" * (number * 7 % 1000)
            await asyncio.get_running_loop().sock_sendall(client.socket, response(number, body))
            assert await client.read() == (202, b'{"status":"OK"}\n')
    assert [payload for _, payload in peer.answers] == [b"x" * (number * 7 % 1000) for number in range(1, 201)]
    assert {content_type for content_type, _ in peer.answers} == {"application/json"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(st.binary(max_size=300), min_size=3, max_size=5),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
)
async def test_answers_do_not_depend_on_how_the_bytes_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    """Everything is sent at once or in pieces, polls behind responses included (a pipelining client)."""
    stream = b"".join(POLL + response(number, body) for number, body in enumerate(bodies, 1))
    places = sorted({cut % len(stream) for cut in cuts} - {0})
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    peer = Peer()
    async with served(peer) as client:
        await client.send(*pieces)
        for number in range(1, len(bodies) + 1):
            assert await client.read() == (200, b'{"n":%d}' % number)
            assert await client.read() == (202, b'{"status":"OK"}\n')
    assert [payload for _, payload in peer.answers] == bodies


async def warmed(client: Client, peer: Peer, invokes: int = 3) -> int:
    """Make the connection know this client's calls; returns the number of the invoke now in progress."""
    for number in range(1, invokes + 1):
        await client.send(POLL)
        await client.read()
        await client.send(response(number, b"1"))
        await client.read()
    await client.send(POLL)
    await client.read()
    return invokes + 1


@pytest.mark.parametrize(
    ("call", "status", "error_type"),
    [
        (lambda number: response(number + 1, b"1"), 400, "InvalidRequestID"),
        (lambda number: response(number, b"1" * 1001), 413, "RequestEntityTooLarge"),
        (
            lambda number: response(number, b"1", headers=b"Lambda-Runtime-Function-Response-Mode: sideways\r\n"),
            400,
            "InvalidFunctionResponseMode",
        ),
    ],
)
async def test_what_is_refused_at_first_is_refused_on_a_warm_connection_too(
    call: Callable[[int], bytes], status: int, error_type: str
) -> None:
    for invokes in (0, 3):
        peer = Peer()
        async with served(peer) as client:
            number = await warmed(client, peer, invokes)
            await client.send(call(number))
            got, body = await client.read()
            assert (got, json.loads(body)["errorType"]) == (status, error_type)


async def test_a_second_answer_is_refused_on_a_warm_connection() -> None:
    peer = Peer()
    async with served(peer) as client:
        number = await warmed(client, peer)
        await client.send(response(number, b"1"))
        assert (await client.read())[0] == 202
        await client.send(response(number, b"2"))
        status, body = await client.read()
        assert (status, json.loads(body)["errorType"]) == (403, "InvalidStateTransition")


async def test_an_error_on_a_warm_connection_is_an_error() -> None:
    peer = Peer()
    async with served(peer) as client:
        number = await warmed(client, peer)
        error = response(number, b"{}", "error", b"Lambda-Runtime-Function-Error-Type: Function.Oops\r\n")
        await client.send(error)
        assert (await client.read())[0] == 202
    assert peer.answers[-1] == ("Function.Oops", b"{}")


@pytest.mark.parametrize("length", [b"-1", b"1 ", b"0x1", b"99999999999999999999", b""])
async def test_a_crooked_length_is_never_taken_the_short_way(length: bytes) -> None:
    peer = Peer()
    async with served(peer) as client:
        number = await warmed(client, peer)
        await client.send(
            response(number, b"1").replace(b"Content-Length: 1\r\n", b"Content-Length: " + length + b"\r\n")
        )
        if length != b"1 ":  # trailing blanks are allowed around a value
            status, _ = await client.read()
            assert status in (400, 413)


async def test_a_poll_again_hands_out_the_same_event() -> None:
    peer = Peer()
    async with served(peer) as client:
        await warmed(client, peer)
        second = Client(client.socket.getpeername()[1])
        peer.is_answering = True
        await second.send(POLL)
        second.socket.close()
    assert peer.state is State.INVOKING


async def test_a_runtime_that_hangs_up_its_poll_is_gone() -> None:
    peer = Peer()
    async with served(peer) as client:
        number = await warmed(client, peer)
        peer.is_answering = False
        await client.send(response(number, b"1"))
        await client.read()
        await client.send(POLL)
        assert peer.kept is not None
        assert not peer.kept.is_gone
        client.socket.close()
        async with asyncio.timeout(5):
            while not peer.kept.is_gone:  # noqa: ASYNC110  # the transport tells nobody
                await asyncio.sleep(0.001)
        assert not peer.kept.send(200, (), b"too late")


@pytest.mark.parametrize("rounds", [0, 3], ids=["general way", "short way"])
async def test_an_event_that_the_runtime_did_not_read_before_it_closed_is_told(rounds: int) -> None:
    peer = Peer()
    async with served(peer) as client:
        if rounds:
            number = await warmed(client, peer)
            await client.send(response(number, b"1"))
            await client.read()
        await client.send(POLL)
        await asyncio.get_running_loop().sock_recv(client.socket, 1)  # the rest stays unread
        client.socket.close()
        async with asyncio.timeout(5):
            while not peer.unread:  # noqa: ASYNC110  # the transport tells nobody
                await asyncio.sleep(0.001)


async def test_a_runtime_that_closes_after_it_has_read_its_event_is_not_mistaken() -> None:
    peer = Peer()
    async with served(peer) as client:
        await client.send(POLL)
        await client.read()
        client.socket.close()
        await asyncio.sleep(0.05)
    assert peer.unread == 0


async def test_the_kernel_knows_at_once_that_a_poll_was_hung_up() -> None:
    peer = Peer(is_answering=False)
    async with served(peer) as client:
        await client.send(POLL)
        async with asyncio.timeout(30):
            while peer.kept is None:  # noqa: ASYNC110  # the peer tells nobody
                await asyncio.sleep(0.001)
        assert not peer.kept.is_closed_by_peer()
        client.socket.close()
        assert peer.kept.is_closed_by_peer()  # the loop had no turn to notice it


async def test_bytes_held_behind_a_poll_are_bounded() -> None:
    peer = Peer()
    async with served(peer) as client:
        number = await warmed(client, peer)
        peer.is_answering = False
        await client.send(response(number, b"1"))
        await client.read()
        with pytest.raises(ConnectionError):
            await client.send(POLL, *[b"x" * 65536] * 400)
