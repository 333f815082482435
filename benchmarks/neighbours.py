"""neighbours: what a quiet function's callers notice while another function bombs the machine.

Windows in turns, without and with a bomb that is kept going: memory, processes, descriptors, processor. The quiet
function is asked by one client at a steady pace; its p99 with the bomb is set against the p99 of the window without.
"""

import contextlib
import http.client
import socket
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.server import ECHO, EVENT, Server, client_of, invoke_request
from benchmarks.statistics_of_pairs import judged, percentile, ratio, summary

PAUSE_SECONDS = 0.005
BOMB = """
import os, threading
def memory():
    held = []
    while True:
        held.append(bytearray(8 << 20))
def processes():
    while True:
        try:
            if os.fork() == 0:
                threading.Event().wait()
        except OSError:
            pass
def descriptors():
    held = []
    while True:
        try:
            held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            os.closerange(64, 1024)
            held.clear()
def processor():
    while True:
        pass
def handler(event, context):
    globals()[event]()
"""
BOMBS = ("memory", "processes", "descriptors", "processor")


class Bomber(threading.Thread):
    """Invokes the bomb again and again, for it is ended by its limits or its time, until told to stop."""

    def __init__(self, server: Server, bomb: str) -> None:
        super().__init__(daemon=True)
        self._client = client_of(server.keys)
        self._payload = f'"{bomb}"'.encode()
        self._stopped = threading.Event()
        self.exploded = 0

    def run(self) -> None:
        while not self._stopped.is_set():
            answer = self._client.invoke(FunctionName="bomb", Payload=self._payload)
            self.exploded += "FunctionError" in answer
            answer["Payload"].read()

    def stop(self) -> None:
        self._stopped.set()
        self.join(30)


class Quiet:
    """One client of the quiet function."""

    def __init__(self, server: Server) -> None:
        self._keys = server.keys
        self._line = socket.create_connection((server.keys.host, server.keys.port))
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def window(self, seconds: float) -> list[float]:
        """Milliseconds of every invoke, in order."""
        request = invoke_request(self._keys, "quiet")
        took = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            started = time.perf_counter()
            self._line.sendall(request)
            answer = http.client.HTTPResponse(self._line)
            answer.begin()
            body = answer.read()
            took.append((time.perf_counter() - started) * 1000)
            if answer.status != http.client.OK or body.replace(b" ", b"") != EVENT:
                raise RuntimeError(f"{answer.status} {body!r}")
            time.sleep(PAUSE_SECONDS)
        return sorted(took)

    def close(self) -> None:
        self._line.close()


def _beside(server: Server, quiet: Quiet, bomb: str, options: Options) -> dict[str, Any]:
    alone, beside, exploded = [], [], 0
    for _ in range(options.pairs):
        alone.append(quiet.window(options.seconds))
        bomber = Bomber(server, bomb)
        bomber.start()
        beside.append(quiet.window(options.seconds))
        bomber.stop()
        exploded += bomber.exploded
    p99 = [[percentile(window, 0.99) for window in windows] for windows in (alone, beside)]
    p50 = [[percentile(window, 0.5) for window in windows] for windows in (alone, beside)]
    return {
        "p99_alone_ms": summary(p99[0]),
        "p99_beside_ms": summary(p99[1]),
        "p99_ratio": ratio(p99[1], p99[0]),
        "p50_ratio": ratio(p50[1], p50[0]),
        "bombs_ended": exploded,
    }


def run(folder: Path, options: Options) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(folder))
        server.create_function("quiet", "python3.11", {"echo.py": ECHO}, "echo.handler")
        server.create_function("bomb", "python3.11", {"bomb.py": BOMB}, "bomb.handler")
        client = client_of(server.keys)
        client.update_function_configuration(FunctionName="bomb", Timeout=5, MemorySize=512)
        client.get_waiter("function_updated_v2").wait(FunctionName="bomb", WaiterConfig={"Delay": 1})
        quiet = Quiet(server)
        stack.callback(quiet.close)
        quiet.window(0.5)
        found = {bomb: _beside(server, quiet, bomb, options) for bomb in BOMBS}
    bounds = [
        judged(f"p99 beside a bomb of {bomb}, over alone", figures["p99_ratio"]["median"], 1.5, at_most=True)
        for bomb, figures in found.items()
    ]
    return {**found, "bounds": bounds}
