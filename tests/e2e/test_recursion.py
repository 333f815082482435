"""Loops are stopped at the seventeenth invoke: by destinations, by functions that call with their own trace header."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.live_server import LiveServer
from tests.e2e.function_house import is_root
from tests.e2e.test_async_destinations import FUNCTION, configure, create, package_of, record_in, send, start
from tests.moto_server import MotoServer, moto_server

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

CODE = """
import os
def handler(event, context):
    return os.environ["_X_AMZN_TRACE_ID"]
"""


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with moto_server() as running:
        yield running


@pytest.fixture(scope="module")
def server(moto: MotoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    running = start(tmp_path_factory.mktemp("recursion"), moto.settings("sqs"))
    yield running
    running.stop()


def depth(record: Any) -> int:
    """How many records lie in one another."""
    count = 0
    while isinstance(record, dict) and "requestPayload" in record:
        record, count = record["requestPayload"], count + 1
    return count


def calling(server: LiveServer, header: str) -> Any:
    """A client that sends the trace header, as an SDK inside a function does."""
    client = server.client()

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    client.meta.events.register("before-send.lambda.Invoke", add)
    return client


def test_functions_that_are_each_others_destinations_run_sixteen_times_each(
    server: LiveServer, moto: MotoServer
) -> None:
    queue = moto.queue("stopped")
    for name in ("ping", "pong"):
        client = create(server, name, Code={"ZipFile": package_of(CODE)})
    for name, other in (("ping", "pong"), ("pong", "ping")):
        configure(client, name, OnSuccess=f"{FUNCTION}:{other}", OnFailure=queue.arn)
    send(client, "ping", {"n": 1})

    record = record_in(queue)

    assert depth(record) == 33
    assert record["requestContext"]["functionArn"] == f"{FUNCTION}:ping:$LATEST"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


def test_a_caller_in_a_loop_is_told_so_until_the_function_may_recurse(server: LiveServer) -> None:
    client = create(server, "called", Code={"ZipFile": package_of(CODE)})
    header = ""
    for count in range(16):
        header = json.load(calling(server, header).invoke(FunctionName="called")["Payload"])
        assert header.endswith(f":{count}")
    with pytest.raises(ClientError) as stopped:
        calling(server, header).invoke(FunctionName="called")
    answer: Any = stopped.value.response
    assert answer["Error"]["Code"] == "RecursiveInvocationException"
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Type"]) == (400, "User")
    assert answer["Error"]["Message"] == (
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources "
        "and stopped your function's invocation."
    )

    client.put_function_recursion_config(FunctionName="called", RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName="called")["RecursiveLoop"] == "Allow"
    allowed = json.load(calling(server, header).invoke(FunctionName="called")["Payload"])
    assert allowed.endswith(":16")
