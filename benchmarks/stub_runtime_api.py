"""A Runtime API that answers at once: what an unmodified runtime client can do when the platform costs nothing.

A process of its own. It says {"port": N}, then one question is one window, {"seconds": S, "use": clients}, with events
of so many bytes if it says {"event_bytes": B}, or a wait until so many clients have come, {"clients": N}. Between
windows every `/next` is kept waiting, as an idle environment's is. The loop time is measured from the event to the next
`/next`.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, cast

import httptools

from benchmarks.lines import answer, questions, run
from benchmarks.statistics_of_pairs import percentile

EVENT = b'{"a":1}'
NEXT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "
    b"8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nLambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: "
    b"arn:aws:lambda:us-east-1:000000000000:function:echo\r\nLambda-Runtime-Trace-Id: Root=1-5bef4de7-"
    b"ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\nContent-Length: %d\r\n\r\n%s"
)
ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"status":"OK"}\n'
)


@dataclass(slots=True)
class Meter:
    """Whether a window is open, who waits for one, and what was seen in it."""

    event: bytes = EVENT
    is_open: bool = False
    waiting: list["RuntimeConnection"] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    first_next: float = 0.0
    wrong: int = 0


class RuntimeConnection(asyncio.Protocol):
    """One runtime client's keep-alive connection."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._answered = 0.0
        self._body = bytearray()
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._meter.waiting:
            self._meter.waiting.remove(self)

    def on_url(self, url: bytes) -> None:
        self._url = url
        self._body.clear()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._url.endswith(b"/next"):
            self._ready()
        else:
            if not self._url.endswith(b"/response") or self._body.replace(b" ", b"") != self._meter.event:
                self._meter.wrong += 1
            self._transport.write(ACCEPTED)

    def _ready(self) -> None:
        now = time.perf_counter()
        if self._answered:
            self._meter.loops.append(now - self._answered)
        if self._meter.is_open:
            self.give_event()
        else:
            self._answered = 0.0
            self._meter.first_next = self._meter.first_next or time.time()
            self._meter.waiting.append(self)
            self._meter.came.set()

    def give_event(self) -> None:
        event = self._meter.event
        self._transport.write(NEXT % (int(time.time() * 1000) + 3000, len(event), event))
        self._answered = time.perf_counter()


def event_of(size: int) -> bytes:
    """A JSON object of so many bytes."""
    return b'{"a":"%s"}' % (b"x" * (size - len(b'{"a":""}')))


async def _window(meter: Meter, seconds: float, use: int) -> dict[str, Any]:
    meter.loops.clear()
    meter.wrong = 0
    meter.is_open = True
    clients, meter.waiting = meter.waiting[:use], meter.waiting[use:]
    started, cpu = time.perf_counter(), time.process_time()
    for connection in clients:
        connection.give_event()
    await asyncio.sleep(seconds)  # the window itself
    meter.is_open = False
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    ordered = sorted(meter.loops)
    return {
        "clients": len(clients),
        "requests": len(ordered),
        "wrong": meter.wrong,
        "seconds": elapsed,
        "rate": len(ordered) / elapsed,
        "p50_ms": percentile(ordered, 0.50) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
        "stub_cpu_us": cpu / max(1, len(ordered)) * 1e6,
    }


async def _wait_for_clients(meter: Meter, clients: int) -> dict[str, Any]:
    while len(meter.waiting) < clients:
        meter.came.clear()
        await meter.came.wait()
    return {"clients": len(meter.waiting), "first_next": meter.first_next}


async def main() -> None:
    meter = Meter()
    server = await asyncio.get_running_loop().create_server(lambda: RuntimeConnection(meter), "127.0.0.1", 0)
    answer({"port": server.sockets[0].getsockname()[1]})
    async for question in questions():
        if "clients" in question:
            meter.first_next = 0.0 if question.get("reset") else meter.first_next
            answer(await _wait_for_clients(meter, question["clients"]))
        else:
            meter.event = event_of(question["event_bytes"]) if "event_bytes" in question else EVENT
            answer(await _window(meter, question["seconds"], question["use"]))


if __name__ == "__main__":
    run(main)
