"""Between invokes an environment stands still: its threads, its extensions and what is delivered to them."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from lamplighter.environments.environment import Environment
from lamplighter.environments.machine import State
from tests.e2e import extension_layers as layers
from tests.e2e.function_house import FunctionHouse, is_root, open_house, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

TICKER = """
import threading, time
ticks = 0
def run():
    global ticks
    while True:
        time.sleep(0.005)
        ticks += 1
threading.Thread(target=run, daemon=True).start()
timer = threading.Timer(0.3, lambda: globals().update(rang=time.monotonic()))
rang = 0
def handler(event, context):
    if event == "timer":
        timer.start()
    if event == "rang":
        deadline = time.monotonic() + 5
        while not rang and time.monotonic() < deadline:
            time.sleep(0.001)
    return [ticks, time.monotonic(), rang]
"""

WAITS_FOR_REPORT = """
import time
def handler(event, context):
    while event and "platform.report" not in open("/tmp/telemetry").read():
        time.sleep(0.01)
    return event and "told"
"""


def environment_of(house: FunctionHouse) -> Environment:
    (pool,) = house.pools._pools.values()
    (environment,) = pool._alive
    return environment


async def idle(house: FunctionHouse) -> list[Environment]:
    (pool,) = house.pools._pools.values()
    await until(lambda: pool._idle, 60)
    return pool._idle


async def is_frozen(house: FunctionHouse) -> Environment:
    environment = environment_of(house)
    await until(lambda: environment.state is State.FROZEN, 60)
    return environment


def processes(environment: Environment) -> list[int]:
    """The processes inside, numbered as on this machine, process 1 first."""
    live = environment._live
    assert live is not None
    inode = os.fstat(live._output._fd).st_ino
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                held = {link.stat().st_ino for link in (entry / "fd").iterdir()}
            except OSError:
                continue
            if inode in held:
                found.append(int(entry.name))
    return sorted(found)


async def call(house: FunctionHouse, payload: Any = None) -> Any:
    result = await house.invoke(payload)
    assert result.function_error is None, result.payload
    return json.loads(result.payload)


async def test_a_background_thread_stands_still_between_invokes_and_goes_on_in_the_next(tmp_path: Path) -> None:
    async with open_house(tmp_path, freeze_after_seconds=0.02) as house:
        house.deploy({"index.py": TICKER}, memory_size=1769)
        await call(house)
        await is_frozen(house)
        before, then, _ = await call(house)
        await is_frozen(house)
        await asyncio.sleep(1)
        after, now, _ = await call(house)
        assert now - then > 1  # the clock has not stopped
        assert after - before < 100, "200 ticks fit into the second in which it was frozen"
        await asyncio.sleep(0)
        third, _, _ = await call(house, "rang-not")
        assert third >= after


async def test_a_thread_runs_on_between_invokes_where_freezing_is_switched_off(tmp_path: Path) -> None:
    """The other half of the test above: without the freezer the ticks do count."""
    async with open_house(tmp_path, freeze_after_seconds=0) as house:
        house.deploy({"index.py": TICKER}, memory_size=1769)
        before, _, _ = await call(house)
        for _ in range(200):
            await asyncio.sleep(0.1)
            if (await call(house))[0] - before >= 50:
                break
        else:
            pytest.fail("the thread does not run")
        await until(lambda: environment_of(house).state is State.READY)


async def test_a_timer_that_came_due_in_the_frost_goes_off_in_the_next_invoke(tmp_path: Path) -> None:
    async with open_house(tmp_path, freeze_after_seconds=0.02) as house:
        house.deploy({"index.py": TICKER}, memory_size=1769)
        _, begun, _ = await call(house, "timer")
        await is_frozen(house)
        await asyncio.sleep(0.6)
        _, _, rang = await call(house, "rang")
        assert rang - begun > 0.5


async def test_an_environment_in_use_is_not_frozen(tmp_path: Path) -> None:
    async with open_house(tmp_path, freeze_after_seconds=0.05) as house:
        house.deploy({"index.py": "import time\ndef handler(e, c): time.sleep(e or 0); return 1\n"})
        await call(house)
        long = asyncio.get_running_loop().create_task(call(house, 0.4))
        await asyncio.sleep(0.2)
        assert environment_of(house).state is State.INVOKING
        assert await long == 1


async def test_a_frozen_environment_ends_like_any_other_with_its_extensions_shutdown(tmp_path: Path) -> None:
    async with open_house(tmp_path, freeze_after_seconds=0.02) as house:
        layer = layers.add_layer(house, watcher=layers.BASH)
        configuration = house.deploy({"index.py": TICKER}, layers=(layer,))
        await call(house)
        await is_frozen(house)
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0, 60)
        said = "".join(house.logs.messages())
        assert '"eventType":"SHUTDOWN"' in said
        assert "bye\n" in said


async def test_telemetry_waits_for_the_thaw(tmp_path: Path) -> None:
    asked = {
        "schemaVersion": "2022-12-13",
        "types": ["platform"],
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4242/"},
        "buffering": {"timeoutMs": 500},
    }
    async with open_house(tmp_path, freeze_after_seconds=0.01) as house:
        layer = layers.add_layer(house, listener=layers.SUBSCRIBER)
        environment = {"SUBSCRIPTION": json.dumps(asked)}
        house.deploy({"index.py": WAITS_FOR_REPORT}, timeout=60, environment=environment, layers=(layer,))
        assert await call(house) is None
        frozen = await is_frozen(house)
        companions = frozen._companions
        assert companions is not None
        (subscriber,) = companions.telemetry._subscribers.values()
        await asyncio.sleep(1)  # twice the time after which it is due
        assert subscriber.size > 0
        assert not subscriber.is_delivering
        assert await call(house, 1) == "told"


async def test_a_runtime_killed_in_its_sleep_costs_the_next_invoke_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, freeze_after_seconds=0.02) as house:
        house.deploy({"index.py": "import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n"})
        first = await call(house)
        frozen = await is_frozen(house)
        for pid in processes(frozen)[1:]:
            os.kill(pid, signal.SIGKILL)  # pending until the thaw
        assert await call(house) != first


async def test_a_runtime_that_dies_the_moment_before_an_invoke_costs_it_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path, freeze_after_seconds=0) as house:
        house.deploy({"index.py": "import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n"})
        seen = set()
        for _ in range(5):
            seen.add(await call(house))
            (environment,) = await idle(house)
            for pid in processes(environment)[1:]:
                os.kill(pid, signal.SIGKILL)
        assert len(seen) == 5
