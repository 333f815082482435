"""Fixtures of the contract tests: shared servers for the session, servers of a test's own, boto3's client."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.live_server import RUNTIME, LiveServer, StartServer, start_server


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One `lamplighter dev` for the whole session; its tests must not disturb each other."""
    server = start_server("dev", tmp_path_factory.mktemp("dev") / "data")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def up_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One `lamplighter up` for the whole session."""
    server = start_server("up", tmp_path_factory.mktemp("up") / "data")
    yield server
    server.stop()


@pytest.fixture
def server_factory(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers of a test's own; what is still running afterwards is ended."""
    started: list[LiveServer] = []

    def start(
        verb: str, *flags: str, runtimes: Path | None = None, environment: dict[str, str] | None = None
    ) -> LiveServer:
        data_dir = tmp_path / "data"
        if runtimes is not None and not data_dir.exists():
            shutil.copytree(runtimes, data_dir / "runtimes", symlinks=True)
        started.append(start_server(verb, data_dir, *flags, environment=environment))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def runtimes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the runtime of this interpreter, for servers that would otherwise install it themselves."""
    data_dir = tmp_path_factory.mktemp("runtimes")
    add = [sys.executable, "-m", "lamplighter.cli", "runtime", "add", RUNTIME, "--data-dir", str(data_dir)]
    subprocess.run(add, check=True, timeout=100, capture_output=True)
    return data_dir / "runtimes"


@pytest.fixture
def lambda_client(dev_server: LiveServer) -> Any:
    """boto3's Lambda client on the shared `dev` server."""
    return dev_server.client()
