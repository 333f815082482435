"""The HTTP client against real listeners: kept connections, stale ones, broken answers, times and bounds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lamplighter.wire.http_client import CallFailed, ClientLimits, HttpClient, Origin
from lamplighter.wire.http_message import HttpRequest, HttpResponse
from lamplighter.wire.http_server import AsyncHandler, HttpServer

HOST = ("Host", "test")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def raw_listener(serve: Serve) -> AsyncIterator[Origin]:
    """A listener that does what `serve` does with each connection, and closes it then."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()

    listener = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield Origin("127.0.0.1", listener.sockets[0].getsockname()[1], is_tls=False)
    finally:
        listener.close()


def saying(answer: bytes) -> Serve:
    """Read one request's head, then say this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    return serve


async def get(client: HttpClient, origin: Origin, method: str = "GET") -> HttpResponse:
    return await client.call(origin, method, "/", [HOST])


async def test_requests_and_answers_are_whole_and_share_a_connection() -> None:
    async def handle(request: HttpRequest) -> HttpResponse:
        return HttpResponse(201, (("X-Path", request.path), ("X-Query", request.query)), request.body * 2)

    server = HttpServer(AsyncHandler(handle))
    origin = Origin("127.0.0.1", await server.listen("127.0.0.1", 0), is_tls=False)
    client = HttpClient()
    for number in range(3):
        body = bytes([number]) * 100_000
        answer = await client.call(origin, "POST", f"/a%20b?n={number}", [HOST], body)
        assert (answer.status, answer.body) == (201, body * 2)
        headers = dict(answer.headers)
        assert (headers["x-path"], headers["x-query"]) == ("/a%20b", f"n={number}")
    assert server.connections == 1
    head = await get(client, origin, "HEAD")
    assert head.body == b""
    client.close()
    await server.close()


async def test_calls_at_once_use_connections_up_to_the_limit() -> None:
    most, now = 0, 0

    async def handle(request: HttpRequest) -> HttpResponse:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return HttpResponse(200)

    server = HttpServer(AsyncHandler(handle))
    origin = Origin("127.0.0.1", await server.listen("127.0.0.1", 0), is_tls=False)
    client = HttpClient(ClientLimits(connections=4))
    answers = await asyncio.gather(*(get(client, origin) for _ in range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert (most, server.connections) == (4, 4)
    client.close()
    await server.close()


async def test_a_kept_connection_that_the_server_closed_is_replaced_unseen() -> None:
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")  # promises to stay, and goes

    async with raw_listener(once) as origin:
        client = HttpClient()
        for _ in range(3):
            assert (await get(client, origin)).body == b"x"
        assert connections == 3
        client.close()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_bodies_of_every_framing_are_read(answer: bytes, body: bytes) -> None:
    async with raw_listener(saying(answer)) as origin:
        client = HttpClient()
        assert (await get(client, origin)).body == body
        client.close()


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nA: "],
)
async def test_an_answer_that_does_not_come_whole_is_a_failure(answer: bytes) -> None:
    async with raw_listener(saying(answer)) as origin:
        client = HttpClient()
        with pytest.raises(CallFailed):
            await get(client, origin)
        client.close()


async def test_silence_a_flood_and_a_closed_port_are_failures() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    client = HttpClient(ClientLimits(total_seconds=0.05, body_bytes=10))
    async with raw_listener(silent) as origin:
        with pytest.raises(CallFailed, match="in time"):
            await get(client, origin)
    async with raw_listener(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11)) as flooding:
        with pytest.raises(CallFailed, match="larger than 10"):
            await get(client, flooding)
    with pytest.raises(CallFailed):
        await get(client, flooding)
    client.close()


async def test_a_header_cannot_smuggle_another() -> None:
    with pytest.raises(ValueError, match="line break"):
        await HttpClient().call(Origin("127.0.0.1", 1, is_tls=False), "GET", "/", [("A", "b\r\nC: d")])


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("http://127.0.0.1:4566", Origin("127.0.0.1", 4566, is_tls=False), "127.0.0.1:4566"),
        ("https://sqs.us-east-1.amazonaws.com/", Origin("sqs.us-east-1.amazonaws.com", 443, is_tls=True), None),
        ("http://[::1]", Origin("::1", 80, is_tls=False), "[::1]"),
    ],
)
def test_an_origin_is_read_from_a_url(url: str, origin: Origin, host: str | None) -> None:
    assert Origin.of(url) == origin
    assert origin.host_header == (host or origin.host)


@pytest.mark.parametrize("url", ["ftp://host", "localhost:80", "http://"])
def test_what_is_no_url_of_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL"):
        Origin.of(url)
