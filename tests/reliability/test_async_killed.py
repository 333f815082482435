"""Nothing acknowledged with 202 is ever lost: kill -9 of the server, SIGTERM, kill -9 of sandboxes, under load.

The short form runs with the others; the full one (50 kills) is
`LAMPLIGHTER_TEST_KILLS=50 .venv/bin/pytest tests/reliability -k kill_9_of_`.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.contract.live_server import LiveServer
from tests.moto_server import Queue, moto_server
from tests.reliability import ledger as ledgers
from tests.reliability import machine_state
from tests.reliability.conftest import StartAgain
from tests.reliability.ledger import Ledger
from tests.reliability.senders import acknowledged_by, create, figure, load, wait_queue_empty

KILLS = int(os.environ.get("LAMPLIGHTER_TEST_KILLS", "3"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 30 * KILLS)]
CONCURRENCY = 16
# Retries come soon, but an event that waits through many kills must not become too old: 6 hours are 216 s or 1080 s.
TIME_SCALE = 0.01 if KILLS <= 10 else 0.05
SETTINGS = {"LAMPLIGHTER_ASYNC_CONCURRENCY": str(CONCURRENCY), "LAMPLIGHTER_ASYNC_TIME_SCALE": str(TIME_SCALE)}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with ledgers.open_ledger() as opened:
        yield opened


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


def _runtimes(server: LiveServer) -> list[machine_state.Process]:
    """The processes that run functions now."""
    return machine_state.below_with(server.process.pid, b"/var/runtime", b"/var/lang/bin")


def _spawner(server: LiveServer) -> list[machine_state.Process]:
    """The process that made every sandbox; all of them die with it."""
    return machine_state.below_with(server.process.pid, b"namespaces.spawner")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("victims", [_runtimes, _spawner], ids=["sandboxes", "spawner"])
def test_kill_9_of_what_runs_functions_loses_no_event(
    start_again: StartAgain, victims: Callable[[LiveServer], list[machine_state.Process]]
) -> None:
    with moto_server() as moto:
        told: Queue = moto.queue("ledger")
        server = start_again(environment={**SETTINGS, **moto.settings("sqs")})
        create(server, "slow", "import time\n\ndef handler(event, context):\n    time.sleep(0.05)\n")
        destinations = {"OnSuccess": {"Destination": told.arn}, "OnFailure": {"Destination": told.arn}}
        server.client().put_function_event_invoke_config(FunctionName="slow", DestinationConfig=destinations)
        senders = load(server, "slow", {}, senders=2)
        for number in range(KILLS):
            _wait_ended(server, 10 * (number + 1))
            machine_state.wait_until(lambda: bool(victims(server)), "somebody is there to be killed", 60)
            for process in victims(server):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        acknowledged = acknowledged_by(senders)
        wait_queue_empty(server)

        heard: set[str] = set()

        def all_heard() -> bool:
            for message in told.take_all():
                context = json.loads(message["Body"])["requestContext"]
                # Whoever was hit at each of its three attempts has failed, and that is told too.
                assert context["condition"] == "Success" or context["approximateInvokeCount"] == 3
                heard.add(context["requestId"])
            return acknowledged <= heard

        machine_state.wait_until(all_heard, "every event is told", 60)


def _wait_runs(ledger: Ledger, count: int) -> None:
    machine_state.wait_until(lambda: len(ledger.ends) >= count, f"{count} events ran", 60)


def _wait_ended(server: LiveServer, count: int) -> None:
    ended = "lamplighter_async_events_ended_total"
    machine_state.wait_until(lambda: figure(server, ended) >= count, f"{count} events have ended", 60)
