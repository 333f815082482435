"""An extension deployed as its users do: a layer through the API, attached to a function, seen in the invoke's log."""

import base64
import io
import zipfile
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import start_server
from tests.e2e import extension_layers as layers
from tests.e2e.function_house import RUNTIMES, is_root

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]


def zipped(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, text)
    return buffer.getvalue()


def test_a_layers_extension_runs_beside_the_function(tmp_path: Path) -> None:
    ensure(RuntimeDirectory(RUNTIMES), ("python3.11",))
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    server = start_server("dev", data_dir)
    try:
        client = server.client()
        layer = client.publish_layer_version(
            LayerName="watcher", Content={"ZipFile": zipped("extensions/watcher", layers.BASH)}
        )
        client.create_function(
            FunctionName="watched",
            Runtime="python3.11",
            Handler="index.handler",
            Role="arn:aws:iam::000000000000:role/r",
            Code={"ZipFile": zipped("index.py", "def handler(event, context):\n    return 'hello'\n")},
            Layers=[layer["LayerVersionArn"]],
        )
        answers = [client.invoke(FunctionName="watched", LogType="Tail") for _ in range(2)]
        assert [answer["Payload"].read() for answer in answers] == [b'"hello"', b'"hello"']
        assert b'event: {"eventType":"INVOKE"' in base64.b64decode(answers[0]["LogResult"])
    finally:
        server.stop()
    log = "".join(path.read_text(errors="replace") for path in data_dir.glob("logs/**/*") if path.is_file())
    assert "EXTENSION" in log
    assert "spindown" in log, "the server's end is the extension's shutdown"
    assert "bye" in log
