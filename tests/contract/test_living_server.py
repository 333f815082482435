"""The assembled server: a function created and invoked through boto3 survives restarts, however they come about."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.contract.live_server import RUNTIME, LiveServer, StartServer

CODE = """
import os

def handler(event, context):
    print("seen", event)
    return {"event": event, "name": context.function_name, "uid": os.getuid()}
"""


def package() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("handler.py", CODE)
    return data.getvalue()


def create(client: Any, name: str) -> None:
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role="arn:aws:iam::000000000000:role/r",
        Handler="handler.handler",
        Code={"ZipFile": package()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90})


def invoke(client: Any, name: str) -> dict[str, Any]:
    answer = client.invoke(FunctionName=name, Payload=b'{"n": 1}')
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_function_lives_through_sigterm_and_kill_9(server_factory: StartServer, runtimes: Path) -> None:
    server: LiveServer = server_factory("up", runtimes=runtimes)
    create(server.client(), "survivor")
    told = invoke(server.client(), "survivor")
    assert (told["event"], told["name"]) == ({"n": 1}, "survivor")
    assert told["uid"] != 0

    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        assert server.stop(number) == code
        server = server_factory("up", runtimes=runtimes)
        assert invoke(server.client(), "survivor") == told


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_command_line_invokes_and_shows_logs(server_factory: StartServer, runtimes: Path) -> None:
    server: LiveServer = server_factory("dev", runtimes=runtimes)
    create(server.client(), "spoken")

    invoked = verb(server.data_dir, "invoke", "spoken", "--payload", '{"said": "hello"}', "--tail")
    assert json.loads(invoked.stdout)["event"] == {"said": "hello"}
    assert "REPORT RequestId: " in invoked.stderr
    assert verb(server.data_dir, "invoke", "absent").returncode == 1

    deadline = time.monotonic() + 10
    while "REPORT RequestId: " not in (shown := verb(server.data_dir, "logs", "spoken").stdout):
        assert time.monotonic() < deadline, shown
    assert "seen {'said': 'hello'}\n" in shown


def verb(data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lamplighter.cli", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
