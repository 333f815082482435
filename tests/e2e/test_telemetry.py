"""Telemetry subscribers in real sandboxes: by HTTP and by TCP, with the Telemetry API and the older Logs API."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import extension_layers as layers
from tests.e2e.function_house import FunctionHouse, is_root, open_house, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

CODE = """
print("at import")
def handler(event, context):
    print("line", (event or {}).get("n"))
    if (event or {}).get("fail"):
        raise KeyError("missing")
    return {"answer": 42}
"""
HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4242/some/path"}
TCP = {"protocol": "TCP", "port": 4243}
ALL = ["platform", "function", "extension"]
REQUEST_ID = "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4"
TRACE = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"


async def told(house: FunctionHouse, asked: dict[str, Any], *events: Any, **environment: str) -> list[dict[str, Any]]:
    """Every event that the subscriber was told in the life of one environment that answered these invokes."""
    configuration = house.deploy(
        {"index.py": CODE},
        timeout=5,
        environment={"SUBSCRIPTION": json.dumps(asked), **environment},
        layers=(layers.add_layer(house, listener=layers.SUBSCRIBER, other=layers.BASH),),
    )
    for event in events:
        await house.invoke(event, request_id=REQUEST_ID, trace_header=TRACE)
    house.pools.version_changed(configuration.qualified_arn, None)
    await until(lambda: house.pools.capacity.environments == 0)
    kept = [message.removeprefix("TELEMETRY ") for message in house.logs.messages() if message.startswith("TELEMETRY ")]
    return [json.loads(line) for line in kept if line.strip()]


def records(events: list[dict[str, Any]], kind: str) -> list[Any]:
    return [event["record"] for event in events if event["type"] == kind]


def subscription(destination: dict[str, Any], *types: str, schema: str = "2022-12-13") -> dict[str, Any]:
    asked: dict[str, Any] = {"types": list(types or ALL), "destination": destination, "buffering": {"timeoutMs": 25}}
    return {"schemaVersion": schema, **asked} if schema else asked


@pytest.mark.parametrize("destination", [HTTP, TCP], ids=["http", "tcp"])
async def test_a_subscriber_is_told_everything(tmp_path: Path, destination: dict[str, Any]) -> None:
    async with open_house(tmp_path) as house:
        events = await told(house, subscription(destination), {"n": 1})
        assert "subscribed (200, b'\"OK\"')" in [message.strip() for message in house.logs.messages()]
        assert "TELEMETRY\tName: listener\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in (
            house.logs.messages()
        )
    kinds = [event["type"] for event in events if event["type"].startswith("platform.")]
    assert kinds == [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initRuntimeDone",
        "platform.extension",
        "platform.extension",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert all(event["time"].endswith("Z") for event in events)
    assert records(events, "function") == ["at import\n", "line 1\n"]
    assert any(record.startswith("registered: ") for record in records(events, "extension"))


async def test_the_records_are_those_of_awss_schema(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        events = await told(house, subscription(HTTP), {"n": 1})
    (start,) = records(events, "platform.initStart")
    assert (start["initializationType"], start["phase"]) == ("on-demand", "init")
    assert start["functionName"] == "probe"
    assert records(events, "platform.telemetrySubscription") == [
        {"name": "listener", "state": "Subscribed", "types": ALL}
    ]
    extensions = {record["name"]: record for record in records(events, "platform.extension")}
    assert extensions["other"] == {"name": "other", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    (begun,) = records(events, "platform.start")
    trace, _, lineage = begun["tracing"]["value"].partition(";Lineage=")
    begun["tracing"]["value"] = trace
    assert lineage, "what recursive loops are found by"
    assert begun == {
        "requestId": REQUEST_ID,
        "version": "$LATEST",
        "tracing": {"spanId": "9a9197af755a6419", "type": "X-Amzn-Trace-Id", "value": TRACE},
    }
    (done,) = records(events, "platform.runtimeDone")
    assert (done["requestId"], done["status"]) == (REQUEST_ID, "success")
    assert done["metrics"]["producedBytes"] == len('{"answer": 42}')
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration"]
    (report,) = records(events, "platform.report")
    assert report["status"] == "success"
    assert set(report["metrics"]) == {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    }


async def test_only_what_was_asked_for_is_told(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        events = await told(house, subscription(HTTP, "function"), {"n": 1}, {"n": 2})
    assert {event["type"] for event in events} == {"function"}
    assert records(events, "function") == ["at import\n", "line 1\n", "line 2\n"]


async def test_a_listener_that_fails_is_told_again(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        events = await told(house, subscription(HTTP, "function"), {"n": 1}, FAILURES="3")
    assert records(events, "function") == ["at import\n", "line 1\n"]


async def test_a_failed_invoke_is_told(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        events = await told(house, subscription(HTTP, "platform"), {"fail": True})
    (done,) = records(events, "platform.runtimeDone")
    assert done["status"] == "error"
    assert done["errorType"]


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ("2020-08-15", ["platform.start", "platform.end", "platform.report"]),
        ("2021-03-18", ["platform.start", "platform.runtimeDone", "platform.end", "platform.report"]),
    ],
)
async def test_the_logs_api_still_works(tmp_path: Path, schema: str, kinds: list[str]) -> None:
    async with open_house(tmp_path) as house:
        events = await told(house, subscription(HTTP, schema=schema), {"n": 1}, API="/2020-08-15/logs")
        assert "LOGS\tName: listener\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in (
            house.logs.messages()
        )
    of_invoke = [
        event["type"] for event in events if isinstance(event["record"], dict) and "requestId" in event["record"]
    ]
    assert of_invoke == kinds
    assert records(events, "platform.logsSubscription") == [{"name": "listener", "state": "Subscribed", "types": ALL}]
    assert "line 1\n" in records(events, "function")


async def test_a_subscription_that_is_wrong_is_told_so(tmp_path: Path) -> None:
    asked = {"schemaVersion": "2022-12-13", "types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox"}}
    async with open_house(tmp_path) as house:
        assert await told(house, asked, {"n": 1}) == []
        (answer,) = [message for message in house.logs.messages() if message.startswith("subscribed")]
    assert answer.startswith("subscribed (400, ")
    assert "URI port is not provided; types should not be empty" in answer
    assert '"errorType":"ValidationError"' in answer


METADATA = """
import json, os, urllib.error, urllib.request
def ask(token, path="execution-environment"):
    url = f"http://{os.environ['AWS_LAMBDA_METADATA_API']}/2026-01-15/metadata/{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return [answer.status, answer.headers["Cache-Control"], json.loads(answer.read())]
    except urllib.error.HTTPError as error:
        return [error.code]
def handler(event, context):
    token = os.environ["AWS_LAMBDA_METADATA_TOKEN"]
    return {"token": token, "right": ask(token), "wrong": ask("x"), "none": ask(""), "other": ask(token, "other")}
"""


async def test_the_metadata_api_knows_its_own_token_only(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": METADATA})
        first = json.loads((await house.invoke({})).payload)
        assert first["right"] == [200, "private, max-age=43200, immutable", {"AvailabilityZoneID": "use1-az1"}]
        assert (first["wrong"], first["none"], first["other"]) == ([401], [401], [404])
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0)
        second = json.loads((await house.invoke({})).payload)
        assert second["token"] != first["token"]
