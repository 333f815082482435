"""Invoke as the API shows it: headers, statuses, log tail, refusals before anything runs. The door here echoes."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lamplighter.invocation.request import InvokeResult
from tests.contract.functions import ARN, create, create_active, refusal
from tests.contract.in_process import InProcessLambda


@pytest.fixture
def server(tmp_path: Any) -> Iterator[InProcessLambda]:
    with InProcessLambda(tmp_path) as server:
        yield server


def test_an_invoke_carries_what_the_request_says(server: InProcessLambda) -> None:
    client = server.client()
    create_active(client, "echo", Publish=True)
    context = base64.b64encode(b'{"custom": {"a": 1}}').decode()

    answer = client.invoke(FunctionName="echo:1", Payload=b'{"a": 1}', LogType="Tail", ClientContext=context)

    assert answer["StatusCode"] == 200
    assert json.load(answer["Payload"]) == {"a": 1}
    (asked,) = server.door.asked
    assert (asked.function_name, asked.qualifier, asked.invoked_arn) == ("echo", "1", f"{ARN}:echo:1")
    assert (asked.invocation_type, asked.wants_log_tail, asked.client_context) == ("RequestResponse", True, context)


def test_the_answer_tells_error_version_and_log(server: InProcessLambda) -> None:
    client = server.client()
    create_active(client, "failing")
    server.door.result = InvokeResult(
        payload=b'{"errorType": "X"}', function_error="Unhandled", executed_version="7", log_tail=b"START\n"
    )

    answer = client.invoke(FunctionName="failing", LogType="Tail")

    assert (answer["StatusCode"], answer["FunctionError"], answer["ExecutedVersion"]) == (200, "Unhandled", "7")
    assert base64.b64decode(answer["LogResult"]) == b"START\n"
    assert json.load(answer["Payload"]) == {"errorType": "X"}


def test_events_and_dry_runs_have_a_status_and_nothing_else(server: InProcessLambda) -> None:
    client = server.client()
    create_active(client, "event")

    for invocation_type, status in (("Event", 202), ("DryRun", 204)):
        answer = client.invoke(FunctionName="event", InvocationType=invocation_type, Payload=b"{}", LogType="Tail")
        assert answer["StatusCode"] == status
        assert answer["Payload"].read() == b""
        assert "ExecutedVersion" not in answer
        assert server.door.asked[-1].wants_log_tail is False
    assert client.invoke_async(FunctionName="event", InvokeArgs=b"{}")["Status"] == 202
    assert server.door.asked[-1].invocation_type == "Event"


def test_a_streamed_answer_ends_with_its_completion(server: InProcessLambda) -> None:
    client = server.client()
    create_active(client, "stream")
    server.door.result = InvokeResult(payload=b"x" * 100_000, log_tail=b"log")

    answer = client.invoke_with_response_stream(FunctionName="stream", LogType="Tail")

    events = list(answer["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1]) == b"x" * 100_000
    assert base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]) == b"log"


def test_an_invoke_right_after_creation_waits_for_it(server: InProcessLambda) -> None:
    client = server.client()
    create(client, "hasty")

    assert client.invoke(FunctionName="hasty")["StatusCode"] == 200


@pytest.mark.parametrize("context", ["no base64!", base64.b64encode(b"no json").decode(), "W10="])
def test_a_client_context_is_a_json_object_in_base64(server: InProcessLambda, context: str) -> None:
    client = server.client()
    create_active(client, "context")

    assert refusal(client.invoke, FunctionName="context", ClientContext=context) == (
        400,
        "InvalidRequestContentException",
        "Client context must be a valid Base64-encoded JSON object.",
    )


def test_a_tenant_is_named_where_functions_are_isolated_by_tenant(server: InProcessLambda) -> None:
    client = server.client()
    create_active(client, "isolated", TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    create_active(client, "shared")

    assert refusal(client.invoke, FunctionName="isolated")[:2] == (400, "InvalidParameterValueException")
    assert refusal(client.invoke, FunctionName="shared", TenantId="t")[:2] == (400, "InvalidParameterValueException")
    client.invoke(FunctionName="isolated", TenantId="t")
    assert server.door.asked[-1].tenant_id == "t"
    for odd in ("x" * 257, "a;b"):
        assert refusal(client.invoke, FunctionName="isolated", TenantId=odd)[0] == 400


def test_what_shares_environments_or_names_no_tenant_is_refused_where_tenants_are_isolated(
    server: InProcessLambda,
) -> None:
    client = server.client()
    create_active(client, "apart", TenancyConfig={"TenantIsolationMode": "PER_TENANT"}, Publish=True)
    queue = "arn:aws:sqs:us-east-1:000000000000:queue"
    refusals = [
        refusal(client.create_function_url_config, FunctionName="apart", AuthType="NONE"),
        refusal(client.create_event_source_mapping, FunctionName="apart", EventSourceArn=queue),
        refusal(
            client.put_provisioned_concurrency_config,
            FunctionName="apart", Qualifier="1", ProvisionedConcurrentExecutions=1,
        ),
        refusal(client.update_function_configuration, FunctionName="apart", SnapStart={"ApplyOn": "PublishedVersions"}),
    ]  # fmt: skip

    assert [answer[:2] for answer in refusals] == [(400, "InvalidParameterValueException")] * 4
    assert all("tenant isolation" in answer[2] for answer in refusals)
    client.update_function_configuration(FunctionName="apart", Timeout=9)
    kept = client.get_function_configuration(FunctionName="apart")["TenancyConfig"]
    assert kept == {"TenantIsolationMode": "PER_TENANT"}
