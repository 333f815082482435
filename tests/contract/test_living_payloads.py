"""Sizes of events and responses on a living server: the last byte that passes, and the first that does not."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.functions import PATIENCE
from tests.contract.in_process import zip_of
from tests.contract.live_server import RUNTIME, LiveServer, start_server

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

SYNC = 6_291_556
ASYNC = 1_048_576
CODE = "def handler(event, context):\n    return 'x' * event if isinstance(event, int) else len(event)\n"


@pytest.fixture(scope="module")
def server(runtimes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data_dir = tmp_path_factory.mktemp("payloads") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(runtimes)
    running = start_server("dev", data_dir)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Any:
    client = server.client()
    client.create_function(
        FunctionName="sizes",
        Runtime=RUNTIME,
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": zip_of(index=CODE)},
        Timeout=60,
        MemorySize=512,
    )
    client.get_waiter("function_active_v2").wait(FunctionName="sizes", WaiterConfig=PATIENCE)
    return client


def text_of(size: int) -> bytes:
    """A JSON string that takes so many bytes."""
    return b'"%s"' % (b"x" * (size - 2))


def refusal(client: Any, **members: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName="sizes", **members)
    answer: Any = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.parametrize("operation", ["invoke", "invoke_with_response_stream"])
def test_an_event_may_have_six_megabytes(client: Any, operation: str) -> None:
    answer = getattr(client, operation)(FunctionName="sizes", Payload=text_of(SYNC))
    if operation == "invoke":
        told = answer["Payload"].read()
    else:
        told = b"".join(part["PayloadChunk"]["Payload"] for part in answer["EventStream"] if "PayloadChunk" in part)
    assert json.loads(told) == SYNC - 2


def test_one_byte_more_is_refused_before_anything_runs(client: Any) -> None:
    status, code, message = refusal(client, Payload=text_of(SYNC + 1))
    assert (status, code) == (413, "RequestEntityTooLargeException")
    assert message == f"Request must be smaller than {SYNC} bytes for the InvokeFunction operation"


def test_an_asynchronous_event_may_have_one_megabyte(client: Any) -> None:
    assert client.invoke(FunctionName="sizes", InvocationType="Event", Payload=text_of(ASYNC))["StatusCode"] == 202
    assert refusal(client, InvocationType="Event", Payload=text_of(ASYNC + 1))[0] == 413


def test_a_response_may_have_six_megabytes(client: Any) -> None:
    whole = client.invoke(FunctionName="sizes", Payload=str(SYNC - 2).encode())
    assert "FunctionError" not in whole
    assert len(whole["Payload"].read()) == SYNC
    beyond = client.invoke(FunctionName="sizes", Payload=str(SYNC - 1).encode())
    assert beyond["FunctionError"] == "Unhandled"
    assert json.load(beyond["Payload"]) == {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({SYNC} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_a_dry_run_and_the_old_name_of_an_event(client: Any) -> None:
    dry = client.invoke(FunctionName="sizes", InvocationType="DryRun", Payload=b"1")
    assert (dry["StatusCode"], dry["Payload"].read()) == (204, b"")
    assert client.invoke_async(FunctionName="sizes", InvokeArgs=b'"abc"')["Status"] == 202
