"""payload: how long an echo of 6 MB takes, against the same runtime client on a Runtime API that answers at once.

One client, one environment. Beyond the limit, ours carries the event from the client and the response back to it.
"""

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.bare_runtime import BareRuntime
from benchmarks.child import Child
from benchmarks.options import Options
from benchmarks.runtimes import runtime_named
from benchmarks.server import ECHO, Server, invoke_request
from benchmarks.statistics_of_pairs import judged, percentile, ratio, summary
from benchmarks.stub_runtime_api import event_of
from benchmarks.windows import Figures, column, interleave

BYTES = 6_000_000
FUNCTION = "echo"
ANSWER_SECONDS = 60.0
BOUND = 1.5


def _echo(connection: socket.socket, request: bytes, room: bytearray) -> tuple[int, int]:
    """One invoke over a connection that stays open; where the body of the answer lies in `room`."""
    connection.sendall(request)
    view = memoryview(room)
    begin = filled = end = 0
    while not end or filled < end:
        count = connection.recv_into(view[filled:])
        if not count:
            raise ConnectionError("the server hung up")
        filled += count
        found = room.find(b"\r\n\r\n", 0, 4096) if not end else -1
        if found >= 0:
            head = bytes(room[:found]).lower().split(b"\r\n")
            told = next(line for line in head if line.startswith(b"content-length:"))
            begin = found + 4
            end = begin + int(told.partition(b":")[2])
    return begin, end


class Echoes:
    """Our server and the limit, both up and warm."""

    def __init__(self, stack: ExitStack, folder: Path, options: Options) -> None:
        self._seconds = options.seconds
        self._event = event_of(BYTES)
        self._room = bytearray(BYTES + 65_536)
        self.server = stack.enter_context(Server(folder))
        self.server.create_function(FUNCTION, options.runtime, {"echo.py": ECHO}, "echo.handler")
        self._limit = stack.enter_context(Child("stub_runtime_api", folder))
        port = self._limit.answer(20)["port"]
        task_root = folder / "task"
        task_root.mkdir()
        (task_root / "echo.py").write_text(ECHO)
        stack.callback(BareRuntime(runtime_named(options.runtime), port, task_root, "echo.handler").end)
        self._limit.ask({"clients": 1}, ANSWER_SECONDS)

    def ours(self) -> Figures:
        keys = self.server.keys
        request = invoke_request(keys, FUNCTION, body=self._event)
        before, times, wrong = processes.cpu_seconds(self.server.pid), [], 0
        end = time.perf_counter() + self._seconds
        with socket.create_connection((keys.host, keys.port), ANSWER_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.perf_counter() < end:
                started = time.perf_counter()
                begin, stop = _echo(connection, request, self._room)
                times.append(time.perf_counter() - started)
                wrong += self._room[begin:stop].replace(b" ", b"", 1) != self._event
        used = processes.cpu_seconds(self.server.pid) - before
        return {
            "requests": len(times),
            "wrong": wrong,
            "p50_ms": percentile(sorted(times), 0.5) * 1000,
            "server_cpu_ms": used / max(1, len(times)) * 1000,
        }

    def limit(self) -> Figures:
        question = {"seconds": self._seconds, "use": 1, "event_bytes": BYTES}
        answered: Figures = self._limit.ask(question, self._seconds + ANSWER_SECONDS)
        return answered


def run(folder: Path, options: Options) -> dict[str, Any]:
    """The whole scenario as one JSON-able record."""
    with ExitStack() as stack:
        echoes = Echoes(stack, folder, options)
        echoes.ours()
        echoes.limit()
        ours, limit = interleave(options.pairs, echoes.ours, echoes.limit)
    over = ratio(column(ours, "p50_ms"), column(limit, "p50_ms"))
    return {
        "bytes": BYTES,
        "ours_p50_ms": summary(column(ours, "p50_ms")),
        "server_cpu_ms": summary(column(ours, "server_cpu_ms")),
        "limit_p50_ms": summary(column(limit, "p50_ms")),
        "p50_over_limit": over,
        "bounds": [judged("6 MB echo, p50 over the limit", over["median"], BOUND, at_most=True)],
    }
