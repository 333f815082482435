"""A function that floods the server: with output, with connections to its Runtime API, with a giant init error.

The server is this process: its memory is measured, and another function is served meanwhile.
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.function_house import FunctionHouse, is_root, open_house

pytestmark = pytest.mark.skipif(not is_root(), reason="needs root")

MIB = 1024 * 1024
INVOKES = 15
FLOODS = {
    "empty lines": "while True: os.write(1, b'\\n' * 65536)",
    "long lines": "while True: os.write(1, b'x' * 65535 + b'\\n')",
    "one line without an end": "while True: os.write(1, b'x' * 65536)",
    "connections": (
        "held = []\n"
        "while True:\n"
        "    try: held.append(socket.create_connection(('127.0.0.1', 9001), 1))\n"
        "    except OSError: held.clear()"
    ),
    "half responses": (
        "held = []\n"
        "head = b'POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 6000000\\r\\n\\r\\n'\n"
        "while True:\n"
        "    try:\n"
        "        held.append(socket.create_connection(('127.0.0.1', 9001), 1))\n"
        "        held[-1].sendall(head + b'x' * 5000000)\n"
        "    except OSError: held.clear()"
    ),
}
FLOODING = "import os, socket\ndef handler(event, context):\n"
QUICK = "def handler(event, context): return 'served'"


def _resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """The most memory of this process, watched by a thread that asks all the time."""
    most, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            most[0] = max(most[0], _resident_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    yield most
    is_over.set()
    thread.join()


class DroppedLogs:
    """Keeps no lines: what the real store keeps is bounded, and tested, by itself."""

    def __init__(self) -> None:
        self.count = 0

    def open(self, account_id: str, region: str, log_group: str, log_stream: str) -> "DroppedLogs":
        return self

    def write(self, timestamp_ms: int, message: str) -> None:
        self.count += 1

    def close(self) -> None:
        pass


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flooding_function_neither_fills_the_server_nor_stops_its_neighbours(
    tmp_path: Path, peak: list[int], flood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.e2e.function_house.KeptLogs", DroppedLogs)
    body = "".join(f"    {line}\n" for line in FLOODS[flood].splitlines())
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": QUICK}, name="quick")
        house.deploy({"index.py": FLOODING + body}, name="flooder", timeout=1, memory_size=1769)
        assert json.loads((await house.invoke({}, function_name="quick")).payload) == "served"
        before = peak[0]
        flooding = asyncio.ensure_future(house.invoke({}, function_name="flooder"))
        waits = [await _time_of(house) for _ in range(INVOKES)]
        result = await flooding

    assert result.function_error == "Unhandled"
    assert peak[0] - before < 128 * MIB
    assert sorted(waits)[INVOKES // 2] < 1.0  # a hundred times what it takes undisturbed


async def _time_of(house: FunctionHouse) -> float:
    started = time.monotonic()
    assert json.loads((await house.invoke({}, function_name="quick")).payload) == "served"
    return time.monotonic() - started


@pytest.mark.parametrize("size", [5 * MIB, 20 * MIB])
async def test_a_giant_init_error_is_an_init_error(tmp_path: Path, peak: list[int], size: int) -> None:
    source = f"raise ValueError('x' * {size})\n"
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": source})
        before = peak[0]
        result = await house.invoke({})

    assert result.function_error == "Unhandled"
    assert peak[0] - before < 200 * MIB
