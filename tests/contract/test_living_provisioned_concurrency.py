"""Provisioned concurrency on a living server: really there before the first invoke, and again after a restart."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.contract.functions import PATIENCE
from tests.contract.in_process import zip_of
from tests.contract.live_server import RUNTIME, StartServer

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

CODE = zip_of(
    index="import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
)
AT = {"FunctionName": "warm", "Qualifier": "live"}
SECONDS = 40.0


def wait_ready(client: Any) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while True:
        found: dict[str, Any] = client.get_provisioned_concurrency_config(**AT)
        if found["Status"] != "IN_PROGRESS" or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def check_ready(client: Any) -> None:
    found = wait_ready(client)
    assert (found["Status"], found["AvailableProvisionedConcurrentExecutions"]) == ("READY", 2)
    answer = client.invoke(**AT)
    assert json.loads(answer["Payload"].read()) == "provisioned-concurrency"


def test_environments_are_kept_ready_across_a_restart(server_factory: StartServer, runtimes: Path) -> None:
    server = server_factory("dev", runtimes=runtimes)
    client = server.client()
    client.create_function(
        FunctionName="warm",
        Runtime=RUNTIME,
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": CODE},
        Timeout=20,
        Publish=True,
    )
    client.get_waiter("published_version_active").wait(FunctionName="warm", Qualifier="1", WaiterConfig=PATIENCE)
    client.create_alias(FunctionName="warm", Name="live", FunctionVersion="1")
    client.put_provisioned_concurrency_config(**AT, ProvisionedConcurrentExecutions=2)
    check_ready(client)
    assert server.stop() == 0

    check_ready(server_factory("dev").client())
