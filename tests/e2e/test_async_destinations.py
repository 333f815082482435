"""Outcomes of events reach every kind of target: the real server, real functions, moto as SQS, SNS, EventBridge, S3."""

import io
import json
import socket
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import RUNTIME, LiveServer, start_server
from tests.e2e.function_house import RUNTIMES, is_root
from tests.moto_server import ACCOUNT, REGION, MotoServer, Queue, moto_server, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
CODE = """
def handler(event, context):
    if event.get("fails"):
        raise ValueError("as asked")
    return {"answer": event}
"""
# Retries after 60 and 120 thousandths of a second instead of a minute and two.
FAST = {"LAMPLIGHTER_ASYNC_TIME_SCALE": "0.001"}


def package_of(code: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", code)
    return data.getvalue()


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with moto_server() as running:
        yield running


def start(folder: Path, environment: dict[str, str]) -> LiveServer:
    ensure(RuntimeDirectory(RUNTIMES), [RUNTIME])
    data_dir = folder / "data"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not (data_dir / "runtimes").exists():
        (data_dir / "runtimes").symlink_to(RUNTIMES)
    return start_server("up", data_dir, environment={**FAST, **environment})


@pytest.fixture(scope="module")
def server(moto: MotoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    running = start(tmp_path_factory.mktemp("destinations"), moto.settings("sqs", "sns", "events", "s3"))
    yield running
    running.stop()


def create(server: LiveServer, name: str, **members: Any) -> Any:
    client = server.client()
    code = members.pop("Code", None) or {"ZipFile": package_of(CODE)}
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    client.create_function(FunctionName=name, Runtime=RUNTIME, Role=role, Handler="app.handler", Code=code, **members)
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    return client


def configure(client: Any, name: str, **members: Any) -> None:
    """PutFunctionEventInvokeConfig; OnSuccess and OnFailure are ARNs."""
    destinations = {kind: {"Destination": members.pop(kind)} for kind in ("OnSuccess", "OnFailure") if kind in members}
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig=destinations, **members)


def send(client: Any, name: str, event: object, **members: Any) -> str:
    """Invoke with Event; the request id."""
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event), **members)
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    return str(answer["ResponseMetadata"]["RequestId"])


def record_in(queue: Queue) -> Any:
    (message,) = queue.take()
    return json.loads(message["Body"])


def test_a_success_is_told_to_a_queue_with_awss_record(server: LiveServer, moto: MotoServer) -> None:
    client, queue = create(server, "success"), moto.queue("success")
    configure(client, "success", OnSuccess=queue.arn)
    request_id = send(client, "success", {"n": 1})

    record = record_in(queue)

    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{FUNCTION}:success:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"answer": {"n": 1}},
    }


def test_a_failure_is_retried_twice_then_told_to_topic_and_dead_letter_queue(
    server: LiveServer, moto: MotoServer
) -> None:
    dead, heard, sns = moto.queue("dead"), moto.queue("heard"), moto.client("sns")
    topic = sns.create_topic(Name="failures")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard.arn)
    client = create(server, "failure", DeadLetterConfig={"TargetArn": dead.arn})
    configure(client, "failure", OnFailure=topic)
    request_id = send(client, "failure", {"fails": True})

    record = json.loads(record_in(heard)["Message"])
    (letter,) = dead.take()

    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "as asked"
    assert json.loads(letter["Body"]) == {"fails": True}
    told = {name: (value["DataType"], value["StringValue"]) for name, value in letter["MessageAttributes"].items()}
    assert told == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "as asked"),
    }


def test_a_dead_letter_topic_gets_event_and_attributes(server: LiveServer, moto: MotoServer) -> None:
    heard, sns = moto.queue("heard-letters"), moto.client("sns")
    topic = sns.create_topic(Name="letters")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard.arn)
    client = create(server, "letters", DeadLetterConfig={"TargetArn": topic})
    client.put_function_event_invoke_config(FunctionName="letters", MaximumRetryAttempts=0)
    send(client, "letters", {"fails": 1})

    letter = record_in(heard)

    assert json.loads(letter["Message"]) == {"fails": 1}
    assert letter["MessageAttributes"]["ErrorMessage"]["Value"] == "as asked"


def test_an_outcome_becomes_an_event_on_a_bus(server: LiveServer, moto: MotoServer) -> None:
    events, queue = moto.client("events"), moto.queue("from-the-bus")
    bus = events.create_event_bus(Name="outcomes")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="outcomes", EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule="all", EventBusName="outcomes", Targets=[{"Id": "1", "Arn": queue.arn}])
    client = create(server, "bussed")
    configure(client, "bussed", OnSuccess=bus)
    send(client, "bussed", {"n": 2})

    event = record_in(queue)

    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [bus, f"{FUNCTION}:bussed:$LATEST"]
    assert event["detail"]["responsePayload"] == {"answer": {"n": 2}}


def test_a_failure_becomes_an_object_in_a_bucket(server: LiveServer, moto: MotoServer) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="failures")
    client = create(server, "stored")
    configure(client, "stored", OnFailure="arn:aws:s3:::failures", MaximumRetryAttempts=0)
    request_id = send(client, "stored", {"fails": "é"})

    wait_until(lambda: "Contents" in s3.list_objects_v2(Bucket="failures"), "an object in the bucket")

    (key,) = [entry["Key"] for entry in s3.list_objects_v2(Bucket="failures")["Contents"]]
    assert key.startswith("aws/lambda/async/stored/")
    assert key.endswith(request_id)
    record = json.load(s3.get_object(Bucket="failures", Key=key)["Body"])
    assert record["requestPayload"] == {"fails": "é"}
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_a_function_that_is_a_destination_is_invoked_with_the_record(server: LiveServer, moto: MotoServer) -> None:
    queue = moto.queue("chained")
    client = create(server, "second")
    configure(client, "second", OnSuccess=queue.arn)
    create(server, "first", Publish=True)
    client.create_alias(FunctionName="first", Name="live", FunctionVersion="1")
    configure(client, "first:live", OnSuccess=f"{FUNCTION}:second")
    send(client, "first", {"n": 3})  # $LATEST has no configuration
    send(client, "first", {"n": 4}, Qualifier="live")

    record = record_in(queue)

    told = record["requestPayload"]
    assert told["requestPayload"] == {"n": 4}
    assert told["requestContext"]["functionArn"] == f"{FUNCTION}:first:live"
    assert told["responseContext"]["executedVersion"] == "1"


def test_a_function_that_is_switched_off_fails_at_once(server: LiveServer, moto: MotoServer) -> None:
    queue = moto.queue("off")
    client = create(server, "off")
    configure(client, "off", OnFailure=queue.arn)
    client.put_function_concurrency(FunctionName="off", ReservedConcurrentExecutions=0)
    send(client, "off", {})

    record = record_in(queue)

    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


def test_a_large_event_and_its_record_are_whole(server: LiveServer, moto: MotoServer) -> None:
    queue = moto.queue("large")
    client = create(server, "large")
    configure(client, "large", OnSuccess=queue.arn)
    send(client, "large", {"text": "x" * 100_000})

    assert record_in(queue)["responsePayload"] == {"answer": {"text": "x" * 100_000}}


def test_code_comes_from_the_bucket_it_lies_in(server: LiveServer, moto: MotoServer) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="a b/package.zip", Body=package_of(CODE))
    client = create(server, "from-s3", Code={"S3Bucket": "code", "S3Key": "a b/package.zip"})

    assert json.load(client.invoke(FunctionName="from-s3", Payload=b"{}")["Payload"]) == {"answer": {}}
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="S3 Error Code: NoSuchKey"):
        client.update_function_code(FunctionName="from-s3", S3Bucket="code", S3Key="nothing")


def test_an_outcome_waits_for_a_target_that_is_down_or_not_known_yet(tmp_path: Path) -> None:
    with socket.socket() as probe, ExitStack() as stack:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        server = start(tmp_path, {"LAMPLIGHTER_ENDPOINTS_SQS_URL": f"http://127.0.0.1:{port}"})
        stack.callback(server.stop)
        client = create(server, "patient")
        configure(client, "patient", OnSuccess=f"arn:aws:sqs:{REGION}:{ACCOUNT}:late")
        create(server, "lost")
        configure(client, "lost", OnSuccess=f"arn:aws:sns:{REGION}:{ACCOUNT}:nowhere")
        send(client, "patient", {"n": 5})
        send(client, "lost", {"n": 6})
        wait_until(lambda: "[endpoints.sns]" in server.log.read_text(), "the log names the setting")
        assert server.stop() == 0
        probe.close()
        moto = stack.enter_context(moto_server(port))
        queue = moto.queue("late")

        server = start(tmp_path, moto.settings("sqs"))  # the outcome outlives the server, too
        stack.callback(server.stop)

        assert record_in(queue)["requestPayload"] == {"n": 5}
