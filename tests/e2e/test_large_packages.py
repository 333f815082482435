"""Packages are unpacked once and mounted: what a function sees are the files of the store, however many they are."""

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

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

FILES = 2000
WHEN = (2021, 3, 4, 5, 6, 8)
CODE = """
import os

def told(path):
    found = os.stat(path)
    return [found.st_ino, found.st_mtime_ns]

def handler(event, context):
    return {
        "files": sum(len(names) for _, _, names in os.walk("/var/task")),
        **{path: told(path) for path in event["paths"]},
    }
"""


def zip_of(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, WHEN)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    ensure(RuntimeDirectory(RUNTIMES), ["python3.11"])
    data_dir = tmp_path_factory.mktemp("large") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    server = start_server("dev", data_dir)
    yield server
    server.stop()


def stored(server: LiveServer, name: str) -> list[list[int]]:
    """Inode and time of every file of the store that ends so."""
    found = [path.stat() for path in sorted((server.data_dir / "packages").glob(f"*/{name}"))]
    return [[status.st_ino, status.st_mtime_ns] for status in found]


def test_code_and_layers_are_the_files_of_the_store(server: LiveServer) -> None:
    """The same inodes in every environment: nothing was copied to start them. The times are the zip's, so that
    compiled files of a package keep fitting their sources.
    """
    client = server.client()
    layers = [
        client.publish_layer_version(LayerName=name, Content={"ZipFile": zip_of({f"data/{name}": name})})
        for name in ("lower", "upper")
    ]
    code = {"index.py": CODE, **{f"lib/part{n % 50}/module{n}.py": f"VALUE = {n}\n" for n in range(FILES)}}
    paths = ["/var/task/index.py", "/var/task/lib/part7/module7.py", "/opt/data/lower", "/opt/data/upper"]

    answers = []
    for name in ("one", "two"):
        client.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/r",
            Handler="index.handler",
            Code={"ZipFile": zip_of(code)},
            Layers=[layer["LayerVersionArn"] for layer in layers],
            Timeout=60,
        )
        waiter = client.get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 10_000})
        answer = client.invoke(FunctionName=name, Payload=json.dumps({"paths": paths}))
        told: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        answers.append(told)

    assert answers[0] == answers[1]
    assert answers[0]["files"] == FILES + 1
    for path in paths:
        assert [answers[0][path]] == stored(server, path.removeprefix("/var/task/").removeprefix("/opt/"))
