"""Failures that AWS names and that are not a matter of one invoke alone: memory in init, extensions that give up, late
answers, wrappers of runtimes other than Python's.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html and runtimes-modify.html
"""

import json
from pathlib import Path
from typing import Any

import pytest

from lamplighter.invocation.request import InvokeResult
from lamplighter.sandboxes.runtimes import interpreters
from tests.e2e import extension_layers as layers
from tests.e2e.function_house import RUNTIMES, is_root, open_house, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

GIVES_UP = layers.PYTHON + (
    "me = register(['INVOKE'])\n"
    "call('GET', 'event/next', me)\n"
    "print(call('POST', 'exit/error', {**me, 'Lambda-Extension-Function-Error-Type': 'Extension.NoMore'}, '{}')[0],\n"
    "      flush=True)\n"
    "sys.exit(1)\n"
)
# Takes longer than it has, is asked to end, and answers then.
LATE = """#!/usr/bin/python3
import http.client, os, signal, time
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
connection.request("GET", "/2018-06-01/runtime/invocation/next")
answer = connection.getresponse()
answer.read()
request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
def answer_late(*_):
    connection.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b"1")
    answer = connection.getresponse()
    print("late:", answer.status, answer.read().decode(), flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, answer_late)
while True:
    time.sleep(0.01)
"""


def error_of(result: InvokeResult) -> dict[str, Any]:
    assert result.function_error == "Unhandled", result
    error: dict[str, Any] = json.loads(result.payload)
    return error


async def test_a_function_that_takes_too_much_memory_in_init_is_out_of_memory(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": "held = bytearray(600 * 1024 * 1024)\n"}, timeout=20)
        assert error_of(await house.invoke())["errorType"] == "Runtime.OutOfMemory"
        reports = [line for line in house.logs.messages() if line.startswith("INIT_REPORT")]
        assert len(reports) == 2
        assert all("Error Type: Runtime.OutOfMemory" in line for line in reports)


async def test_an_extension_that_reports_its_exit_in_an_invoke_is_the_reason_of_the_failure(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        layer = layers.add_layer(house, tired=GIVES_UP)
        house.deploy({"index.py": "import time\ndef handler(e, c): time.sleep(5)\n"}, timeout=20, layers=(layer,))
        assert error_of(await house.invoke())["errorType"] == "Extension.ExitError"
        assert "202\n" in house.logs.messages()


async def test_an_answer_after_the_timeout_is_refused_and_reaches_nobody(tmp_path: Path) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        layer = layers.add_layer(house, watcher=layers.BASH)
        house.deploy({"bootstrap": LATE}, runtime="provided.al2023", timeout=1, layers=(layer,))
        error = error_of(await house.invoke())
        assert error["errorType"] == "Sandbox.Timedout"
        await until(lambda: house.pools.capacity.environments == 0, 60)
        (late,) = (line for line in house.logs.messages() if line.startswith("late:"))
        assert late.startswith("late: 403 ")
        assert "InvalidStateTransition" in late


@pytest.mark.parametrize(
    ("runtime", "files"),
    [
        ("nodejs22.x", {"index.mjs": "export const handler = async () => process.env.WRAPPED;\n"}),
        ("python3.12", {"index.py": "import os\ndef handler(e, c): return os.environ['WRAPPED']\n"}),
    ],
)
async def test_a_wrapper_runs_in_front_of_every_managed_runtime(
    tmp_path: Path, runtime: str, files: dict[str, str]
) -> None:
    if not (RUNTIMES / runtime / "runtime.json").exists() and not _can_install(runtime):
        pytest.skip(f"this machine has no {runtime}")
    wrapper = '#!/bin/sh\nexport WRAPPED="$AWS_LAMBDA_FUNCTION_NAME"\nexec "$@"\n'
    async with open_house(tmp_path, runtimes=(runtime,)) as house:
        environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"}
        house.deploy({**files, "wrap": wrapper}, runtime=runtime, timeout=20, environment=environment)
        assert (await house.invoke()).payload == b'"probe"'


def _can_install(runtime: str) -> bool:
    if runtime.startswith("python"):
        return interpreters.find_python(runtime.removeprefix("python")) is not None
    return interpreters.find_node(runtime.removeprefix("nodejs").removesuffix(".x")) is not None


async def test_a_wrapper_is_nothing_to_an_os_only_runtime(tmp_path: Path) -> None:
    """Lambda runs the function's own bootstrap, whatever the variable says."""
    code = LATE.replace("while True:\n    time.sleep(0.01)\n", "answer_late()\n")
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/none"}
        house.deploy({"bootstrap": code}, runtime="provided.al2023", timeout=20, environment=environment)
        assert (await house.invoke()).payload == b"1"
