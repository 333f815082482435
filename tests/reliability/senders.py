"""Clients that send events until they are told to stop, and remember every one that was acknowledged with 202.

Must not know what is done to the server meanwhile.
"""

import contextlib
import json
import threading
import urllib.request
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.in_process import ROLE, zip_of
from tests.contract.live_server import RUNTIME, LiveServer
from tests.reliability import machine_state


class Sender(threading.Thread):
    """Sends events until it is told to stop or its server is gone; remembers the request ids that got a 202."""

    def __init__(self, server: LiveServer, name: str, event: dict[str, Any]) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self._client = server.client()
        self._name = name
        self._event = json.dumps(event)
        self._is_over = threading.Event()

    def run(self) -> None:
        with contextlib.closing(self._client), contextlib.suppress(BotoCoreError, ClientError):
            while not self._is_over.is_set():
                answer = self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=self._event)
                assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
                self.acknowledged.append(answer["ResponseMetadata"]["RequestId"])

    def stop(self) -> None:
        self._is_over.set()
        self.join(60)


def create(server: LiveServer, name: str, code: str, **members: Any) -> None:
    client = server.client()
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zip_of(app=code)},
        **members,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def load(server: LiveServer, name: str, event: dict[str, Any], senders: int = 4) -> list[Sender]:
    started = [Sender(server, name, event) for _ in range(senders)]
    for sender in started:
        sender.start()
    return started


def acknowledged_so_far(senders: list[Sender]) -> set[str]:
    return {request_id for sender in senders for request_id in tuple(sender.acknowledged)}


def acknowledged_by(senders: list[Sender]) -> set[str]:
    for sender in senders:
        sender.stop()
    return acknowledged_so_far(senders)


def figure(server: LiveServer, name: str) -> float:
    with urllib.request.urlopen(f"{server.endpoint}/metrics", timeout=10) as page:  # noqa: S310  # our own server
        lines = page.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def wait_queue_empty(server: LiveServer) -> None:
    machine_state.wait_until(lambda: figure(server, "lamplighter_async_events_queued") == 0, "the queue is empty", 120)
