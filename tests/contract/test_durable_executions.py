"""Durable executions that do not exist.

Facts: the service model (which errors each operation declares) and AWS's SDKs, which know a stale checkpoint token by
its message: the one for Python 3.0.0 begins with "Invalid checkpoint token", those for JavaScript 2.4.0 and Java with
"Invalid Checkpoint Token".
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest

from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import InProcessLambda

EXECUTION = f"{ARN}:sleeper:$LATEST/durable-execution/order-7/0b2f6c1e-5b1e-4a55-9c3b-0a2b7d1f9c11"
TOKEN = "dG9rZW4="
CALLBACK = "Y2FsbGJhY2svaWQr"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessLambda]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: InProcessLambda) -> Any:
    client = server.client(validate=False)
    create_active(client, "sleeper", Publish=True, DurableConfig={"ExecutionTimeout": 60})
    client.create_alias(FunctionName="sleeper", Name="live", FunctionVersion="1")
    return client


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"Qualifier": "1"},
        {"Qualifier": "live"},
        {"Statuses": ["RUNNING", "PAUSED"], "DurableExecutionName": "order-7"},
        {"StartedAfter": datetime(2026, 1, 1, tzinfo=UTC), "ReverseOrder": True, "MaxItems": 1000},
    ],
)
def test_a_function_that_never_ran_durably_has_no_executions(client: Any, members: dict[str, Any]) -> None:
    listed = bare(client.list_durable_executions_by_function(FunctionName="sleeper", **members))
    assert listed == {"DurableExecutions": []}


def test_executions_of_functions_and_versions_that_are_not_there(client: Any) -> None:
    for members, missing in (
        ({"FunctionName": "nowhere"}, f"{ARN}:nowhere"),
        ({"FunctionName": "sleeper", "Qualifier": "9"}, f"{ARN}:sleeper:9"),
        ({"FunctionName": "sleeper:gone"}, f"{ARN}:sleeper:gone"),
    ):
        expected = (404, "ResourceNotFoundException", f"Function not found: {missing}")
        assert refusal(client.list_durable_executions_by_function, **members) == expected


@pytest.mark.parametrize(
    "operation",
    [
        "get_durable_execution",
        "get_durable_execution_history",
        "stop_durable_execution",
        "pause_durable_execution",
        "resume_durable_execution",
        "delete_durable_execution",
    ],
)
def test_an_unknown_execution_is_not_found(client: Any, operation: str) -> None:
    expected = (404, "ResourceNotFoundException", f"Durable execution not found: {EXECUTION}")
    assert refusal(getattr(client, operation), DurableExecutionArn=EXECUTION) == expected


@pytest.mark.parametrize("operation", ["checkpoint_durable_execution", "get_durable_execution_state"])
def test_an_unknown_execution_makes_every_token_stale(client: Any, operation: str) -> None:
    call = getattr(client, operation)
    assert refusal(call, DurableExecutionArn=EXECUTION, CheckpointToken=TOKEN) == (
        400,
        "InvalidParameterValueException",
        "Invalid Checkpoint Token",
    )


def test_the_sdk_for_python_is_told_in_its_own_words(server: InProcessLambda) -> None:
    client = server.client()
    client.meta.events.register_first("before-send.lambda.*", call_as_the_sdk_for_python)
    call = client.checkpoint_durable_execution
    told = refusal(call, DurableExecutionArn=EXECUTION, CheckpointToken=TOKEN)
    assert told == (400, "InvalidParameterValueException", "Invalid checkpoint token")


def call_as_the_sdk_for_python(request: AWSPreparedRequest, **_: Any) -> None:
    request.headers["User-Agent"] = "Boto3/1.43 aws-durable-execution-sdk-python/3.0.0"


@pytest.mark.parametrize("outcome", ["success", "failure", "heartbeat"])
def test_an_unknown_callback_is_not_found(client: Any, outcome: str) -> None:
    call = getattr(client, f"send_durable_execution_callback_{outcome}")
    expected = (404, "ResourceNotFoundException", f"Callback not found: {CALLBACK}")
    assert refusal(call, CallbackId=CALLBACK) == expected


@pytest.mark.parametrize(("mine", "other"), [("111111111111", "222222222222"), ("us-east-1", "eu-west-1")])
def test_executions_elsewhere_are_as_unknown_as_any(client: Any, mine: str, other: str) -> None:
    arn = EXECUTION.replace(mine, other)
    expected = (404, "ResourceNotFoundException", f"Durable execution not found: {arn}")
    assert refusal(client.get_durable_execution, DurableExecutionArn=arn) == expected


def test_all_that_is_wrong_with_a_checkpoint_is_told_at_once(client: Any) -> None:
    updates = [{"Id": "a b", "Type": "STEP", "Action": "BEGIN"}]
    status, code, message = refusal(
        client.checkpoint_durable_execution, DurableExecutionArn=EXECUTION, CheckpointToken="-", Updates=updates
    )
    assert (status, code) == (400, "ValidationException")
    assert message.startswith("3 validation errors detected: ")
    assert "'checkpointToken'" in message
    assert "Member must satisfy enum value set: [" in message
