"""Answers as AWS's own client reads them: botocore's parser gives back what the operation answered."""

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import botocore.loaders
import botocore.model
import botocore.parsers
import orjson
import pytest
from botocore.eventstream import EventStreamBuffer

from lamplighter.aws.event_stream import encode_event, encode_exception
from lamplighter.aws.responses import UnknownMember
from lamplighter.aws.service import WireResponse, load_service
from tests.unit.aws import samples

LAMBDA = load_service("lambda")
STREAMED = "InvokeWithResponseStream"


@pytest.fixture(scope="session")
def client_model() -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("lambda", "service-2"))


def receive(client_model: Any, name: str, wire: WireResponse) -> dict[str, Any]:
    parser = botocore.parsers.create_parser("rest-json")
    answer = {"status_code": wire.status, "headers": dict(wire.headers), "body": wire.body}
    parsed: dict[str, Any] = parser.parse(answer, client_model.operation_model(name).output_shape)
    parsed.pop("ResponseMetadata")
    return parsed


def read_back(value: Any) -> Any:
    """What botocore makes of timestamps and streams, as the operation gave them."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, dict):
        return {key: read_back(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [read_back(inner) for inner in value]
    return value


@pytest.mark.parametrize("name", sorted(set(LAMBDA.operations) - {STREAMED}))
def test_awss_client_reads_back_every_member_of_every_operation(client_model: Any, name: str) -> None:
    described = LAMBDA.model.operations[name]
    shape = LAMBDA.model.shape(described["output"]["shape"]) if "output" in described else {"members": {}}
    given = samples.valid(LAMBDA.model, described["output"]["shape"], full=True) if "output" in described else {}
    placed_status = [member for member, part in shape["members"].items() if part.get("location") == "statusCode"]
    given |= dict.fromkeys(placed_status, 203)

    wire = LAMBDA.operations[name].serialise(given)
    read = read_back(receive(client_model, name, wire))

    assert wire.status == (203 if placed_status else described["http"]["responseCode"])
    if name == "Invoke":
        read["Payload"] = read["Payload"].encode()  # boto3 replaces what this parser makes of it by a stream
    assert read == given


def test_members_that_are_none_are_left_out_at_any_depth() -> None:
    wire = LAMBDA.operations["GetFunctionConfiguration"].serialise(
        {"FunctionName": "f", "Runtime": None, "Environment": {"Variables": {"A": "b"}, "Error": None}}
    )
    assert orjson.loads(bytes(wire.body)) == {"FunctionName": "f", "Environment": {"Variables": {"A": "b"}}}  # type: ignore[arg-type]


def test_an_unknown_member_is_a_mistake_of_ours() -> None:
    with pytest.raises(UnknownMember, match="FunctionConfiguration has no member Colour"):
        LAMBDA.operations["GetFunctionConfiguration"].serialise({"Colour": "red"})


def test_an_invoke_answers_with_the_payload_as_it_is_and_the_rest_in_headers() -> None:
    wire = LAMBDA.operations["Invoke"].serialise(
        {
            "StatusCode": 200,
            "Payload": b'{"a": 1}',
            "FunctionError": "Unhandled",
            "ExecutedVersion": "$LATEST",
            "LogResult": None,
        }
    )
    assert wire == WireResponse(
        200,
        [
            ("Content-Type", "application/json"),
            ("X-Amz-Function-Error", "Unhandled"),
            ("X-Amz-Executed-Version", "$LATEST"),
        ],
        b'{"a": 1}',
    )


def test_an_accepted_event_has_no_body() -> None:
    assert LAMBDA.operations["Invoke"].serialise({"StatusCode": 202, "Payload": b""}) == WireResponse(202, [], b"")


def test_nothing_is_sent_with_a_204() -> None:
    assert LAMBDA.operations["TagResource"].serialise({}) == WireResponse(204, [], b"")
    assert LAMBDA.operations["DeleteFunction"].serialise({"StatusCode": 204}) == WireResponse(204, [], b"")


@pytest.mark.parametrize(
    ("given", "sent"), [(1.5, 1.5), (1_750_000_000.0, 1_750_000_000), (datetime(2026, 1, 1, tzinfo=UTC), 1767225600)]
)
def test_timestamps_are_numbers_of_seconds(given: Any, sent: float) -> None:
    wire = LAMBDA.operations["GetEventSourceMapping"].serialise({"LastModified": given})
    assert orjson.loads(bytes(wire.body)) == {"LastModified": sent}  # type: ignore[arg-type]


async def events() -> AsyncIterator[dict[str, Any]]:
    yield {"PayloadChunk": {"Payload": b"hello "}}
    yield {"PayloadChunk": {"Payload": b"world"}}
    yield {"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": None}}


async def test_a_streamed_answer_is_framed_as_awss_client_reads_it() -> None:
    wire = LAMBDA.operations[STREAMED].serialise({"StatusCode": 200, "ExecutedVersion": "1", "EventStream": events()})
    assert ("Content-Type", "application/vnd.amazon.eventstream") in wire.headers
    buffer = EventStreamBuffer()
    assert not isinstance(wire.body, bytes)
    async for part in wire.body:
        buffer.add_data(part)

    received: list[Any] = list(buffer)  # the published types call these messages int

    assert [(event.headers[":event-type"], event.payload) for event in received] == [
        ("PayloadChunk", b"hello "),
        ("PayloadChunk", b"world"),
        ("InvokeComplete", b'{"ErrorCode":"Unhandled"}'),
    ]


def test_frames_carry_type_content_type_and_checksums() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(encode_event("PayloadChunk", "application/octet-stream", b"x" * 70_000))
    buffer.add_data(encode_exception("ServiceException", b"{}"))
    received: list[Any] = list(buffer)
    first, second = received
    assert first.headers == {
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    assert len(first.payload) == 70_000
    assert second.headers[":exception-type"] == "ServiceException"


def test_the_service_is_light_to_import() -> None:
    code = "import sys, lamplighter.aws.service as s; s.load_service('lambda'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "lamplighter.aws.service" in loaded
    assert not {"asyncio", "socket", "email", "http", "ssl", "subprocess", "botocore"} & set(loaded)
