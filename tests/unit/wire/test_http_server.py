"""The HTTP/1.1 listener against real sockets: order, limits, malformed input, hang-ups, back-pressure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from lamplighter.wire.http_message import HttpLimits, HttpRequest
from lamplighter.wire.http_server import AsyncHandler, ClientGone, Exchange, Handler, HttpResponse, HttpServer

LIMITS = HttpLimits(body_bytes=1000, unasked_bytes=100, header_bytes=8192, header_count=50, connections=20)


def echo(request: HttpRequest, exchange: Exchange) -> None:
    text = f"{request.method} {request.path} ?{request.query} {len(request.body)}"
    exchange.send(200, (("X-Seen", request.headers.get("x-seen", "")),), text.encode())


@contextlib.asynccontextmanager
async def serving(handler: Handler, limits: HttpLimits = LIMITS) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(handler, limits=limits)
    port = await server.listen("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.close()


async def talk(port: int, data: bytes, *, until: Callable[[bytes], bool] | None = None) -> bytes:
    """Send `data` and read until the server closes, or until `until` is content."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    received = b""
    try:
        async with asyncio.timeout(10):
            while part := await reader.read(65536):
                received += part
                if until is not None and until(received):
                    break
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return received


def closing(request_line: str, *headers: str, body: bytes = b"") -> bytes:
    return ("\r\n".join([request_line, "Host: h", "Connection: close", *headers]) + "\r\n\r\n").encode() + body


async def test_a_request_is_answered_with_its_parts() -> None:
    async with serving(echo) as (_, port):
        answer = await talk(port, closing("POST /a%2Fb?x=1&y HTTP/1.1", "X-Seen: me", "Content-Length: 3", body=b"abc"))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"X-Seen: me\r\n" in answer
    assert answer.endswith(b"POST /a%2Fb ?x=1&y 3")


async def test_a_request_in_single_bytes_is_the_same_request() -> None:
    async with serving(echo) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in closing("POST /slow HTTP/1.1", "Content-Length: 2", body=b"hi"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        answer = await reader.read(-1)
        writer.close()

    assert answer.endswith(b"POST /slow ? 2")


async def test_chunked_bodies_are_joined() -> None:
    async with serving(echo) as (_, port):
        answer = await talk(
            port, closing("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        )

    assert answer.endswith(b"POST / ? 5")


async def test_pipelined_requests_are_answered_in_order_even_when_later_ones_are_ready_first() -> None:
    parked: list[Exchange] = []

    def handler(request: HttpRequest, exchange: Exchange) -> None:
        if request.path == "/park":
            parked.append(exchange)
            asyncio.get_running_loop().call_later(0.02, exchange.send, 200, (), b"<parked>")
        else:
            exchange.send(200, (), f"<{request.path}>".encode())

    data = b"".join(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for path in ("/1", "/park", "/3", "/4"))
    async with serving(handler) as (_, port):
        answer = await talk(port, data + closing("GET /5 HTTP/1.1"))

    bodies = [part.split(b"\r\n\r\n")[1] for part in answer.split(b"HTTP/1.1 200 OK") if part]
    assert bodies == [b"</1>", b"<parked>", b"</3>", b"</4>", b"</5>"]


async def test_a_pipeline_of_thousands_neither_recurses_nor_loses_one() -> None:
    count = 5000
    data = b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n" * count + closing("GET /last HTTP/1.1")
    async with serving(echo) as (_, port):
        answer = await talk(port, data)

    assert answer.count(b"HTTP/1.1 200 OK") == count + 1


async def test_keep_alive_serves_several_requests_and_http_1_0_closes() -> None:
    async with serving(echo) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _turn in range(3):
            writer.write(b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(len(b"GET /k ? 0"))
        writer.write(b"GET /k HTTP/1.0\r\n\r\n")
        assert (await reader.read(-1)).endswith(b"GET /k ? 0")
        writer.close()


MALFORMED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "content-length with transfer-encoding": closing(
        "POST / HTTP/1.1", "Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "negative content-length": closing("POST / HTTP/1.1", "Content-Length: -1"),
    "two content-lengths": closing("POST / HTTP/1.1", "Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "content-length in words": closing("POST / HTTP/1.1", "Content-Length: three"),
    "content-length beyond 64 bits": closing("POST / HTTP/1.1", "Content-Length: 99999999999999999999999"),
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "bad header name": closing("GET / HTTP/1.1", "Bad Header: 1"),
    "bad chunk size": closing("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\n"),
    "bad method": closing("BREW / HTTP/1.1"),
    "no path": closing("GET nothing HTTP/1.1"),
    "null in header": closing("GET / HTTP/1.1", "X: a\x00b"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_requests_get_400_and_the_connection_ends(name: str) -> None:
    async with serving(echo) as (_, port):
        answer = await talk(port, MALFORMED[name])

    assert answer.startswith(b"HTTP/1.1 400 "), answer


async def test_a_header_flood_gets_431() -> None:
    big = closing("GET / HTTP/1.1", "X-Big: " + "a" * 1_000_000)
    many = closing("GET / HTTP/1.1", *[f"X-{number}: 1" for number in range(10_000)])
    async with serving(echo) as (_, port):
        assert (await talk(port, big)).startswith(b"HTTP/1.1 431 ")
        assert (await talk(port, many)).startswith(b"HTTP/1.1 431 ")
        assert (await talk(port, b"GET / HTTP/1.1\r\nX: " + b"a" * 500_000)).startswith(b"HTTP/1.1 431 ")


async def test_a_body_too_large_gets_413_and_the_connection_goes_on() -> None:
    async with serving(echo) as (_, port):
        body = b"x" * 300_000
        sized = f"POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        chunked = b"POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
        answer = await talk(port, sized + chunked + closing("GET /after HTTP/1.1"))

    assert answer.count(b"HTTP/1.1 413 ") == 2
    assert answer.endswith(b"GET /after ? 0")


async def test_a_body_too_large_in_the_last_request_closes_after_the_413() -> None:
    async with serving(echo) as (_, port):
        body = b"x" * 300_000
        answer = await talk(port, closing("POST /big HTTP/1.1", f"Content-Length: {len(body)}", body=body))

    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_expect_continue_is_answered_before_the_body() -> None:
    async with serving(echo) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_expect_continue_with_a_body_too_large_is_refused_at_once() -> None:
    async with serving(echo) as (_, port):
        answer = await talk(port, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


async def test_slow_headers_are_closed_and_a_silent_connection_too() -> None:
    limits = HttpLimits(header_seconds=0.2, idle_seconds=0.2)
    async with serving(echo, limits) as (server, port):
        assert (await talk(port, b"GET / HTTP/1.1\r\nX-Sl")).startswith(b"HTTP/1.1 408 ")
        assert await talk(port, b"") == b""
        kept_alive = await talk(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert kept_alive.startswith(b"HTTP/1.1 200 ")
        assert server.connections == 0


async def test_a_connection_too_many_gets_503() -> None:
    async with serving(echo, HttpLimits(connections=2)) as (server, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert (await talk(port, closing("GET / HTTP/1.1"))).startswith(b"HTTP/1.1 503 ")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(5):
            while server.connections:  # noqa: ASYNC110  # a condition with a deadline
                await asyncio.sleep(0.01)
        assert (await talk(port, closing("GET / HTTP/1.1"))).startswith(b"HTTP/1.1 200 ")


async def test_the_handler_hears_of_a_hang_up_and_may_still_answer() -> None:
    gone: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

    def handler(request: HttpRequest, exchange: Exchange) -> None:
        exchange.on_hang_up = lambda: gone.set_result(exchange)

    async with serving(handler) as (_, port):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
        exchange = await asyncio.wait_for(gone, 5)

    assert exchange.is_gone
    assert exchange.send(200, (), b"too late") is False


async def test_a_hang_up_cancels_an_async_handler() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def handle(request: HttpRequest) -> HttpResponse:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return HttpResponse(200)

    async with serving(AsyncHandler(handle)) as (_, port):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.wait_for(started.wait(), 5)
        writer.close()
        await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_handler_that_raises_gives_500_and_the_next_request_is_served() -> None:
    def handler(request: HttpRequest, exchange: Exchange) -> None:
        if request.path == "/bad":
            raise ValueError("planted")
        echo(request, exchange)

    async with serving(handler) as (_, port):
        answer = await talk(port, b"GET /bad HTTP/1.1\r\nHost: h\r\n\r\n" + closing("GET /good HTTP/1.1"))

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"planted" not in answer
    assert answer.endswith(b"GET /good ? 0")


async def test_a_stream_is_chunked_and_waits_for_a_slow_reader() -> None:
    written = 0
    ended = asyncio.Event()

    async def produce(exchange: Exchange) -> None:
        nonlocal written
        stream = exchange.stream(200)
        with contextlib.suppress(ClientGone):
            for _ in range(400):
                stream.write(b"z" * 65_536)
                written += 65_536
                await stream.drain()
        stream.end()
        ended.set()

    running: set[asyncio.Task[None]] = set()

    def handler(request: HttpRequest, exchange: Exchange) -> None:
        running.add(asyncio.get_running_loop().create_task(produce(exchange)))

    async with serving(handler) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(closing("GET / HTTP/1.1"))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        assert written < 400 * 65_536, "the producer did not wait for the reader"
        answer = await reader.read(-1)
        writer.close()
        await asyncio.wait_for(ended.wait(), 10)

    assert answer.endswith(b"0\r\n\r\n")
    assert answer.count(b"z") == 400 * 65_536


async def test_a_producer_learns_that_its_reader_is_gone() -> None:
    gone = asyncio.Event()

    async def produce(exchange: Exchange) -> None:
        stream = exchange.stream(200)
        try:
            while True:
                stream.write(b"z" * 65_536)
                await stream.drain()
                await asyncio.sleep(0)
        except ClientGone:
            gone.set()
        stream.end()

    running: set[asyncio.Task[None]] = set()

    def handler(request: HttpRequest, exchange: Exchange) -> None:
        running.add(asyncio.get_running_loop().create_task(produce(exchange)))

    async with serving(handler) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(closing("GET / HTTP/1.1"))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await asyncio.wait_for(gone.wait(), 5)


async def test_line_breaks_in_header_values_cannot_split_the_answer() -> None:
    def handler(request: HttpRequest, exchange: Exchange) -> None:
        exchange.send(200, (("X-Error", "a\r\nSet-Cookie: b"),), b"")

    async with serving(handler) as (_, port):
        answer = await talk(port, closing("GET / HTTP/1.1"))

    assert b"\r\nSet-Cookie" not in answer


async def test_head_and_204_carry_no_body() -> None:
    def handler(request: HttpRequest, exchange: Exchange) -> None:
        exchange.send(204 if request.path == "/none" else 200, (), b"body" if request.method == "HEAD" else b"")

    async with serving(handler) as (_, port):
        assert (await talk(port, closing("HEAD / HTTP/1.1"))).endswith(b"\r\n\r\n")
        assert (await talk(port, closing("GET /none HTTP/1.1"))).endswith(b"\r\n\r\n")


async def test_closing_lets_a_request_in_flight_finish() -> None:
    seen = asyncio.Event()

    def handler(request: HttpRequest, exchange: Exchange) -> None:
        seen.set()
        asyncio.get_running_loop().call_later(0.1, exchange.send, 200, (), b"finished")

    async with serving(handler) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.wait_for(seen.wait(), 5)
        await server.close(drain_seconds=5)
        assert (await reader.read(-1)).endswith(b"finished")
        writer.close()
