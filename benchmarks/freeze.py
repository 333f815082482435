"""freeze: what freezing and thawing cost, and what an invoke pays that comes after a pause.

First the sandbox alone: a process inside echoes bytes; it must fall silent when frozen, and the time from the thaw to
its answer is set against a plain echo. Then whole servers in turns, one that freezes and one that does not, each asked
after a pause long enough for the frost.
"""

import asyncio
import contextlib
import http.client
import os
import socket
import time
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.sandboxes import Ground, figures
from benchmarks.server import ECHO, EVENT, Server, invoke_request
from benchmarks.statistics_of_pairs import judged, percentile
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.sandbox import Sandbox

SANDBOXES = 40
SILENCE_SECONDS = 0.02
INVOKES = 60
PAUSE_SECONDS = 0.12
ECHOER = """
import os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
line = socket.create_connection((host, int(port)))
line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while True:
    line.sendall(line.recv(1))
"""


async def one_sandbox(sandbox: Sandbox) -> dict[str, float]:
    """Milliseconds: an echo, freezing, thawing, and from the beginning of the thaw to the echo that waited for it."""
    loop = asyncio.get_running_loop()
    line, _ = await loop.sock_accept(sandbox.runtime_api)
    with line:
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await echo(line)
        plain = await timed(echo(line))
        started = time.perf_counter()
        sandbox.freeze()
        frozen = time.perf_counter() - started
        await loop.sock_sendall(line, b"x")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_recv(line, 1), SILENCE_SECONDS)
            raise RuntimeError("a frozen process has answered")
        started = time.perf_counter()
        sandbox.thaw()
        thawed = time.perf_counter() - started
        await loop.sock_recv(line, 1)
        answered = time.perf_counter() - started
    return {"echo": plain, "freeze": frozen * 1000, "thaw": thawed * 1000, "thaw_to_echo": answered * 1000}


async def echo(line: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(line, b"x")
    await loop.sock_recv(line, 1)


async def timed(action: Any) -> float:  # Any: a coroutine
    started = time.perf_counter()
    await action
    return (time.perf_counter() - started) * 1000


async def alone(folder: Path) -> dict[str, Any]:
    driver = await open_driver(None, folder / "state")
    try:
        ground = Ground(folder, driver)
        found = []
        for _ in range(SANDBOXES):
            async with ground.sandbox("/var/lang/bin/python3", "-I", "-S", "-c", ECHOER) as sandbox:
                if not sandbox.can_freeze:
                    raise RuntimeError("this machine has no freezer")
                found.append(await one_sandbox(sandbox))
    finally:
        await driver.close()
    return {f"{name}_ms": figures([one[name] for one in found]) for name in found[0]}


class Asker:
    """One server, asked after pauses over one connection."""

    def __init__(self, folder: Path, freeze_after: str) -> None:
        folder.mkdir()
        self._server = Server(folder, environment={"LAMPLIGHTER_FREEZE_AFTER_SECONDS": freeze_after})
        self._server.create_function("echo", "python3.11", {"echo.py": ECHO}, "echo.handler")
        self._line: socket.socket | None = None

    def _connect(self) -> socket.socket:
        """Not before it is needed: a connection that says nothing is closed after a while."""
        line = socket.create_connection((self._server.keys.host, self._server.keys.port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def ask(self) -> float:
        """Milliseconds of one invoke."""
        request = invoke_request(self._server.keys, "echo")
        self._line = self._line or self._connect()
        started = time.perf_counter()
        self._line.sendall(request)
        answer = http.client.HTTPResponse(self._line)
        answer.begin()
        body = answer.read()
        elapsed = (time.perf_counter() - started) * 1000
        if answer.status != http.client.OK or body.replace(b" ", b"") != EVENT:
            raise RuntimeError(f"{answer.status} {body!r}")
        return elapsed

    def end(self) -> None:
        if self._line is not None:
            self._line.close()
        self._server.end()


def through_the_server(folder: Path) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        freezing = Asker(folder / "freezing", "0.02")
        stack.callback(freezing.end)
        running = Asker(folder / "running", "0")
        stack.callback(running.end)
        for asker in (freezing, running):
            asker.ask()
        took: dict[Asker, list[float]] = {freezing: [], running: []}
        for number in range(INVOKES):
            for asker in (freezing, running) if number % 2 else (running, freezing):
                time.sleep(PAUSE_SECONDS)
                took[asker].append(asker.ask())
    more = sorted(cold - warm for cold, warm in zip(took[freezing], took[running], strict=True))
    return {
        "after_thaw_ms": figures(took[freezing]),
        "never_frozen_ms": figures(took[running]),
        "more_ms_median": round(percentile(more, 0.5), 3),
    }


def run(folder: Path, options: Options) -> dict[str, Any]:
    sandbox = asyncio.run(alone(folder))
    server = through_the_server(folder)
    return {
        "pairs": options.pairs,
        "load_average": os.getloadavg()[0],
        "sandbox": sandbox,
        "server": server,
        "bounds": [
            judged("freeze, ms", sandbox["freeze_ms"]["median"], 1.0, at_most=True),
            judged("thaw, ms", sandbox["thaw_ms"]["median"], 1.0, at_most=True),
            judged("an invoke after the thaw takes longer by, ms", server["more_ms_median"], 1.0, at_most=True),
        ],
    }
