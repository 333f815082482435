"""The load generator: keep-alive connections that send one prepared request again and again and check every answer.

A process of its own. One question is one window: {host, port, clients, seconds, request, expected, status}; without
`expected` only the status is looked at. The answer holds counts, rate, latencies and this process's own CPU time per
request. Must not know what it loads.
"""

import asyncio
import base64
import re
import time
from typing import Any, cast

import httptools

from benchmarks.lines import answer, questions, run
from benchmarks.statistics_of_pairs import percentile

GRACE_SECONDS = 10.0
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r", re.IGNORECASE)
_REFUSED = re.compile(rb"\r\nx-amz-function-error:", re.IGNORECASE)
_STATUS = slice(9, 12)  # behind "HTTP/1.1 "


class Window:
    """One measuring window; connections stop by themselves once `end` has passed."""

    def __init__(self, question: dict[str, Any]) -> None:
        self.request = base64.b64decode(question["request"])
        expected = question["expected"]
        self.expected = None if expected is None else base64.b64decode(expected)
        self.status = question.get("status", 200)
        self.latencies: list[float] = []
        self.wrong = 0
        self.example = ""
        self.start = time.perf_counter()
        self.end = self.start + question["seconds"]

    def complain(self, what: str) -> None:
        self.wrong += 1
        self.example = self.example or what[:500]


class Connection(asyncio.Protocol):
    """One client: sends, waits for the whole answer, checks it, sends again."""

    def __init__(self, window: Window, done: asyncio.Future[None]) -> None:
        self._window = window
        self._done = done
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class

    def send(self) -> None:
        self._parser: httptools.HttpResponseParser | None = None
        self._sent = time.perf_counter()
        self._transport.write(self._window.request)

    def data_received(self, data: bytes) -> None:
        """Most answers come whole and say their length: parsing those would take CPU from what is measured."""
        if self._parser is None:
            end = data.find(_HEAD_END) + len(_HEAD_END)
            length = _LENGTH.search(data, 0, end)
            if length is not None and len(data) == end + int(length[1]):
                refused = "a function error" if _REFUSED.search(data, 0, end) else ""
                self._answered(int(data[_STATUS]), refused, data[end:])
                return
            self._parser = httptools.HttpResponseParser(self)
            self._body = bytearray()
            self._refused = ""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amz-function-error":
            self._refused = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        assert self._parser is not None
        self._answered(self._parser.get_status_code(), self._refused, bytes(self._body))

    def _answered(self, status: int, refused: str, body: bytes) -> None:
        now = time.perf_counter()
        window = self._window
        is_right = window.expected is None or (not refused and body.replace(b" ", b"") == window.expected)
        if status != window.status or not is_right:
            window.complain(f"{status} {refused} {body!r}")
        window.latencies.append(now - self._sent)
        if now < window.end:
            self.send()
        else:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._window.complain(f"connection lost: {error}")
            self._done.set_result(None)

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
        self._transport.close()


async def measure(question: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    window = Window(question)
    ends = [loop.create_future() for _ in range(question["clients"])]
    connections = [
        (await loop.create_connection(lambda end=end: Connection(window, end), question["host"], question["port"]))[1]  # type: ignore[misc]  # bound now
        for end in ends
    ]
    window.start = time.perf_counter()
    window.end = window.start + question["seconds"]
    cpu = time.process_time()
    for connection in connections:
        connection.send()
    _, unfinished = await asyncio.wait(ends, timeout=question["seconds"] + GRACE_SECONDS)
    for _ in unfinished:
        window.complain("no answer")
    return _figures(window, time.perf_counter() - window.start, time.process_time() - cpu)


def _figures(window: Window, seconds: float, cpu: float) -> dict[str, Any]:
    ordered = sorted(window.latencies)
    count = len(ordered)
    return {
        "requests": count,
        "wrong": window.wrong,
        "example": window.example,
        "seconds": seconds,
        "rate": count / seconds,
        "p50_ms": percentile(ordered, 0.50) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
        "max_ms": ordered[-1] * 1000 if ordered else None,
        "client_cpu_us": cpu / count * 1e6 if count else None,
    }


async def main() -> None:
    async for question in questions():
        answer(await measure(question))


if __name__ == "__main__":
    run(main)
