"""Extensions in real sandboxes: external ones in layers (bash and Python), internal ones, and everything that fails."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.process.driver import ProcessDriver
from tests.e2e import extension_layers as layers
from tests.e2e.function_house import FunctionHouse, is_root, open_house, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

HELLO = """
import time
print("init of the function", flush=True)
def handler(event, context):
    print("in the handler", flush=True)
    time.sleep((event or {}).get("seconds", 0))
    return "hello"
"""
# Python's own client waits in native code, where no signal handler of Python's runs; this runtime ends when asked to.
POLITE = """#!/usr/bin/python3
import http.client, os, signal, sys
def ended(*_):
    print("the runtime was terminated", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, ended)
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    event.read()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b"{}")
    api.getresponse().read()
"""
INTERNAL = """
import http.client, json, os, signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
def call(method, path, headers, body=b""):
    connection = http.client.HTTPConnection(api)
    connection.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = connection.getresponse()
    return answer.headers, json.loads(answer.read())
seen = []
def run():
    name = {"Lambda-Extension-Name": "inside", "Lambda-Extension-Accept-Feature": "accountId"}
    headers, told = call("POST", "register", name, b'{"events": ["INVOKE"]}')
    seen.append(told)
    refused.append(call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events": ["SHUTDOWN"]}')[1])
    me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
    while True:
        ready.set()
        seen.append(call("GET", "event/next", me)[1])
ready, refused = threading.Event(), []
threading.Thread(target=run, daemon=True).start()
ready.wait()
def handler(event, context):
    for _ in range(100):
        if seen[-1].get("requestId") == context.aws_request_id:
            break
        threading.Event().wait(0.01)
    return {"seen": seen, "refused": refused}
"""


def lines(house: FunctionHouse, beginning: str = "") -> list[str]:
    return [message.rstrip("\n") for message in house.logs.messages() if message.startswith(beginning)]


def deploy(
    house: FunctionHouse, code: str = HELLO, environment: dict[str, str] | None = None, **extensions: str
) -> Any:
    return house.deploy(
        {"index.py": code}, timeout=5, environment=environment or {}, layers=(layers.add_layer(house, **extensions),)
    )


async def test_an_external_extension_in_bash_lives_the_whole_life(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = deploy(house, watcher=layers.BASH)
        first = await house.invoke({}, request_id="11111111-1111-4111-8111-111111111111")
        second = await house.invoke({}, request_id="22222222-2222-4222-8222-222222222222")
        assert (first.payload, second.payload) == (b'"hello"', b'"hello"')
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: "bye" in lines(house))
        log = lines(house)
    registered = json.loads(next(line for line in log if line.startswith("registered")).partition(": ")[2])
    assert registered == {"functionName": "probe", "functionVersion": "$LATEST", "handler": "index.handler"}
    assert "handler is hidden: yes, region is us-east-1" in log
    events = [json.loads(line.partition(": ")[2]) for line in log if line.startswith("event: ")]
    assert [event["eventType"] for event in events] == ["INVOKE", "INVOKE", "SHUTDOWN"]
    assert events[0]["requestId"] == "11111111-1111-4111-8111-111111111111"
    assert events[0]["invokedFunctionArn"] == configuration.arn
    assert events[0]["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert events[2]["shutdownReason"] == "spindown"
    assert 0 < events[2]["deadlineMs"] - time.time() * 1000 + 5000 < 8000
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]" in log
    order = [log.index(line) for line in ("handler is hidden: yes, region is us-east-1", "init of the function")]
    assert order == sorted(order), "the extension registers before the runtime starts"


async def test_the_runtime_is_asked_to_end_before_its_extensions(tmp_path: Path) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        layer = layers.add_layer(house, watcher=layers.BASH)
        configuration = house.deploy({"bootstrap": POLITE}, runtime="provided.al2023", layers=(layer,))
        await house.invoke({})
        started = time.monotonic()
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0)
        assert time.monotonic() - started < 1, "nobody waits for what has ended"
        assert lines(house).index("the runtime was terminated") < lines(house).index("bye")


async def test_the_caller_is_answered_before_the_extensions_are_done(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_environments=1) as house:
        deploy(house, environment={"EXTENSION_SECONDS": "0.7"}, slow=layers.BASH)
        await house.invoke({})
        started = time.monotonic()
        result = await house.invoke({}, wants_log_tail=False)
        answered = time.monotonic() - started
        assert result.payload == b'"hello"'
        assert answered < 0.65
        await house.invoke({}, wants_log_tail=False)
        assert time.monotonic() - started > 0.65, "the environment is reused only when its extensions are done"
        await until(lambda: len(lines(house, "REPORT")) == 3)
        durations = [float(line.split("Duration: ")[1].split(" ms")[0]) for line in lines(house, "REPORT")]
        assert min(durations) > 650, "the duration holds the extensions' time"


async def test_a_caller_who_wants_the_log_gets_all_of_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        deploy(house, environment={"EXTENSION_SECONDS": "0.2"}, slow=layers.BASH)
        result = await house.invoke({})
        assert result.log_tail is not None
        assert b"REPORT RequestId" in result.log_tail


async def test_an_extension_that_never_finishes_is_ended_with_the_invokes_time(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy(
            {"index.py": HELLO},
            timeout=1,
            environment={"HANG": "1"},
            layers=(layers.add_layer(house, stubborn=layers.STUBBORN),),
        )
        result = await house.invoke({}, wants_log_tail=False)
        assert result.payload == b'"hello"', "the function had answered"
        await until(lambda: bool(lines(house, "REPORT")))
        assert lines(house, "REPORT")[0].endswith("Status: timeout")
        await until(lambda: house.pools.environments == 0)


async def test_a_timeout_leads_extensions_through_their_shutdown(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": HELLO}, timeout=1, layers=(layers.add_layer(house, watcher=layers.BASH),))
        result = await house.invoke({"seconds": 60})
        assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
        await until(lambda: "bye" in lines(house))
        last = json.loads(lines(house, "event: ")[-1].partition(": ")[2])
        assert last["shutdownReason"] == "timeout"


async def test_a_stubborn_extension_is_killed_after_two_seconds(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = deploy(house, stubborn=layers.STUBBORN)
        await house.invoke({})
        started = time.monotonic()
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0)
        assert 1.8 < time.monotonic() - started < 4
        assert lines(house, "got") == ["got INVOKE", "got SHUTDOWN"]


async def test_a_function_without_extensions_is_ended_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": HELLO})
        await house.invoke({})
        started = time.monotonic()
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0)
        assert time.monotonic() - started < 0.45


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        (layers.EXITS, "Extension.Crash", "exit status 3"),
        (layers.INIT_ERROR, "Extension.InitError", "exit status 5"),
        ("not a program", "Extension.LaunchError", "fork/exec /opt/extensions/broken: exec format error"),
        ("#!/nowhere/sh\n", "Extension.LaunchError", "fork/exec /opt/extensions/broken: no such file or directory"),
    ],
)
async def test_an_extension_that_fails_in_init_fails_the_invoke(
    tmp_path: Path, code: str, error_type: str, message: str
) -> None:
    async with open_house(tmp_path) as house:
        deploy(house, broken=code)
        result = await house.invoke({})
        error = json.loads(result.payload)
        assert (result.function_error, error["errorType"]) == ("Unhandled", error_type)
        assert error["errorMessage"].startswith("RequestId: ")
        assert error["errorMessage"].endswith(f"Error: {message}")


async def test_an_extension_that_never_registers_times_init_out(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": HELLO}, timeout=1, layers=(layers.add_layer(house, mute=layers.NEVER_REGISTERS),))
        async with asyncio.timeout(30):
            result = await house.invoke({})
        assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
        assert lines(house, "init of the function") == [], "the runtime waits for its extensions"


async def test_an_extension_that_dies_in_an_invoke_ends_the_environment(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        deploy(house, fragile=layers.EXITS_AT_INVOKE)
        result = await house.invoke({"seconds": 2})
        error = json.loads(result.payload)
        assert error["errorType"] == "Extension.Crash"
        assert error["errorMessage"].endswith("Error: exit status 4")
        await until(lambda: house.pools.environments == 0)


async def test_an_internal_extension_sees_invokes_and_is_given_half_a_second(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": INTERNAL}, timeout=5)
        told = json.loads((await house.invoke({})).payload)
        assert told["seen"][0] == {
            "functionName": "probe",
            "functionVersion": "$LATEST",
            "handler": "index.handler",
            "accountId": "000000000000",
        }
        assert told["seen"][1]["eventType"] == "INVOKE"
        assert told["refused"] == [
            {
                "errorType": "Extension.InvalidEventType",
                "errorMessage": "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension",
            }
        ]
        started = time.monotonic()
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0)
        assert 0.45 < time.monotonic() - started < 1.8
        assert "EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]" in lines(house)


async def test_extensions_work_without_isolation_too(tmp_path: Path) -> None:
    driver = await ProcessDriver.open(tmp_path / "process")
    try:
        async with open_house(tmp_path, driver=driver) as house:
            configuration = deploy(house, watcher=layers.BASH)
            assert (await house.invoke({})).payload == b'"hello"'
            house.pools.version_changed(configuration.qualified_arn, None)
            await until(lambda: "bye" in lines(house))
    finally:
        await driver.close()
