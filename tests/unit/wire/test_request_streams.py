"""Bodies handed over while they arrive: order, back-pressure, trailers, hang-ups, and what was not read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from lamplighter.wire.http_message import HttpLimits, HttpRequest
from lamplighter.wire.http_request_stream import BodyCutOff, RequestStream
from lamplighter.wire.http_server import Exchange, HttpServer

HEAD = b"POST /streamed HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMITS = HttpLimits(body_bytes=1000, unasked_bytes=100, header_bytes=8192, drained_bytes=1_000_000)

Read = Callable[[RequestStream, Exchange], Awaitable[None]]


class Streaming:
    """A server whose bodies to /streamed are read by a coroutine of the test's."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._running: set[asyncio.Task[None]] = set()

    def handle(self, request: HttpRequest, exchange: Exchange) -> None:
        if request.stream is None:
            exchange.send(200, (), b"whole:" + request.body)
            return
        running = asyncio.ensure_future(self._read(request.stream, exchange))
        self._running.add(running)
        running.add_done_callback(self._running.discard)


@contextlib.asynccontextmanager
async def serving(read: Read, limits: HttpLimits = LIMITS) -> AsyncIterator[tuple[HttpServer, int]]:
    server = HttpServer(
        Streaming(read).handle, limits=limits, wants_stream=lambda _method, path, _headers: path == "/streamed"
    )
    try:
        yield server, await server.listen("127.0.0.1", 0)
    finally:
        await server.close()


async def collect(stream: RequestStream, exchange: Exchange) -> None:
    parts = []
    while part := await stream.read():
        parts.append(part)
    exchange.send(200, (), b"".join(parts) + repr(sorted(stream.trailers.items())).encode())


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def test_a_part_is_handed_over_before_the_next_one_is_sent() -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(stream: RequestStream, exchange: Exchange) -> None:
        while part := await stream.read():
            arrived.put_nowait(part)
        exchange.send(200, (), b"done")

    async with serving(read) as (_, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        for part in (b"one", b"two", b"three"):
            writer.write(chunk(part))
            assert await arrived.get() == part
        writer.write(b"0\r\n\r\n")
        assert await read_answer(reader) == b"done"
        writer.close()


async def test_trailers_are_known_at_the_end_and_the_connection_serves_on() -> None:
    async with serving(collect) as (_, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b"abc") + b"0\r\nX-Error: Oops\r\nX-Other: 1\r\n\r\n")
        assert await read_answer(reader) == b"abc[('x-error', 'Oops'), ('x-other', '1')]"
        writer.write(b"POST /whole HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
        assert await read_answer(reader) == b"whole:hi"
        writer.close()


async def test_a_body_larger_than_the_limit_of_whole_bodies_may_be_streamed() -> None:
    size = 3_000_000
    async with serving(collect) as (_, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /streamed HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(b"x" * size)
        assert await read_answer(reader) == b"x" * size + b"[]"
        writer.close()


async def test_a_slow_reader_slows_the_client_down() -> None:
    go_on = asyncio.Event()
    total = 0

    async def read(stream: RequestStream, exchange: Exchange) -> None:
        nonlocal total
        await go_on.wait()
        while part := await stream.read():
            total += len(part)
        exchange.send(200, (), b"done")

    piece, count = b"x" * 65_536, 1000
    async with serving(read) as (_, port), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                for _ in range(count):
                    writer.write(chunk(piece))
                    await writer.drain()
                    sent += 1
        assert sent < count // 2  # the socket's buffers and the stream's own, not all of it
        go_on.set()
        for _ in range(count - sent - 1):  # the one that was cut short is in the writer's buffer
            writer.write(chunk(piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert await read_answer(reader) == b"done"
        assert total == count * len(piece)
        writer.close()


async def test_a_client_that_hangs_up_cuts_the_body_off() -> None:
    outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(stream: RequestStream, exchange: Exchange) -> None:
        try:
            while await stream.read():
                pass
        except BodyCutOff:
            outcome.set_result("cut off" if exchange.is_gone else "still there")

    async with serving(read) as (_, port), asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b"abc"))
        await writer.drain()
        writer.close()
        assert await outcome == "cut off"


async def test_an_early_answer_leaves_the_connection_usable() -> None:
    async def read(stream: RequestStream, exchange: Exchange) -> None:
        await stream.read()
        exchange.send(403, (), b"no")

    async with serving(read) as (_, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b"abc"))
        assert await read_answer(reader) == b"no"
        writer.write(chunk(b"d" * 500_000) + b"0\r\n\r\n" + b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await read_answer(reader) == b"whole:"
        writer.close()


async def test_a_refused_body_without_end_is_not_read_for_ever() -> None:
    async def read(_stream: RequestStream, exchange: Exchange) -> None:
        exchange.send(403, (), b"no")

    async with serving(read) as (_, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                writer.write(chunk(b"x" * 65_536))
                await writer.drain()
            await reader.read(-1)
        assert writer.transport.is_closing()


async def test_trailers_without_end_close_the_connection() -> None:
    async with serving(collect) as (_, port), asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + chunk(b"abc") + b"0\r\nX-Endless: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"x" * 1000)
                await writer.drain()
                await asyncio.sleep(0)
            assert await reader.read(-1) == b""


async def test_a_streamed_request_waits_for_the_answer_before_it() -> None:
    parked: list[Exchange] = []

    def handle(request: HttpRequest, exchange: Exchange) -> None:
        if request.stream is None:
            parked.append(exchange)
        else:
            streaming.handle(request, exchange)

    streaming = Streaming(collect)
    server = HttpServer(handle, limits=LIMITS, wants_stream=lambda _method, path, _headers: path == "/streamed")
    port = await server.listen("127.0.0.1", 0)
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n" + HEAD + chunk(b"abc") + b"0\r\n\r\n")
        while not parked:  # noqa: ASYNC110  # the handler is called by the server, there is no event
            await asyncio.sleep(0)
        parked[0].send(200, (), b"first")
        assert await read_answer(reader) == b"first"
        assert await read_answer(reader) == b"abc[]"
        writer.close()
    await server.close()
