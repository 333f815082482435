"""Fixtures of the reliability tests: a data directory that has the Python runtime, and servers in it that may die."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import RUNTIME, LiveServer, start_server

RUNTIMES = Path(__file__).parents[2] / ".cache/runtimes"
StartAgain = Callable[..., LiveServer]


@pytest.fixture
def runtime() -> None:
    """The runtime of this Python is in RUNTIMES."""
    RUNTIMES.mkdir(parents=True, exist_ok=True)
    ensure(RuntimeDirectory(RUNTIMES), [RUNTIME])


@pytest.fixture
def start_again(tmp_path: Path, runtime: None) -> Iterator[StartAgain]:
    """Starts `lamplighter up`, always in the same data directory; what still runs afterwards is ended."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    started: list[LiveServer] = []

    def start(*flags: str, environment: dict[str, str] | None = None) -> LiveServer:
        started.append(start_server("up", data_dir, *flags, environment=environment))
        return started[-1]

    yield start
    for server in started:
        server.stop()
