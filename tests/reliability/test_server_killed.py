"""kill -9 of the server at any moment: what was acknowledged is there and works, and nothing of the dead one stays."""

import contextlib
import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.in_process import ROLE, zip_of
from tests.contract.live_server import RUNTIME, LiveServer
from tests.reliability import machine_state
from tests.reliability.conftest import StartAgain

HANDLER = (
    "import time\n\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n    return {'is': '%s'}\n"
)


def create(client: Any, name: str, answer: str) -> str:
    """Create a function that answers `answer`; its CodeSha256 once that was acknowledged."""
    code = {"ZipFile": zip_of(app=HANDLER % answer)}
    created = client.create_function(FunctionName=name, Runtime=RUNTIME, Role=ROLE, Handler="app.handler", Code=code)
    return str(created["CodeSha256"])


def wait_active(client: Any, name: str) -> None:
    machine_state.wait_until(
        lambda: client.get_function_configuration(FunctionName=name)["State"] == "Active", f"{name} is Active"
    )


def invoke(client: Any, name: str, event: dict[str, Any] | None = None) -> Any:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event or {}))
    payload = json.load(answer["Payload"])
    assert "FunctionError" not in answer, payload
    return payload


class Writer(threading.Thread):
    """A client that creates and updates functions until its server is gone, and remembers what was acknowledged."""

    def __init__(self, server: LiveServer, prefix: str) -> None:
        super().__init__()
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.begun = threading.Event()
        self._client = server.client()
        self._prefix = prefix

    def run(self) -> None:
        with contextlib.suppress(BotoCoreError, ClientError):
            for number in range(1000):
                name = f"{self._prefix}-{number}"
                self.acknowledged[name] = (create(self._client, name, name), name)
                self.begun.set()
                if number % 3 == 2:
                    self._update(f"{self._prefix}-{number - 2}")

    def _update(self, name: str) -> None:
        wait_active(self._client, name)
        answer = f"{name}, renewed"
        before = self.acknowledged.pop(name)
        try:
            updated = self._client.update_function_code(FunctionName=name, ZipFile=zip_of(app=HANDLER % answer))
        except ClientError:
            self.acknowledged[name] = before  # refused, so the old one counts; a broken connection leaves it open
            raise
        self.acknowledged[name] = (updated["CodeSha256"], answer)


@pytest.mark.parametrize("after_seconds", [0.0, 0.03, 0.15, 0.5])
def test_what_was_acknowledged_before_a_kill_is_there_and_works(start_again: StartAgain, after_seconds: float) -> None:
    server = start_again()
    writers = [Writer(server, f"writer{number}") for number in range(3)]
    for writer in writers:
        writer.start()
    assert all(writer.begun.wait(30) for writer in writers)
    threading.Event().wait(after_seconds)
    server.stop(signal.SIGKILL)
    for writer in writers:
        writer.join(30)

    client = start_again().client()
    acknowledged = {name: told for writer in writers for name, told in writer.acknowledged.items()}
    assert len(acknowledged) >= len(writers)
    for name, (digest, _) in acknowledged.items():
        assert client.get_function_configuration(FunctionName=name)["CodeSha256"] == digest
        wait_active(client, name)
    for name, (_, answer) in list(acknowledged.items())[:6]:
        assert invoke(client, name) == {"is": answer}


def test_a_killed_server_leaves_no_process_namespace_group_or_mount(start_again: StartAgain, tmp_path: Path) -> None:
    server = start_again()
    client = server.client()
    create(client, "idle", "idle")
    create(client, "busy", "busy")
    for name in ("idle", "busy"):
        wait_active(client, name)
        invoke(client, name)
    busy = threading.Thread(target=_invoke_in_vain, args=(server,))
    busy.start()
    processes = machine_state.below(server.process.pid)
    namespaces = machine_state.namespaces(processes)
    groups = machine_state.control_groups(processes)
    assert len(processes) >= 3  # the spawner and what runs in two sandboxes

    server.stop(signal.SIGKILL)
    busy.join(30)
    machine_state.wait_until(lambda: not [p for p in processes if p.is_alive()], "every process has ended")
    machine_state.wait_until(lambda: not namespaces & machine_state.namespaces_in_use(), "every namespace is gone")

    again = start_again()
    machine_state.wait_until(lambda: not _stale(groups, again), "every control group is gone")
    assert invoke(again.client(), "idle") == {"is": "idle"}
    again.stop()
    assert machine_state.mounts_under(tmp_path) == []


def _stale(groups: set[Path], server: LiveServer) -> list[Path]:
    """Groups of the dead server that still exist and are not, under the same name, the new server's."""
    in_use = machine_state.control_groups(machine_state.below(server.process.pid))
    return [group for group in groups if group.exists() and not [one for one in in_use if one.is_relative_to(group)]]


def _invoke_in_vain(server: LiveServer) -> None:
    with contextlib.suppress(BotoCoreError, ClientError):
        server.client().invoke(FunctionName="busy", Payload=b'{"sleep": 20}')


def test_a_server_killed_again_and_again_starts_every_time(start_again: StartAgain) -> None:
    server = start_again()
    create(server.client(), "survivor", "survivor")
    for _ in range(5):
        server.stop(signal.SIGKILL)
        server = start_again()
    wait_active(server.client(), "survivor")
    assert invoke(server.client(), "survivor") == {"is": "survivor"}
