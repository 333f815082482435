"""Nothing acknowledged with 202 is ever lost: kill -9 of the server, SIGTERM, kill -9 of sandboxes, under load.

The short form runs with the others; the full one (50 kills) is
`LAMPLIGHTER_TEST_KILLS=50 scripts/test reliability -k async`.
"""

import contextlib
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.in_process import ROLE, zip_of
from tests.contract.live_server import RUNTIME, LiveServer
from tests.moto_server import Queue, moto_server
from tests.reliability import ledger as ledgers
from tests.reliability import machine_state
from tests.reliability.conftest import StartAgain
from tests.reliability.ledger import Ledger

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("LAMPLIGHTER_TEST_KILLS", "3"))
CONCURRENCY = 16
SETTINGS = {"LAMPLIGHTER_ASYNC_CONCURRENCY": str(CONCURRENCY), "LAMPLIGHTER_ASYNC_TIME_SCALE": "0.01"}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with ledgers.open_ledger() as opened:
        yield opened


class Sender(threading.Thread):
    """Sends events until it is told to stop or its server is gone; remembers the request ids that got a 202."""

    def __init__(self, server: LiveServer, name: str, event: dict[str, Any]) -> None:
        super().__init__()
        self.acknowledged: set[str] = set()
        self._client = server.client()
        self._name = name
        self._event = json.dumps(event)
        self._is_over = threading.Event()

    def run(self) -> None:
        with contextlib.closing(self._client), contextlib.suppress(BotoCoreError, ClientError):
            while not self._is_over.is_set():
                answer = self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=self._event)
                assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
                self.acknowledged.add(answer["ResponseMetadata"]["RequestId"])

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


def acknowledged_by(senders: list[Sender]) -> set[str]:
    for sender in senders:
        sender.stop()
    return set().union(*(sender.acknowledged for sender in senders))


def figure(server: LiveServer, name: str) -> float:
    with urllib.request.urlopen(f"{server.endpoint}/metrics", timeout=10) as page:  # noqa: S310  # our own server
        lines = page.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def wait_queue_empty(server: LiveServer) -> None:
    machine_state.wait_until(lambda: figure(server, "lamplighter_async_events_queued") == 0, "the queue is empty", 120)


def test_kill_9_of_the_server_loses_no_acknowledged_event(start_again: StartAgain, ledger: Ledger) -> None:
    def start() -> LiveServer:
        return start_again("--driver", "process", environment=SETTINGS)

    server = start()
    create(server, "ledger", ledgers.FUNCTION, Environment={"Variables": {"LEDGER_PORT": str(ledger.port)}})
    acknowledged: set[str] = set()
    for number in range(KILLS):
        senders = load(server, "ledger", {"seconds": 0.02})
        goal = len(ledger.ends) + 20
        _wait_runs(ledger, goal)
        time.sleep(0.05 * (number % 5))  # another moment of the life of an event each time
        server.stop(signal.SIGKILL)
        acknowledged |= acknowledged_by(senders)
        server = start()

    machine_state.wait_until(lambda: not ledger.missing(acknowledged), "every acknowledged event ran", 120)
    wait_queue_empty(server)
    assert len(acknowledged) > 20 * KILLS
    # In hand at a kill are at most as many as run at once.
    assert ledger.duplicates() <= KILLS * CONCURRENCY


def test_sigterm_loses_nothing_repeats_nothing_and_leaves_nobody(start_again: StartAgain, ledger: Ledger) -> None:
    def start() -> LiveServer:
        return start_again("--driver", "process", environment=SETTINGS)

    server = start()
    create(server, "ledger", ledgers.FUNCTION, Environment={"Variables": {"LEDGER_PORT": str(ledger.port)}})
    senders = load(server, "ledger", {"seconds": 0.3})
    machine_state.wait_until(lambda: len(ledger.ends) >= 10, "events run", 60)
    processes = machine_state.below(server.process.pid)
    began = time.monotonic()
    assert server.stop() == 0
    took = time.monotonic() - began
    acknowledged = acknowledged_by(senders)

    machine_state.wait_until(lambda: not [one for one in processes if one.is_alive()], "no process is left")
    assert ledger.running() == 0
    assert took < 0.3 + 5.0
    assert ledger.missing(acknowledged)  # what had not begun is left for the next life

    server = start()
    machine_state.wait_until(lambda: not ledger.missing(acknowledged), "every acknowledged event ran", 120)
    wait_queue_empty(server)
    assert ledger.duplicates() == 0


def test_a_failing_event_keeps_its_retries_over_a_restart(start_again: StartAgain, ledger: Ledger) -> None:
    def start() -> LiveServer:
        return start_again("--driver", "process", environment=SETTINGS)

    server = start()
    create(server, "fails", ledgers.FUNCTION, Environment={"Variables": {"LEDGER_PORT": str(ledger.port)}})
    (sender,) = load(server, "fails", {"seconds": 0, "fails": True}, senders=1)
    machine_state.wait_until(lambda: len(sender.acknowledged) >= 1, "an event is accepted")
    (request_id, *_) = acknowledged_by([sender])
    machine_state.wait_until(lambda: ledger.ends[request_id] >= 1, "the first attempt")
    server.stop()
    server = start()
    wait_queue_empty(server)

    assert ledger.ends[request_id] == 3


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_kill_9_of_sandboxes_loses_no_event(start_again: StartAgain) -> None:
    with moto_server() as moto:
        told: Queue = moto.queue("ledger")
        server = start_again(environment={**SETTINGS, **moto.settings("sqs")})
        create(server, "slow", "import time\n\ndef handler(event, context):\n    time.sleep(0.05)\n")
        destinations = {"OnSuccess": {"Destination": told.arn}}
        server.client().put_function_event_invoke_config(FunctionName="slow", DestinationConfig=destinations)
        senders = load(server, "slow", {}, senders=2)
        for number in range(KILLS):
            _wait_ended(server, 10 * (number + 1))
            for process in _runtimes(server):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        acknowledged = acknowledged_by(senders)
        wait_queue_empty(server)

        heard: set[str] = set()

        def all_heard() -> bool:
            for message in told.take_all():
                context = json.loads(message["Body"])["requestContext"]
                assert context["condition"] == "Success"
                heard.add(context["requestId"])
            return acknowledged <= heard

        machine_state.wait_until(all_heard, "every event is told", 60)


def _wait_runs(ledger: Ledger, count: int) -> None:
    machine_state.wait_until(lambda: len(ledger.ends) >= count, f"{count} events ran", 60)


def _wait_ended(server: LiveServer, count: int) -> None:
    ended = "lamplighter_async_events_ended_total"
    machine_state.wait_until(lambda: figure(server, ended) >= count, f"{count} events have ended", 60)


def _runtimes(server: LiveServer) -> list[machine_state.Process]:
    """The processes that run functions now."""

    def is_runtime(pid: int) -> bool:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            return b"/var/runtime" in file.read()
        return False

    return [process for process in machine_state.below(server.process.pid) if is_runtime(process.pid)]
