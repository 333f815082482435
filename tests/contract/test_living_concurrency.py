"""Routing and concurrency on a living server: versions by alias, reservations under many clients, refusals."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.functions import PATIENCE
from tests.contract.in_process import zip_of
from tests.contract.live_server import RUNTIME, LiveServer, start_server

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

CLIENTS = 64
RESERVED = 4
# The monotonic clock is the same in every sandbox of a machine.
CODE = """
import os, time
def handler(event, context):
    begun = time.monotonic()
    time.sleep(event.get("seconds", 0))
    return [begun, time.monotonic(), context.function_version, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]
"""


@pytest.fixture(scope="module")
def server(runtimes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data_dir = tmp_path_factory.mktemp("concurrency") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(runtimes)
    running = start_server("dev", data_dir)
    yield running
    running.stop()


def create(server: LiveServer, name: str) -> Any:
    client = server.client()
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": zip_of(index=CODE)},
        Timeout=60,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=PATIENCE)
    return client


async def call(server: LiveServer, name: str, event: object, answers: list[tuple[int, Any]], served: int) -> None:
    """Invoke again and again over one connection, until all clients together have been served so often."""
    reader, writer = await asyncio.open_connection(*server.address)
    body = json.dumps(event)
    head = f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    while sum(status == 200 for status, _ in answers) < served:
        writer.write((head + body).encode())
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in told if line.startswith("content-length:"))
        answers.append((int(told[0].split()[1]), json.loads(await reader.readexactly(length))))
        await asyncio.sleep(0.02)
    writer.close()


async def crowd(server: LiveServer, name: str, served: int) -> list[tuple[int, Any]]:
    """What many clients are answered."""
    answers: list[tuple[int, Any]] = []
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(call(server, name, {"seconds": 0.1}, answers, served))
    return answers


def most_at_once(spans: list[list[Any]]) -> int:
    """How many of the spans of time had a moment in common."""
    edges = sorted([(begun, 1) for begun, *_ in spans] + [(ended, -1) for _, ended, *_ in spans])
    running = most = 0
    for _, step in edges:
        running += step
        most = max(most, running)
    return most


def test_a_reservation_is_never_exceeded_by_one_under_many_clients(server: LiveServer) -> None:
    client = create(server, "held")
    client.put_function_concurrency(FunctionName="held", ReservedConcurrentExecutions=RESERVED)

    answers = asyncio.run(crowd(server, "held", 80))

    assert {status for status, _ in answers} == {200, 429}
    assert most_at_once([told for status, told in answers if status == 200]) == RESERVED
    refused = next(told for status, told in answers if status == 429)
    assert refused == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }


def test_provisioned_environments_serve_first_and_what_spills_over_counts_against_the_reservation(
    server: LiveServer,
) -> None:
    client = create(server, "warm")
    client.publish_version(FunctionName="warm")
    client.get_waiter("published_version_active").wait(FunctionName="warm", Qualifier="1", WaiterConfig=PATIENCE)
    client.put_function_concurrency(FunctionName="warm", ReservedConcurrentExecutions=3)
    at = {"FunctionName": "warm", "Qualifier": "1"}
    client.put_provisioned_concurrency_config(**at, ProvisionedConcurrentExecutions=2)
    deadline = time.monotonic() + 60
    while client.get_provisioned_concurrency_config(**at)["Status"] != "READY":
        assert time.monotonic() < deadline
        time.sleep(0.05)

    answers = asyncio.run(crowd(server, "warm:1", 60))

    served = [told for status, told in answers if status == 200]
    assert most_at_once(served) == 3
    assert {told[3] for told in served} == {"provisioned-concurrency", "on-demand"}
    assert {told["Reason"] for status, told in answers if status == 429} == {
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    }


def test_a_function_that_is_switched_off_says_when_to_come_again(server: LiveServer) -> None:
    client = create(server, "off")
    client.put_function_concurrency(FunctionName="off", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        client.invoke(FunctionName="off")
    answer: Any = refused.value.response
    assert answer["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert (answer["Reason"], answer["Type"]) == ("ReservedFunctionConcurrentInvocationLimitExceeded", "User")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["retryAfterSeconds"] == answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"

    client.delete_function_concurrency(FunctionName="off")
    assert client.invoke(FunctionName="off")["StatusCode"] == 200


def test_every_qualifier_leads_to_its_version_and_the_answer_tells_which(server: LiveServer) -> None:
    client = create(server, "routed")
    for description in ("one", "two"):
        client.update_function_configuration(FunctionName="routed", Description=description)
        client.get_waiter("function_updated_v2").wait(FunctionName="routed", WaiterConfig=PATIENCE)
        client.publish_version(FunctionName="routed")
    for version in ("1", "2"):
        client.get_waiter("published_version_active").wait(
            FunctionName="routed", Qualifier=version, WaiterConfig=PATIENCE
        )
    client.create_alias(FunctionName="routed", Name="live", FunctionVersion="1")
    assert routed(client) == "$LATEST"
    for qualifier, version in (("$LATEST", "$LATEST"), ("1", "1"), ("2", "2"), ("live", "1")):
        assert routed(client, Qualifier=qualifier) == version, qualifier

    client.update_alias(FunctionName="routed", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    assert {routed(client, Qualifier="live") for _ in range(40)} == {"1", "2"}
    client.update_alias(FunctionName="routed", Name="live", FunctionVersion="2", RoutingConfig={})
    client.update_alias(
        FunctionName="routed", Name="live", RoutingConfig={"AdditionalVersionWeights": {}}, Description="all to two"
    )
    assert {routed(client, Qualifier="live") for _ in range(10)} == {"2"}
    for unknown in ("3", "gone"):
        with pytest.raises(ClientError) as refused:
            client.invoke(FunctionName="routed", Qualifier=unknown)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def routed(client: Any, **members: str) -> str:
    """The version that ran, by its own account and by the answer's."""
    answer = client.invoke(FunctionName="routed", Payload=b"{}", **members)
    ran: str = json.load(answer["Payload"])[2]
    assert answer["ExecutedVersion"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-executed-version"] == ran
    return ran
