"""Telemetry without a sandbox: what subscriptions may say, how events are buffered, rendered, kept and dropped."""

import asyncio
import contextlib
import json
import socket
from typing import Any

import pytest

from lamplighter.environments.background import Background
from lamplighter.environments.metadata_api import availability_zone_id
from lamplighter.environments.telemetry.buffer import EventBuffer
from lamplighter.environments.telemetry.destination import NotDelivered, destination
from lamplighter.environments.telemetry.event import TelemetryEvent, render
from lamplighter.environments.telemetry.hub import Closed, OtherApi, TelemetryHub
from lamplighter.environments.telemetry.subscription import (
    Buffering,
    Invalid,
    Subscription,
    Target,
    parse_subscription,
)
from lamplighter.kernel.clock import SystemClock

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs?x=1"}
TCP = {"protocol": "TCP", "port": 4243}


def asked(**members: Any) -> bytes:
    usual = {"schemaVersion": "2022-07-01", "types": ["platform", "function"], "destination": HTTP}
    return json.dumps({name: value for name, value in {**usual, **members}.items() if value is not None}).encode()


def problem(body: bytes, *, is_logs_api: bool = False) -> str:
    with pytest.raises(Invalid) as caught:
        parse_subscription(body, is_logs_api=is_logs_api)
    return str(caught.value)


def test_a_subscription_by_http() -> None:
    parsed = parse_subscription(asked(buffering={"maxItems": 1000, "timeoutMs": 25}), is_logs_api=False)
    assert parsed == Subscription(
        "2022-07-01",
        ("platform", "function"),
        Target("HTTP", 8080, "/logs?x=1", "sandbox.localdomain"),
        Buffering(1000, 262_144, 25),
    )


def test_a_subscription_by_tcp_with_the_usual_buffering() -> None:
    parsed = parse_subscription(asked(destination=TCP), is_logs_api=False)
    assert (parsed.target, parsed.buffering) == (Target("TCP", 4243), Buffering(10_000, 262_144, 1_000))


def test_the_logs_api_needs_no_schema_and_knows_its_own_only() -> None:
    assert parse_subscription(asked(schemaVersion=None), is_logs_api=True).schema == "2020-08-15"
    assert parse_subscription(asked(schemaVersion="2021-03-18"), is_logs_api=True).is_logs_api
    assert problem(asked(schemaVersion="2022-07-01"), is_logs_api=True).startswith("schemaVersion should be one of")
    assert problem(asked(schemaVersion=None)) == "schemaVersion is not provided"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    body = asked(destination={"protocol": "HTTP", "URI": "http://sandbox.localdomain"}, types=[])
    assert problem(body) == "URI port is not provided; types should not be empty"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"types": ["everything"]}, "types should be among platform, function, extension"),
        ({"types": "platform"}, "types should not be empty"),
        ({"destination": None}, "destination is not provided"),
        ({"destination": {"protocol": "UDP"}}, "protocol should be HTTP or TCP"),
        ({"destination": {"protocol": "TCP"}}, "port is not provided"),
        ({"destination": {"protocol": "TCP", "port": 0}}, "port should be a number between 1 and 65535"),
        ({"destination": {"protocol": "TCP", "port": True}}, "port should be a number between 1 and 65535"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, "port 9001 is reserved"),
        ({"destination": {**HTTP, "URI": "http://sandbox:9001"}}, "port 9001 is reserved"),
        ({"destination": {**HTTP, "URI": "http://sandbox:99999"}}, "URI is not valid"),
        ({"destination": {**HTTP, "URI": "https://sandbox:1"}}, "URI should begin with http://sandbox.localdomain"),
        ({"destination": {**HTTP, "URI": "http://example:1"}}, "URI should begin with http://sandbox.localdomain"),
        ({"destination": {**HTTP, "method": "GET"}}, "method should be POST or PUT"),
        ({"buffering": {"maxItems": 999}}, "maxItems should be between 1000 and 10000"),
        ({"buffering": {"maxItems": 10_001}}, "maxItems should be between 1000 and 10000"),
        ({"buffering": {"maxBytes": 262_143}}, "maxBytes should be between 262144 and 1048576"),
        ({"buffering": {"maxBytes": 1_048_577}}, "maxBytes should be between 262144 and 1048576"),
        ({"buffering": {"timeoutMs": 24}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"timeoutMs": 30_001}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"timeoutMs": "25"}}, "timeoutMs should be between 25 and 30000"),
        ({"buffering": []}, "buffering should be an object"),
    ],
)
def test_what_is_wrong_with_a_subscription(members: dict[str, Any], message: str) -> None:
    assert problem(asked(**members)) == message


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{"])
def test_a_subscription_that_is_no_object_is_refused(body: bytes) -> None:
    assert problem(body).startswith("failed to parse JSON: ")


# --- buffering


def test_batches_are_cut_by_items_and_by_bytes() -> None:
    buffer = EventBuffer(Buffering(3, 100, 25))
    for _ in range(4):
        buffer.add(b"x" * 10)
    assert buffer.is_full
    assert [len(buffer.take()), len(buffer.take())] == [3, 1]
    for _ in range(3):
        buffer.add(b"x" * 60)
    assert len(buffer.take()) == 1


def test_a_subscriber_that_falls_behind_loses_the_newest_events_and_is_told_how_many() -> None:
    buffer = EventBuffer(Buffering(1000, 100, 25))
    for _ in range(5):
        buffer.add(b"x" * 50)
    assert buffer.take_dropped() == (1, 50)
    assert buffer.take_dropped() == (0, 0)
    assert sum(len(buffer.take()) for _ in range(2)) == 4
    assert buffer.is_empty


# --- schemas


@pytest.mark.parametrize("schema", ["2022-07-01", "2022-12-13", "2025-01-29"])
def test_the_telemetry_api_tells_events_as_they_are(schema: str) -> None:
    event = TelemetryEvent("t", "platform.initStart", {"phase": "init"})
    assert [json.loads(one) for one in render(event, schema)] == [
        {"time": "t", "type": "platform.initStart", "record": {"phase": "init"}}
    ]


def test_the_logs_api_knows_no_init_and_ends_before_it_reports() -> None:
    assert render(TelemetryEvent("t", "platform.initStart", {}), "2020-08-15") == []
    report = TelemetryEvent(
        "t", "platform.report", {"requestId": "r", "status": "success", "metrics": {"durationMs": 1}}
    )
    assert [json.loads(one) for one in render(report, "2020-08-15")] == [
        {"time": "t", "type": "platform.end", "record": {"requestId": "r"}},
        {"time": "t", "type": "platform.report", "record": {"requestId": "r", "metrics": {"durationMs": 1}}},
    ]


@pytest.mark.parametrize(
    ("status", "schema", "kinds"),
    [
        ("success", "2020-08-15", []),
        ("success", "2021-03-18", [("platform.runtimeDone", "success")]),
        ("error", "2021-03-18", [("platform.runtimeDone", "failure")]),
        ("failure", "2020-08-15", [("platform.fault", None)]),
        ("timeout", "2021-03-18", [("platform.fault", None), ("platform.runtimeDone", "timeout")]),
    ],
)
def test_the_logs_api_tells_the_end_of_the_runtime_by_schema(
    status: str, schema: str, kinds: list[tuple[str, str | None]]
) -> None:
    event = TelemetryEvent("t", "platform.runtimeDone", {"requestId": "r", "status": status, "spans": []})
    rendered = [json.loads(one) for one in render(event, schema)]
    told = [(one["type"], one["record"]["status"] if isinstance(one["record"], dict) else None) for one in rendered]
    assert told == kinds


# --- the hub


class Listener:
    """Accepts connections and keeps what came in; answers HTTP with the given statuses, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.bodies: list[bytes] = []
        self.arrived = asyncio.Event()
        self._statuses = list(statuses)

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        status = self._statuses.pop(0) if self._statuses else 200
        if status == 200:
            self.bodies.append(body)
            self.arrived.set()
        writer.write(b"HTTP/1.1 %d Told\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


async def connect(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return connection


@contextlib.asynccontextmanager
async def opened() -> Any:
    background = Background()
    hub = TelemetryHub(connect, background, SystemClock())
    try:
        yield hub
    finally:
        hub.close()
        await background.close(5)


def subscription(port: int, **buffering: int) -> Subscription:
    return Subscription("2022-07-01", ("platform",), Target("HTTP", port, "/"), Buffering(**buffering))


async def test_early_events_are_told_to_those_who_subscribe_later() -> None:
    listener = Listener()
    port = await listener.start()
    async with opened() as hub, asyncio.timeout(10):
        hub.tell("platform.initStart", {"n": 1})
        hub.tell("function", "not asked for")
        assert hub.subscribe("me", subscription(port, timeout_ms=30_000))
        hub.tell("platform.start", {"n": 2})
        await hub.flush(5)
        events = [event for body in listener.bodies for event in json.loads(body)]
    assert [event["type"] for event in events] == [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.start",
    ]
    await listener.close()


async def test_without_subscribers_nothing_is_made_after_init() -> None:
    async with opened() as hub:
        assert hub.is_listening
        hub.close_subscription()
        assert not hub.is_listening
        with pytest.raises(Closed):
            hub.subscribe("late", subscription(1))


async def test_subscribing_again_changes_nothing_and_by_the_other_api_is_refused() -> None:
    async with opened() as hub:
        assert hub.subscribe("me", subscription(1))
        assert not hub.subscribe("me", subscription(2))
        hub.close_subscription()
        assert not hub.subscribe("me", subscription(1))
        with pytest.raises(OtherApi):
            hub.subscribe("me", Subscription("2020-08-15", ("platform",), Target("TCP", 1)))


async def test_a_batch_that_was_refused_is_delivered_again() -> None:
    listener = Listener(500, 503)
    port = await listener.start()
    async with opened() as hub, asyncio.timeout(10):
        hub.subscribe("me", subscription(port, timeout_ms=25))
        await listener.arrived.wait()
    assert json.loads(listener.bodies[0])[0]["type"] == "platform.telemetrySubscription"
    await listener.close()


async def test_events_that_were_dropped_are_told() -> None:
    listener = Listener()
    port = await listener.start()
    async with opened() as hub, asyncio.timeout(10):
        hub.subscribe("me", subscription(port, timeout_ms=30_000, max_bytes=1000, max_items=1000))
        for _ in range(100):
            hub.tell("platform.start", {"text": "x" * 100})
        await hub.flush(5)
        await hub.flush(5)
        events = [event for body in listener.bodies for event in json.loads(body)]
    (dropped,) = [event["record"] for event in events if event["type"] == "platform.logsDropped"]
    assert dropped["droppedRecords"] > 80
    assert dropped["droppedBytes"] > 80 * 100
    assert dropped["reason"].startswith("Consumer seems to have fallen behind")
    await listener.close()


async def test_all_subscribers_together_hold_four_megabytes() -> None:
    async with opened() as hub:
        for number in range(10):
            hub.subscribe(f"me{number}", subscription(1, timeout_ms=30_000, max_bytes=1_048_576))
        for _ in range(200):
            hub.tell("platform.start", {"text": "x" * 10_000})
        held = sum(subscriber.size for subscriber in hub._subscribers.values())
    assert 3_900_000 < held <= 4 * 1024 * 1024


async def test_early_lines_are_kept_within_bounds() -> None:
    async with opened() as hub:
        for _ in range(100):
            hub.tell("function", "x" * 100_000)
        assert len(hub._early) == 2


async def test_a_listener_that_is_not_there_or_answers_nonsense_is_a_failure() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"nonsense\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(NotDelivered):
        await destination(Target("HTTP", port, "/"), connect).deliver([b"{}"])
    server.close()
    await server.wait_closed()
    for protocol in ("HTTP", "TCP"):
        with pytest.raises(NotDelivered):
            await destination(Target(protocol, port, "/"), connect).deliver([b"{}"])


# --- metadata


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("us-east-1", "use1-az1"),
        ("eu-west-1", "euw1-az1"),
        ("ap-southeast-2", "apse2-az1"),
        ("ap-northeast-1", "apne1-az1"),
        ("ap-south-1", "aps1-az1"),
        ("ca-central-1", "cac1-az1"),
        ("us-gov-west-1", "usgw1-az1"),
        ("nowhere", "nowhere-az1"),
    ],
)
def test_zones_are_named_as_aws_names_them(region: str, zone: str) -> None:
    assert availability_zone_id(region) == zone
