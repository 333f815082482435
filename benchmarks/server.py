"""A lamplighter server for measuring: `lamplighter up` in a fresh data directory, and functions made through boto3.

Uses only what every user has: the command line, the API, the exports of `lamplighter env`.
"""

import base64
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

RUNTIMES = Path(__file__).parents[1] / ".cache/runtimes"
LAMPLIGHTER = Path(sys.executable).parent / "lamplighter"
START_SECONDS = 30.0
EVENT = b'{"a":1}'
ECHO = "def handler(event, context):\n    return event\n"
ROLE = "arn:aws:iam::000000000000:role/benchmark"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a client needs to call a Lambda API."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 80


def zipped(files: Mapping[str, str | bytes], *, also: Mapping[str, str] | None = None) -> bytes:
    """Programs, and `also` compressed text beside them."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            package.writestr(entry, text)
        for name, text in (also or {}).items():
            package.writestr(name, text)
    return archive.getvalue()


def client_of(keys: Keys) -> Any:  # Any: boto3's client classes are made at run time
    return boto3.client(
        "lambda",
        endpoint_url=keys.endpoint,
        region_name=keys.region,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=Config(retries={"max_attempts": 0}, read_timeout=60),
    )


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def invoke_request(keys: Keys, function: str, *, body: bytes = EVENT, headers: dict[str, str] | None = None) -> bytes:
    """One Invoke as it stands on the wire, signed now: good for a window of a few minutes."""
    url = f"{keys.endpoint}/2015-03-31/functions/{function}/invocations"
    signed = {"Content-Type": "application/json", "Host": urlsplit(url).netloc, **(headers or {})}
    request = AWSRequest(method="POST", url=url, data=body, headers=signed)
    SigV4Auth(Credentials(keys.access_key, keys.secret_key), "lambda", keys.region).add_auth(request)
    lines = [f"POST {urlsplit(url).path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """`lamplighter up` on a free port of the loopback address, until `end`."""

    def __init__(self, folder: Path, *, environment: dict[str, str] | None = None) -> None:
        self.data_dir = folder / "data"
        self.data_dir.mkdir(exist_ok=True)
        RUNTIMES.mkdir(parents=True, exist_ok=True)  # kept from run to run: making them takes longer than measuring
        if not (self.data_dir / "runtimes").exists():
            (self.data_dir / "runtimes").symlink_to(RUNTIMES)
        self._output = folder / "server.log"
        started = time.perf_counter()
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [str(LAMPLIGHTER), "up", "--port", "0", "--data-dir", str(self.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self._process.pid
        self.endpoint = self._wait_until_ready()
        self.ready_seconds = time.perf_counter() - started
        self.keys = self._read_keys()

    def _wait_until_ready(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(r"http://[0-9.a-z]+:\d+", self._output.read_text(errors="replace"))
            if found:
                return found.group(0)
            if self._process.poll() is not None:
                break
            time.sleep(0.002)
        self.end()
        raise RuntimeError(f"the server did not become ready: {self._output.read_text(errors='replace')[-2000:]}")

    def _read_keys(self) -> Keys:
        command = [str(LAMPLIGHTER), "env", "--data-dir", str(self.data_dir)]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        words = [word for word in shlex.split(printed) if "=" in word]
        exported = dict(word.rstrip(";").split("=", 1) for word in words)
        region = exported.get("AWS_REGION") or exported.get("AWS_DEFAULT_REGION") or "us-east-1"
        return Keys(self.endpoint, exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"], region)

    def create_function(self, name: str, runtime: str, files: Mapping[str, str | bytes], handler: str) -> None:
        """A function with a whole core (1769 MB), so that a CPU quota does not hide what the platform costs."""
        client = client_of(self.keys)
        client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=ROLE,
            Handler=handler,
            Code={"ZipFile": zipped(files)},
            MemorySize=1769,
            Timeout=30,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(timeout=5)
