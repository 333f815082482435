"""Events on a disk in trouble: its power is cut, or it fills up. What was acknowledged with 202 runs all the same.

The short form runs with the others; the full one (100 cuts) is
`LAMPLIGHTER_TEST_CUTS=100 .venv/bin/pytest tests/reliability -k power`.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lamplighter.kernel.limits import MIB
from tests.contract.live_server import LiveServer, start_server
from tests.reliability import ledger as ledgers
from tests.reliability import machine_state
from tests.reliability.conftest import RUNTIMES
from tests.reliability.ledger import Ledger
from tests.reliability.senders import acknowledged_by, acknowledged_so_far, create, figure, load, wait_queue_empty
from tests.storage.disks import LoopDisk

CUTS = int(os.environ.get("LAMPLIGHTER_TEST_CUTS", "2"))
pytestmark = [
    pytest.mark.timeout(240 + 30 * CUTS),
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.usefixtures("runtime"),
]
# AWS's own times: an event that waits for many cuts must not become too old.
SETTINGS = {"LAMPLIGHTER_ASYNC_CONCURRENCY": "16"}
# Free space below which the storage takes nothing new.
LOW_WATER = 32 * MIB
Start = Callable[[], LiveServer]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    made = LoopDisk(tmp_path)
    yield made
    made.unmount()


@pytest.fixture
def start(disk: LoopDisk) -> Iterator[Start]:
    """Starts a server whose data lies on the disk; each must have ended before the next."""
    started: list[LiveServer] = []

    def start() -> LiveServer:
        data_dir = disk.mount_point / "data"
        data_dir.mkdir(exist_ok=True)
        if not (data_dir / "runtimes").is_symlink():
            (data_dir / "runtimes").symlink_to(RUNTIMES)
        started.append(start_server("up", data_dir, "--driver", "process", environment=SETTINGS))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def create_ledger(server: LiveServer, ledger: Ledger) -> None:
    create(server, "ledger", ledgers.FUNCTION, Environment={"Variables": {"LEDGER_PORT": str(ledger.port)}})


def end_all(server: LiveServer, number: int) -> None:
    """End the server and wait for whoever it left on the disk."""
    processes = machine_state.below(server.process.pid)
    server.stop(number)
    machine_state.wait_until(lambda: not [one for one in processes if one.is_alive()], "no process is left", 60)


def test_a_power_cut_loses_no_acknowledged_event(disk: LoopDisk, start: Start) -> None:
    with ledgers.open_ledger() as ledger:
        server = start()
        create_ledger(server, ledger)
        acknowledged: set[str] = set()
        for _ in range(CUTS):
            senders = load(server, "ledger", {"seconds": 0.02})
            machine_state.wait_until(lambda: len(acknowledged_so_far(senders)) >= 40, "events are accepted", 60)  # noqa: B023  # waited for at once
            before_the_cut = acknowledged_so_far(senders)
            disk.cut_power()
            # A server that cannot write any more must not go on acknowledging.
            machine_state.wait_until(lambda: server.process.poll() is not None, "the server has ended", 60)  # noqa: B023  # waited for at once
            assert server.process.returncode != 0
            acknowledged_by(senders)
            end_all(server, signal.SIGKILL)
            acknowledged |= before_the_cut
            disk.replace()
            server = start()

        machine_state.wait_until(lambda: not ledger.missing(acknowledged), "every acknowledged event ran", 120)
        wait_queue_empty(server)
        end_all(server, signal.SIGTERM)


def test_a_full_disk_refuses_new_events_keeps_the_old_ones_and_recovers(disk: LoopDisk, start: Start) -> None:
    with ledgers.open_ledger() as ledger:
        server = start()
        create_ledger(server, ledger)
        senders = load(server, "ledger", {"seconds": 0.05}, senders=2)
        machine_state.wait_until(lambda: len(acknowledged_so_far(senders)) >= 40, "events are accepted", 60)
        ballast = disk.mount_point / "ballast"
        _fill(ballast, leaving=LOW_WATER // 2)
        machine_state.wait_until(lambda: not [one for one in senders if one.is_alive()], "events are refused", 60)
        acknowledged = acknowledged_by(senders)

        with pytest.raises(ClientError) as refused:
            server.client().invoke(FunctionName="ledger", InvocationType="Event", Payload=b'{"seconds": 0}')
        assert refused.value.response["Error"]["Code"] == "ServiceException"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        # Somebody takes the last byte: what was accepted still runs and is put away.
        _fill(disk.mount_point / "more ballast", leaving=0)
        machine_state.wait_until(lambda: not ledger.missing(acknowledged), "every acknowledged event ran", 60)
        wait_queue_empty(server)
        assert ledger.duplicates() == 0
        assert figure(server, "lamplighter_async_events_ended_total") == len(acknowledged)

        ballast.unlink()
        (disk.mount_point / "more ballast").unlink()
        answer = server.client().invoke(FunctionName="ledger", InvocationType="Event", Payload=b'{"seconds": 0}')
        late = {answer["ResponseMetadata"]["RequestId"]}
        machine_state.wait_until(lambda: not ledger.missing(late), "a new event runs", 60)
        end_all(server, signal.SIGTERM)


def _fill(path: Path, *, leaving: int) -> None:
    status = os.statvfs(path.parent)
    room = status.f_bavail * status.f_frsize - leaving
    with contextlib.suppress(OSError), path.open("wb") as ballast:
        while room > 0:
            room -= ballast.write(bytes(min(room, MIB)))
            ballast.flush()
