"""Payloads: what is JSON passes, what is not is refused in AWS's words."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.aws.errors import InvalidRequestContentException
from lamplighter.invocation.payload import checked_payload, decoded_context

SOURCE = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"


@pytest.mark.parametrize("payload", [b"{}", b"null", b" 1 ", b'"text"', b"[1, {}]", '{"a": "grüße ✓"}'.encode()])
def test_json_passes_as_it_came(payload: bytes) -> None:
    assert checked_payload(payload) is payload


def test_nothing_is_an_empty_object() -> None:
    assert checked_payload(b"") == b"{}"


@pytest.mark.parametrize(
    ("payload", "message", "line", "column"),
    [
        # The first two were recorded on AWS on 2025-11-24 (LocalStack's snapshots, Apache-2.0).
        (b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt", "Invalid UTF-8 start byte 0x87", 1, 3),
        (
            b"\x99\xeb,j\x07\xa1zYh",
            f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value ({VALUES})",
            1,
            1,
        ),
        (b"notat:asdf", f"Unrecognized token 'notat': was expecting ({VALUES})", 1, 5),
        (b'{"a":1,}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 8),
        (b"[1, ]", f"Unexpected character (']' (code 93)): expected a valid value ({VALUES})", 1, 5),
        (
            b'{"a" 1}',
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
            1,
            6,
        ),
        (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 4),
        (
            b'{"a":1\n "b":2}',
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
            2,
            2,
        ),
        (b"{", "Unexpected end-of-input", 1, 1),
    ],
)
def test_what_is_not_json_is_refused_in_aws_words(payload: bytes, message: str, line: int, column: int) -> None:
    with pytest.raises(InvalidRequestContentException) as refused:
        checked_payload(payload)
    prefix = "Could not parse request body into json: Could not parse payload into json: "
    assert refused.value.message == prefix + message + SOURCE.format(line, column)
    assert refused.value.members == {"Type": "User"}


def test_bytes_that_are_no_text_are_found_inside_strings_too() -> None:
    with pytest.raises(InvalidRequestContentException, match="Invalid UTF-8"):
        checked_payload(b'{"a": "\xff"}')


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_refused_and_never_anything_else(payload: bytes) -> None:
    try:
        passed = checked_payload(payload)
    except InvalidRequestContentException:
        return
    json.loads(passed.decode() if payload else "{}")


def test_deep_nesting_is_refused_not_fatal() -> None:
    with pytest.raises(InvalidRequestContentException):
        checked_payload(b"[" * 100_000)


def test_the_client_context_reaches_the_runtime_as_json_in_ascii() -> None:
    context = {"custom": {"greeting": "grüße"}}
    sent = base64.b64encode(json.dumps(context, ensure_ascii=False).encode()).decode()
    received = decoded_context(sent)
    assert received.isascii()
    assert json.loads(received) == context
    assert decoded_context(base64.b64encode(b'{"a": 1}').decode()) == '{"a": 1}'


@pytest.mark.parametrize("sent", ["not base64!", base64.b64encode(b"\xff").decode()])
def test_a_client_context_that_is_none_is_refused(sent: str) -> None:
    with pytest.raises(InvalidRequestContentException):
        decoded_context(sent)
