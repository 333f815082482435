"""A moto server in a process of its own, on loopback: SQS, SNS, EventBridge and S3 for tests of outgoing calls.

Must not know what is tested with it.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

ACCOUNT = "000000000000"
REGION = "us-east-1"
_START_SECONDS = 30.0
_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True, slots=True)
class MotoServer:
    """`client` makes boto3 clients; `settings` is the environment that points a lamplighter server here."""

    url: str

    # Any: boto3's clients are made at run time.
    def client(self, service: str) -> Any:
        session: Any = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="any")
        return session.client(service, endpoint_url=self.url, region_name=REGION)

    def settings(self, *services: str) -> dict[str, str]:
        return {f"LAMPLIGHTER_ENDPOINTS_{service.upper()}_URL": self.url for service in services}

    def queue(self, name: str) -> "Queue":
        client = self.client("sqs")
        url = client.create_queue(QueueName=name)["QueueUrl"]
        return Queue(client, url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")


@dataclass(frozen=True, slots=True)
class Queue:
    client: Any
    url: str
    arn: str

    def take(self, count: int = 1, seconds: float = 30.0) -> list[dict[str, Any]]:
        """The next `count` messages, removed; fails when they do not come in time."""
        found: list[dict[str, Any]] = []

        def come() -> bool:
            found.extend(self.take_all())
            return len(found) >= count

        wait_until(come, f"{count} messages in {self.arn}", seconds)
        return found

    def take_all(self) -> list[dict[str, Any]]:
        """Everything that is there now, removed."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self.client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
            )
            messages = answer.get("Messages", [])
            if not messages:
                return found
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
            self.client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            found += messages


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@contextmanager
def moto_server(
    port: int = 0, *, module: str = "moto.server", account: str = ACCOUNT, environment: dict[str, str] | None = None
) -> Iterator[MotoServer]:
    """Started, and ended afterwards. `module` is what runs moto's server."""
    environment = {**os.environ, "MOTO_ACCOUNT_ID": account, "PYTHONUNBUFFERED": "1", **(environment or {})}
    command = [sys.executable, "-m", module, "-H", "127.0.0.1", "-p", str(port)]
    with tempfile.TemporaryDirectory(prefix="lamplighter-moto-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as moto:
            try:
                wait_until(lambda: _RUNNING.search(log.read_text()) is not None, "moto listens", _START_SECONDS)
                found = _RUNNING.search(log.read_text())
                assert found is not None
                yield MotoServer(found[1])
            finally:
                moto.kill()
