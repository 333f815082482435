"""The documents that destinations and dead letter queues get."""

import json

from lamplighter.invocation.asynchronous.event import AsyncEvent, KeptPayload, decode_event, encode_event
from lamplighter.invocation.asynchronous.outcome import dead_letter_attributes, invocation_record, timestamp
from lamplighter.invocation.request import InvokeResult

EVENT = AsyncEvent(
    request_id="id",
    account_id="123456789012",
    region="us-east-2",
    function_name="my-function",
    qualifier=None,
    payload=KeptPayload(b"{}"),
    accepted_at=0.0,
    invokes=3,
)
FAILED = InvokeResult(payload=b'{"errorMessage":"broken"}', function_error="Unhandled")


def test_the_record_is_the_one_of_awss_guide() -> None:
    record = json.loads(invocation_record(EVENT, b'{"ORDER_IDS":[1]}', "RetriesExhausted", FAILED, 1573755365.568))
    assert record == {
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "id",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"ORDER_IDS": [1]},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "broken"},
    }


def test_a_response_that_is_no_json_is_shown_as_text_and_none_as_null() -> None:
    for payload, shown in ((b"plain \xff", "plain �"), (b"", None)):
        record = json.loads(invocation_record(EVENT, b"1", "Success", InvokeResult(payload=payload), 0.0))
        assert record["responsePayload"] == shown


def test_whole_seconds_have_their_milliseconds_too() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"


def test_an_error_message_is_cut_at_a_kibibyte_without_breaking_a_letter() -> None:
    long = InvokeResult(payload=json.dumps({"errorMessage": "é" * 600 + "x"}).encode(), function_error="Unhandled")
    assert dead_letter_attributes(EVENT, "RetriesExhausted", long)["ErrorMessage"] == "é" * 512
    odd = InvokeResult(payload=b'["no message"]', function_error="Unhandled")
    assert dead_letter_attributes(EVENT, "RetriesExhausted", odd)["ErrorMessage"] == '["no message"]'
    assert dead_letter_attributes(EVENT, "ZeroReservedConcurrency", None)["ErrorCode"] == "200"


def test_a_stored_event_is_read_back() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT
