"""SnapStart through the API: a version is Pending until it is initialised, Failed with the reason when it cannot be."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.function_house import is_root
from tests.e2e.test_async_destinations import package_of, start
from tests.e2e.test_snap_start import RUNTIME, SLOW, SNAP_START

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]


def _publish(client: Any, name: str, code: str) -> Any:
    """The settled configuration of version 1, published through the API."""
    role = "arn:aws:iam::000000000000:role/r"
    package = package_of(code)
    client.create_function(
        FunctionName=name, Runtime=RUNTIME, Role=role, Handler="app.handler", Code={"ZipFile": package}, **SNAP_START
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    published = client.publish_version(FunctionName=name)
    assert (published["State"], published["StateReasonCode"]) == ("Pending", "Creating")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        settled = client.get_function_configuration(FunctionName=name, Qualifier="1")
        if settled["State"] != "Pending":
            return settled
    raise AssertionError("the version stays Pending")


def _call(client: Any, name: str) -> tuple[Any, str]:
    answer = client.invoke(FunctionName=name, Qualifier="1", Payload=b"0", LogType="Tail")
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body, base64.b64decode(answer["LogResult"]).decode()


def test_a_version_is_published_restored_and_taken_again_after_a_restart(tmp_path: Path) -> None:
    server = start(tmp_path, {})
    try:
        client = server.client()
        failed = _publish(client, "failing", "raise ValueError('no such luck')")
        settled = _publish(client, "slow", SLOW)
        body, log = _call(client, "slow")
    finally:
        assert server.stop() == 0
    assert (failed["State"], failed["StateReasonCode"]) == ("Failed", "FunctionError.RuntimeInitError")
    assert "no such luck" in failed["StateReason"]
    assert settled["State"] == "Active"
    assert settled["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert "\tRestore Duration: " in log

    server = start(tmp_path, {})
    try:
        again, log = _call(server.client(), "slow")
    finally:
        assert server.stop() == 0
    assert again["variables"][0] == "snap-start"
    assert again["once"] != body["once"]
