"""AWS's own runtime interface clients, unmodified, in real sandboxes; and what a function sees of itself."""

import base64
import json
import re
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes import interpreters
from tests.e2e.function_house import RUNTIMES, is_root, open_house

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

PYTHON = """
import logging, os, sys
print("at import")
def handler(event, context):
    print("printed", flush=False)
    print("complained", file=sys.stderr)
    logging.getLogger().warning("logged")
    return {
        "event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
        "version": context.function_version, "memory": context.memory_limit_in_mb, "name": context.function_name,
        "group": context.log_group_name, "stream": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(), "trace": os.environ["_X_AMZN_TRACE_ID"],
        "context": context.client_context and context.client_context.custom, "tenant": context.tenant_id,
    }
"""
NODE = """
console.log("at import");
export const handler = async (event, context) => {
  console.log("logged", event.n);
  return { event, id: context.awsRequestId, arn: context.invokedFunctionArn, memory: context.memoryLimitInMB,
           remaining: context.getRemainingTimeInMillis(), context: context.clientContext };
};
"""
SHELL = """#!/bin/sh
# The example of AWS's documentation, with the tools at hand: one request a connection.
set -eu
api=$AWS_LAMBDA_RUNTIME_API
exec /usr/bin/python3 - "$api" <<'PYTHON'
import http.client, os, sys
api = sys.argv[1]
while True:
    connection = http.client.HTTPConnection(api)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    event = connection.getresponse()
    payload = event.read()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    connection = http.client.HTTPConnection(api)
    connection.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b'{"got":' + payload + b"}",
                       {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 202
PYTHON
"""


async def test_python_sees_what_lambda_shows_and_its_log_is_in_order(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        tenants = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
        configuration = house.deploy({"index.py": PYTHON}, timeout=5, settings=tenants)
        context = base64.b64encode(json.dumps({"custom": {"greeting": "grüße"}}).encode()).decode()
        result = await house.invoke(
            {"text": "grüße ✓"},
            request_id="8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4",
            client_context=context,
            tenant_id="blue",
            trace_header="Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        )
        seen = json.loads(result.payload)
        assert 4000 < seen.pop("remaining") <= 5000
        stream = seen.pop("stream")
        trace, _, lineage = seen.pop("trace").partition(";Lineage=")
        assert trace == "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"
        assert re.fullmatch("1:[0-9a-f]{8}:0", lineage)
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
        assert seen == {
            "event": {"text": "grüße ✓"},
            "id": "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4",
            "arn": configuration.arn,
            "version": "$LATEST",
            "memory": "128",
            "name": "probe",
            "group": "/aws/lambda/probe",
            "context": {"greeting": "grüße"},
            "tenant": "blue",
        }
        kept = [message for _, message in house.logs.streams["/aws/lambda/probe", stream]]
        assert [re.split(r"[ \t\n]", message)[0] for message in kept] == [
            "INIT_START", "at", "START", "printed", "complained", "[WARNING]", "END", "REPORT",
        ]  # fmt: skip
        assert result.log_tail is not None
        assert result.log_tail.decode() == "".join(kept[1:])


async def test_the_log_tail_is_the_last_four_kilobytes(tmp_path: Path) -> None:
    code = "def handler(e, c):\n    for n in range(e): print('line', n)\n"
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": code}, timeout=20)
        result = await house.invoke(20_000)
        assert result.log_tail is not None
        assert len(result.log_tail) == 4096
        assert "\nline 19999\nEND RequestId: " in result.log_tail.decode()
        lines = [message for message in house.logs.messages() if message.startswith("line ")]
        assert lines == [f"line {number}\n" for number in range(20_000)]


async def test_json_logs_are_json_throughout(tmp_path: Path) -> None:
    code = "import logging\ndef handler(e, c): logging.getLogger().error('oh %s', 'no')\n"
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": code}, log_format="JSON", system_log_level="DEBUG")
        await house.invoke()
        records = [json.loads(message) for message in house.logs.messages()]
        kinds = [record.get("type") or record["level"] for record in records]
        assert kinds == ["platform.initStart", "platform.start", "ERROR", "platform.runtimeDone", "platform.report"]
        assert records[2]["message"] == "oh no"


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs22.x", "nodejs24.x"])
async def test_node_answers_and_logs(tmp_path: Path, runtime: str) -> None:
    is_installed = (RUNTIMES / runtime / "runtime.json").exists()
    if not is_installed and interpreters.find_node(runtime.removeprefix("nodejs").removesuffix(".x")) is None:
        pytest.skip(f"this machine has no {runtime}")
    async with open_house(tmp_path, runtimes=(runtime,)) as house:
        configuration = house.deploy({"index.mjs": NODE}, runtime=runtime, timeout=10, memory_size=256)
        for number in range(3):
            result = await house.invoke({"n": number}, request_id=f"8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b{number}")
            assert result.function_error is None, result.payload
            seen = json.loads(result.payload)
            assert 8000 < seen.pop("remaining") <= 10_000
            assert seen == {
                "event": {"n": number},
                "id": f"8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b{number}",
                "arn": configuration.arn,
                "memory": "256",
            }
            assert result.log_tail is not None
            assert f"\tINFO\tlogged {number}\n" in result.log_tail.decode()


async def test_a_custom_runtime_with_a_connection_for_each_call_and_chunked_answers(tmp_path: Path) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        house.deploy({"bootstrap": SHELL}, runtime="provided.al2023", timeout=10)
        for number in range(5):
            result = await house.invoke(number)
            assert (result.function_error, json.loads(result.payload)) == (None, {"got": number})


async def test_a_runtime_that_answers_wrongly_is_told_so_and_can_go_on(tmp_path: Path) -> None:
    """Wrong id, a second answer, a late init error: refused one by one, the invoke is not disturbed."""
    code = """#!/usr/bin/python3
import http.client, json, os
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None):
    connection.request(method, "/2018-06-01/runtime/" + path, body)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()
def kind(answer):
    return [answer[0], json.loads(answer[2]).get("errorType")]
told = []
while True:
    _, headers, _ = call("GET", "invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    again = call("GET", "invocation/next")
    told.append(["again", again[1]["Lambda-Runtime-Aws-Request-Id"] == request_id])
    told.append(["init", *kind(call("POST", "init/error", b"{}"))])
    told.append(["id", *kind(call("POST", "invocation/00000000-0000-4000-8000-000000000000/response", b"1"))])
    call("POST", f"invocation/{request_id}/response", json.dumps(told).encode())
    told = [["second", *kind(call("POST", f"invocation/{request_id}/response", b"2"))]]
"""
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        house.deploy({"bootstrap": code}, runtime="provided.al2023", timeout=10)
        usual = [["again", True], ["init", 403, "InvalidStateTransition"], ["id", 400, "InvalidRequestID"]]
        assert json.loads((await house.invoke()).payload) == usual
        second = ["second", 403, "InvalidStateTransition"]
        assert json.loads((await house.invoke()).payload) == [second, *usual]


async def test_six_megabytes_go_in_and_out(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": "def handler(e, c): return e\n"}, memory_size=1024, timeout=30)
        payload = json.dumps({"data": "x" * 6_000_000}).encode()
        result = await house.invoke(payload)
        assert result.function_error is None
        assert json.loads(result.payload) == json.loads(payload)
