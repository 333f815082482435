"""Functions and the network, by the server's settings: the internet, names, and the Lambda API of the server itself."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import LiveServer, start_server
from tests.e2e.function_house import RUNTIMES, is_root
from tests.fake_internet import HOST, PUBLIC, RESOLVER, World, fake_internet, has_programs, in_network

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="needs root: network devices and firewall rules"),
    pytest.mark.skipif(not has_programs(), reason="needs nft, ip, nsenter and unshare"),
]

CODE = """
import json, os, socket, urllib.request

def handler(event, context):
    told = {"api": os.environ.get("AWS_ENDPOINT_URL_LAMBDA"), "address": None}
    if "connect" in event:
        with socket.create_connection((event["connect"], 80), timeout=20) as connection:
            told["address"] = connection.recv(64).decode()
    if "invoke" in event:
        url = f"{told['api']}/2015-03-31/functions/{event['invoke']}/invocations"
        request = urllib.request.Request(url, data=json.dumps({"connect": "example.test"}).encode())
        told["answer"] = json.loads(urllib.request.urlopen(request, timeout=50).read())
    return told
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fake_internet() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[LiveServer]:
    ensure(RuntimeDirectory(RUNTIMES), ["python3.11"])
    data_dir = tmp_path_factory.mktemp("egress") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    settings = {"EGRESS": "nat", "EGRESS_RESOLVER": RESOLVER, "EGRESS_API": "yes"}
    environment = {f"LAMPLIGHTER_{name}": value for name, value in settings.items()}
    server = in_network(world.host, lambda: start_server("dev", data_dir, environment=environment))
    yield server
    server.stop()


def create(server: LiveServer, name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", CODE)
    client = server.client()
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": buffer.getvalue()},
        Timeout=60,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 10_000})


def test_a_function_reaches_the_internet_by_name_and_another_function_by_the_api(
    server: LiveServer, world: World
) -> None:
    def deploy_and_invoke() -> dict[str, Any]:
        create(server, "caller")
        create(server, "called")
        event = json.dumps({"connect": PUBLIC, "invoke": "called"})
        answer = server.client().invoke(FunctionName="caller", Payload=event)
        told: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        return told

    told = in_network(world.host, deploy_and_invoke)

    assert told["address"] == HOST
    assert told["answer"]["address"] == HOST
