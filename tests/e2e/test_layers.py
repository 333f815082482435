"""Layers take effect: published through the API, merged at /opt, found on every search path, and kept once in use."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import LiveServer, start_server
from tests.e2e.function_house import RUNTIMES, is_root

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

PYTHON = "python3.11"
NODE = "nodejs20.x"
ROLE = "arn:aws:iam::000000000000:role/r"
PYTHON_PROBE = """
import os, subprocess, deep, library, overlaid, own

def handler(event, context):
    try:
        open("/opt/python/library.py", "a")
        written = True
    except OSError:
        written = False
    return {
        "library": library.VALUE, "deep": deep.VALUE, "overlaid": overlaid.VALUE, "own": own.VALUE,
        "tool": subprocess.run(["tool"], capture_output=True, text=True, check=True).stdout,
        "opt": sorted(os.listdir("/opt")), "data": open("/opt/data/both.txt").read(), "written": written,
    }
"""
NODE_PROBE = """
const library = require("library");
const versioned = require("versioned");
exports.handler = async () => ({ library: library.value, versioned: versioned.value });
"""


def zip_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that shares the runtimes kept between test runs."""
    if interpreters.find_node("20") is None:
        pytest.skip(f"this machine has no {NODE}")
    ensure(RuntimeDirectory(RUNTIMES), [PYTHON, NODE, "provided.al2023"])
    data_dir = tmp_path_factory.mktemp("layers") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    server = start_server("dev", data_dir)
    yield server
    server.stop()


def publish(client: Any, name: str, files: dict[str, str]) -> str:
    arn: str = client.publish_layer_version(LayerName=name, Content={"ZipFile": zip_of(files)})["LayerVersionArn"]
    return arn


def create(client: Any, name: str, runtime: str, files: dict[str, str], layers: list[str]) -> None:
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": zip_of(files)},
        Layers=layers,
        Timeout=20,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 10_000})


def invoke(client: Any, name: str) -> dict[str, Any]:
    answer = client.invoke(FunctionName=name)
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


LOWER = {
    "python/library.py": "VALUE = 'lower'",
    "python/overlaid.py": "VALUE = 'lower'",
    "python/own.py": "VALUE = 'layer'",
    f"python/lib/{PYTHON}/site-packages/deep.py": "VALUE = 'site'",
    "bin/tool": "#!/bin/sh\nprintf tooled\n",
    "data/both.txt": "lower",
}
UPPER = {"python/overlaid.py": "VALUE = 'upper'", "data/both.txt": "upper", "extra": ""}
PROBED = {
    "library": "lower",
    "deep": "site",
    "overlaid": "upper",
    "own": "function",
    "tool": "tooled",
    "opt": ["bin", "data", "extra", "python"],
    "data": "upper",
    "written": False,
}


def update(client: Any, name: str, **members: Any) -> None:
    client.update_function_configuration(FunctionName=name, **members)
    waiter = client.get_waiter("function_updated_v2")
    waiter.wait(FunctionName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 10_000})


def test_python_layers_are_merged_and_go_on_working_when_deleted(server: LiveServer) -> None:
    client = server.client()
    layers = [publish(client, "lower", LOWER), publish(client, "upper", UPPER)]
    create(client, "layered", PYTHON, {"index.py": PYTHON_PROBE, "own.py": "VALUE = 'function'"}, layers)

    assert invoke(client, "layered") == PROBED

    for name in ("lower", "upper"):
        client.delete_layer_version(LayerName=name, VersionNumber=1)
    update(client, "layered", Timeout=21)
    assert invoke(client, "layered") == PROBED
    client.publish_version(FunctionName="layered")
    update(client, "layered", Layers=[])
    assert "FunctionError" in client.invoke(FunctionName="layered")
    assert invoke(client, "layered:1") == PROBED


def test_the_order_of_layers_is_the_order_of_the_function(server: LiveServer) -> None:
    client = server.client()
    first = publish(client, "first", {"python/overlaid.py": "VALUE = 'first'"})
    second = publish(client, "second", {"python/overlaid.py": "VALUE = 'second'"})
    probe = {"index.py": "import overlaid\ndef handler(event, context):\n    return {'value': overlaid.VALUE}\n"}
    create(client, "forward", PYTHON, probe, [first, second])
    create(client, "backward", PYTHON, probe, [second, first])

    assert invoke(client, "forward") == {"value": "second"}
    assert invoke(client, "backward") == {"value": "first"}


def test_node_finds_modules_of_layers(server: LiveServer) -> None:
    client = server.client()
    layer = publish(
        client,
        "modules",
        {
            "nodejs/node_modules/library/index.js": "exports.value = 'common';",
            "nodejs/node20/node_modules/versioned/index.js": "exports.value = 'twenty';",
        },
    )
    create(client, "node", NODE, {"index.js": NODE_PROBE}, [layer])

    assert invoke(client, "node") == {"library": "common", "versioned": "twenty"}


def test_a_layer_may_bring_the_runtime_itself(server: LiveServer) -> None:
    client = server.client()
    bootstrap = """#!/bin/sh
exec /usr/bin/python3 - <<'PYTHON'
import http.client, os
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    event.read()
    path = "/2018-06-01/runtime/invocation/" + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    api.request("POST", path, b'{"by": "layer"}')
    api.getresponse().read()
PYTHON
"""
    layer = publish(client, "runtime", {"bootstrap": bootstrap})
    create(client, "custom", "provided.al2023", {"index.txt": "nothing to run"}, [layer])

    assert invoke(client, "custom") == {"by": "layer"}
