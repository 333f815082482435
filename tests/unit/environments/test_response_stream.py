"""Relaying a streamed response: order, back-pressure, limits, and how the end is told."""

import asyncio
import base64
import json

import pytest

from lamplighter.environments.event import Outcome
from lamplighter.environments.response_stream import CollectedResponse, StreamedResponse, StreamEnd, end_of, relay
from lamplighter.wire.http_request_stream import RequestStream


class Ignored:
    """The connection behind a stream, when nothing is asked of it."""

    def hold_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


def body(*parts: bytes, trailers: dict[str, str] | None = None) -> RequestStream:
    stream = RequestStream(Ignored(), 1_000_000)
    for part in parts:
        stream.feed(part)
    if trailers is not None:
        stream.end(trailers)
    return stream


async def test_parts_are_relayed_in_order_and_the_end_is_told() -> None:
    response = StreamedResponse()
    end = await relay(body(b"a", b"b", trailers={}), response, 100)
    response.finish(Outcome(b""))
    assert end == StreamEnd()
    assert b"".join([part async for part in response]) == b"ab"
    assert response.outcome == Outcome(b"")


async def test_a_response_over_the_limit_is_an_error() -> None:
    collected = CollectedResponse()
    end = await relay(body(b"x" * 101, trailers={}), collected, 100)
    assert end.error_type == "Function.ResponseSizeTooLarge"
    assert json.loads(end.error_body)["errorMessage"].endswith("(100 bytes).")
    assert collected.payload() == b""


async def test_a_response_of_exactly_the_limit_is_none() -> None:
    collected = CollectedResponse()
    assert await relay(body(b"x" * 100, trailers={}), collected, 100) == StreamEnd()
    assert len(collected.payload()) == 100


async def test_a_response_that_is_cut_off_is_an_error() -> None:
    stream = body(b"abc")
    stream.cut_off()
    end = await relay(stream, CollectedResponse(), 100)
    assert end.error_type == "Runtime.TruncatedResponse"


async def test_a_slow_caller_slows_the_runtime_down_until_it_goes() -> None:
    response = StreamedResponse()
    writing = asyncio.ensure_future(response.write(b"x" * 1_000_000))
    await asyncio.sleep(0)
    assert not writing.done()
    assert len(await anext(response)) == 1_000_000
    await asyncio.wait_for(writing, 1)
    again = asyncio.ensure_future(response.write(b"x" * 1_000_000))
    await asyncio.sleep(0)
    response.abandon()
    await asyncio.wait_for(again, 1)
    await asyncio.wait_for(response.write(b"x" * 1_000_000), 1)


async def test_an_ended_invoke_lets_a_blocked_writer_go() -> None:
    response = StreamedResponse()
    writing = asyncio.ensure_future(response.write(b"x" * 1_000_000))
    await asyncio.sleep(0)
    response.finish(Outcome(b"", "Sandbox.Timedout"))
    await asyncio.wait_for(writing, 1)


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [
        ({}, StreamEnd()),
        ({"x-other": "1"}, StreamEnd()),
        (
            {
                "lambda-runtime-function-error-type": "Function.Odd",
                "lambda-runtime-function-error-body": base64.b64encode(b"{}").decode(),
            },
            StreamEnd("Function.Odd", b"{}"),
        ),
        ({"lambda-runtime-function-error-body": "bm90aGluZw=="}, StreamEnd("Runtime.Unknown", b"nothing")),
        (
            {"lambda-runtime-function-error-type": "T", "lambda-runtime-function-error-body": "no!"},
            StreamEnd("T", b"no!"),
        ),
    ],
)
def test_trailers_tell_the_error(trailers: dict[str, str], expected: StreamEnd) -> None:
    assert end_of(trailers) == expected
