"""A real server as a subprocess, and real clients to talk to it: boto3, and raw sockets for what boto3 would not send.

Started by the fixtures in conftest.py.
"""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from lamplighter.identity.keys import read_root_key

READY = re.compile(r"lamplighter ready: (?P<endpoint>\S+) \((?P<mode>\w+), region (?P<region>\S+), ")
START_SECONDS = 30.0
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass
class LiveServer:
    """A running server. `stop` asks it to drain and returns its exit code."""

    process: "subprocess.Popen[bytes]"
    endpoint: str
    data_dir: Path
    log: Path
    region: str = "us-east-1"
    keys: tuple[str, str] = field(default=("000000000000", "any"), repr=False)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.endpoint)
        return parts.hostname or "", parts.port or 0

    # Any: boto3's clients are made at run time.
    def client(self, service: str = "lambda", *, secret: str | None = None, **options: Any) -> Any:
        """A boto3 client that neither retries nor waits for ever."""
        config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30, inject_host_prefix=False)
        session: Any = boto3.Session(aws_access_key_id=self.keys[0], aws_secret_access_key=secret or self.keys[1])
        return session.client(service, endpoint_url=self.endpoint, region_name=self.region, config=config, **options)

    def talk(self, data: bytes, *, seconds: float = 15.0, half_close: bool = False) -> bytes:
        """Send raw bytes and read until the server closes or `seconds` have passed without a byte."""
        with socket.create_connection(self.address, timeout=seconds) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65_536):
                    received += part
            return received

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


StartServer = Callable[..., LiveServer]


def start_server(verb: str, data_dir: Path, *flags: str, environment: dict[str, str] | None = None) -> LiveServer:
    """Start `lamplighter VERB` on a free port and wait for its ready line."""
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir.with_name(f"{data_dir.name}.log")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMPLIGHTER_"))}
    command = [sys.executable, "-m", "lamplighter.cli", verb, "--port", "0", "--data-dir", str(data_dir), *flags]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env={**clean, **(environment or {})})
    try:
        ready = READY.match(_first_line(process, log))
        assert ready is not None, f"no ready line: {log.read_text()}"
    except BaseException:
        process.kill()
        process.wait()
        raise
    keys = ("000000000000", "any")
    if verb == "up":
        key = read_root_key(data_dir / "credentials", "000000000000")
        keys = (key.access_key_id, key.secret_access_key)
    return LiveServer(process, ready["endpoint"], data_dir, log, ready["region"], keys)


def _first_line(process: "subprocess.Popen[bytes]", log: Path) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        readable, _, _ = select.select([process.stdout], [], [], 0.2)
        if readable:
            line = process.stdout.readline().decode()
            assert line, f"the server ended with {process.wait()}: {log.read_text()}"
            return line
    raise AssertionError(f"no ready line within {START_SECONDS} s: {log.read_text()}")
