"""Responses that are streamed: from AWS's Node.js client and a custom runtime, through the server, to boto3."""

import base64
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import LiveServer, start_server
from tests.e2e.function_house import RUNTIMES, is_root
from tests.e2e.streaming_functions import BUFFERED, CUSTOM, NODE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

FUNCTIONS = {
    "node": ("nodejs22.x", "index.mjs", NODE),
    "custom": ("provided.al2023", "bootstrap", CUSTOM),
    "buffered": ("python3.11", "index.py", BUFFERED),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    ensure(RuntimeDirectory(RUNTIMES), tuple(runtime for runtime, _, _ in FUNCTIONS.values()))
    data_dir = tmp_path_factory.mktemp("streaming") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    running = start_server("dev", data_dir)
    try:
        client = running.client()
        for name, (runtime, file_name, code) in FUNCTIONS.items():
            client.create_function(
                FunctionName=name,
                Runtime=runtime,
                Handler="index.handler",
                Role="arn:aws:iam::000000000000:role/r",
                Timeout=10,
                MemorySize=256,
                Code={"ZipFile": zipped(file_name, code)},
            )
        client.update_function_configuration(FunctionName="custom", Timeout=2)
        yield running
    finally:
        running.stop()


def zipped(file_name: str, code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(file_name)
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, code)
    return buffer.getvalue()


class Streamed:
    """A whole streamed invoke: every chunk with the time of its arrival, and the last event."""

    def __init__(self, server: LiveServer, function: str, **event: Any) -> None:
        answer = server.client().invoke_with_response_stream(
            FunctionName=function, Payload=json.dumps(event), LogType="Tail"
        )
        self.content_type = answer["ResponseStreamContentType"]
        self.version = answer["ExecutedVersion"]
        self.chunks: list[tuple[float, bytes]] = []
        self.complete: dict[str, Any] = {}
        for part in answer["EventStream"]:
            assert not self.complete, "something follows InvokeComplete"
            if "PayloadChunk" in part:
                self.chunks.append((time.time(), part["PayloadChunk"]["Payload"]))
            else:
                self.complete = part["InvokeComplete"]

    @property
    def payload(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    @property
    def log(self) -> str:
        return base64.b64decode(self.complete["LogResult"]).decode()

    @property
    def error(self) -> dict[str, Any]:
        assert self.complete["ErrorCode"] == "Unhandled"
        details: dict[str, Any] = json.loads(self.complete["ErrorDetails"])
        return details


def test_a_node_handler_streams_while_it_still_runs(server: LiveServer) -> None:
    seen = Streamed(server, "node", pause=600, type="text/html")
    assert (seen.content_type, seen.version) == ("application/vnd.amazon.eventstream", "$LATEST")
    first_arrival, first = seen.chunks[0]
    assert first == b"first;"
    produced = float(seen.payload.split(b";")[1])
    assert first_arrival < produced, "the first chunk arrived after the second was produced"
    assert seen.payload.endswith(b";last")
    assert "ErrorCode" not in seen.complete
    assert "END RequestId" in seen.log
    assert "REPORT RequestId" in seen.log


def test_an_error_in_the_middle_follows_the_chunks(server: LiveServer) -> None:
    seen = Streamed(server, "node", fail=True)
    assert seen.payload.startswith(b"first;")
    error = seen.error
    assert (error["errorType"], error["errorMessage"]) == ("TypeError", "in the middle")
    assert Streamed(server, "node").payload.endswith(b"last"), "the environment serves on"


def test_an_error_before_the_first_byte_has_no_chunks(server: LiveServer) -> None:
    seen = Streamed(server, "node", early=True)
    assert seen.payload == b""
    assert seen.error["errorMessage"] == "before the first byte"


def test_a_runtime_that_dies_in_the_middle_ends_the_stream_with_an_error(server: LiveServer) -> None:
    seen = Streamed(server, "node", crash=True)
    assert seen.error["errorType"] in ("Runtime.TruncatedResponse", "Runtime.ExitError")
    assert Streamed(server, "node").payload.endswith(b"last"), "another environment serves on"


def test_a_timeout_in_the_middle_ends_the_stream_with_an_error(server: LiveServer) -> None:
    seen = Streamed(server, "custom", parts=10, pause=0.5)
    assert seen.payload.startswith(b"<0 ")
    error = seen.error
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")


def test_a_custom_runtime_streams_by_chunked_http(server: LiveServer) -> None:
    seen = Streamed(server, "custom", parts=3, pause=0.3)
    parts = [part.split() for part in seen.payload.decode().strip("<>").split("><")]
    assert [part[0] for part in parts] == ["0", "1", "2"]
    assert seen.chunks[0][0] < float(parts[1][1]), "the first part arrived after the second was produced"


def test_a_custom_runtimes_trailers_are_its_error(server: LiveServer) -> None:
    seen = Streamed(server, "custom", parts=1, fail=True)
    assert seen.error == {"errorType": "Odd", "errorMessage": "out of parts"}


def test_a_response_cut_off_by_its_runtime_is_an_error(server: LiveServer) -> None:
    seen = Streamed(server, "custom", parts=1, hang_up=True)
    assert seen.payload.startswith(b"<0 ")
    assert seen.error["errorType"] == "Runtime.TruncatedResponse"


def test_a_buffered_function_comes_in_one_chunk(server: LiveServer) -> None:
    seen = Streamed(server, "buffered", size=1_000_000)
    assert [len(chunk) for _, chunk in seen.chunks] == [1_000_002]
    assert "ErrorCode" not in seen.complete


def test_a_buffered_functions_error_has_no_chunks(server: LiveServer) -> None:
    seen = Streamed(server, "buffered", fail=True)
    assert seen.chunks == []
    assert seen.error["errorType"] == "KeyError"


def test_a_streaming_function_invoked_plainly_answers_in_one_piece(server: LiveServer) -> None:
    answer = server.client().invoke(FunctionName="node", Payload=b"{}")
    payload = answer["Payload"].read()
    assert payload.startswith(b"first;")
    assert payload.endswith(b";last")
    assert "FunctionError" not in answer
    failed = server.client().invoke(FunctionName="node", Payload=b'{"fail": true}')
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "TypeError"


def test_a_plain_invoke_is_held_to_6_mb_and_a_streamed_one_is_not(server: LiveServer) -> None:
    answer = server.client().invoke(FunctionName="node", Payload=b'{"megabytes": 8}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"
    seen = Streamed(server, "node", megabytes=40)
    assert len(seen.payload) > 40 * 1024 * 1024
    assert seen.payload.endswith(b"last")


def test_more_than_200_mb_is_cut_off_with_an_error_and_never_held_in_memory(server: LiveServer) -> None:
    seen_bytes = 0
    complete: dict[str, Any] = {}
    stream = server.client().invoke_with_response_stream(FunctionName="node", Payload=b'{"megabytes": 210}')
    for part in stream["EventStream"]:
        seen_bytes += len(part.get("PayloadChunk", {}).get("Payload", b""))
        complete = part.get("InvokeComplete", complete)
    assert 190 * 1024 * 1024 < seen_bytes <= 200 * 1024 * 1024
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Function.ResponseSizeTooLarge"
    assert peak_kib(server.process.pid) < 200 * 1024


def peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def test_a_client_that_hangs_up_leaves_the_function_running(server: LiveServer) -> None:
    answer = server.client().invoke_with_response_stream(
        FunctionName="node", Payload=b'{"pause": 300, "megabytes": 20, "name": "alone"}'
    )
    next(iter(answer["EventStream"]))
    answer["EventStream"].close()
    deadline = time.monotonic() + 10
    while not any("finished alone" in text for text in logs(server)):
        assert time.monotonic() < deadline, "the function was stopped or slowed down for ever"
        time.sleep(0.05)
    assert Streamed(server, "node").payload.endswith(b"last")


def logs(server: LiveServer) -> list[str]:
    return [path.read_text(errors="replace") for path in server.data_dir.glob("logs/**/*") if path.is_file()]
