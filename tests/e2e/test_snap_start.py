"""A published version with SnapStart is initialised once; its environments are made of that memory, each unique."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lamplighter.aws.errors import SnapStartException, SnapStartNotReadyException, SnapStartTimeoutException
from lamplighter.environments.blueprint import Blueprint, Blueprints
from lamplighter.environments.fast_starts import FastStarts
from lamplighter.environments.snap_start import InitFailed
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.e2e.function_house import (
    RUNTIMES,
    FunctionHouse,
    KeptLogs,
    UnpackedPackages,
    is_root,
    open_house,
)
from tests.live_sandboxes import link_launcher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits"),
    pytest.mark.asyncio(loop_scope="module"),
]

RUNTIME = "python3.12"
SNAP_START = {"SnapStart": {"ApplyOn": "PublishedVersions"}}


class Published:
    """A house in which versions are published as the control plane does it."""

    def __init__(self, house: FunctionHouse, starts: FastStarts) -> None:
        self.house = house
        self.starts = starts
        self.names: dict[str, FunctionConfiguration] = {}

    async def publish(self, code: str, *, is_initialised: bool = True, **members: Any) -> str:
        """The name of a function whose version 1 has been initialised."""
        name = f"f{len(self.names)}"
        version = self.house.deploy(
            {"index.py": code}, name=name, version="1", runtime=RUNTIME, settings=SNAP_START, **members
        )
        self.names[name] = version
        if is_initialised:
            await self.starts.initialise(await self.blueprint(version))
        return name

    async def blueprint(self, version: FunctionConfiguration) -> Blueprint:
        packages = UnpackedPackages(self.house.directory)
        return await Blueprints(RuntimeDirectory(RUNTIMES), packages).prepare(version)

    async def call(self, name: str, payload: Any = None) -> Any:
        result = await self.house.invoke(payload, name=name)
        assert result.function_error is None, result.payload
        return json.loads(result.payload)

    async def fresh(self, name: str, count: int) -> list[Any]:
        """The answers of as many environments, each new."""
        return await asyncio.gather(*(self.call(name, 0.5) for _ in range(count)))


@asynccontextmanager
async def publishing(directory: Path, limits: Limits | None = None) -> AsyncIterator[Published]:
    link_launcher(directory / "sandboxes")
    driver = await open_driver("namespaces", directory / "sandboxes")
    logs = KeptLogs()
    starts = FastStarts(driver, directory / "images", logs=logs, limits=limits)
    (directory / "house").mkdir()
    os.chmod(directory, 0o755)  # noqa: PTH101, S103  # sandboxes go through it
    try:
        async with open_house(
            directory / "house", driver=driver, runtimes=(RUNTIME,), equip=starts.equip, limits=limits
        ) as house:
            yield Published(house, starts)
    finally:
        await starts.close()
        await driver.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Published]:
    async with publishing(tmp_path_factory.mktemp("snap-start")) as opened:
        yield opened


SLOW = """import os, time, uuid
time.sleep(1.0)
ONCE = str(uuid.uuid4())
with open("/tmp/left", "w") as file:
    file.write(ONCE)
calls = 0
def handler(event, context):
    global calls
    calls += 1
    time.sleep(event or 0)
    names = ("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_METADATA_TOKEN")
    return {"once": ONCE, "calls": calls, "left": open("/tmp/left").read(), "pid": os.getpid(),
            "variables": [os.environ[name] for name in names], "stream": context.log_stream_name}
"""


async def test_environments_share_one_init_and_nothing_else(place: Published) -> None:
    name = await place.publish(SLOW)
    answers = await place.fresh(name, 3)

    assert len({answer["once"] for answer in answers}) == 1
    assert {answer["left"] for answer in answers} == {answers[0]["once"]}
    assert [answer["calls"] for answer in answers] == [1, 1, 1]
    assert {answer["variables"][0] for answer in answers} == {"snap-start"}
    streams = {answer["variables"][1] for answer in answers}
    assert len(streams) == 3
    assert streams == {answer["stream"] for answer in answers}
    assert len({answer["variables"][2] for answer in answers}) == 3


async def test_the_log_tells_of_a_restore_instead_of_an_init(place: Published) -> None:
    name = await place.publish(SLOW)
    await place.call(name)
    group = place.names[name].log_group
    lines = [line for (found, _), told in place.house.logs.streams.items() if found == group for _, line in told]

    assert lines[0].startswith("RESTORE_START Runtime Version: python:3.12.v")
    assert lines[1].startswith("RESTORE_REPORT Restore Duration: ")
    report = lines[-1]
    assert "\tRestore Duration: " in report
    assert "\tBilled Restore Duration: " in report
    assert "Init Duration" not in report
    assert not any(line.startswith("INIT_") for line in lines)
    assert float(report.split("\tRestore Duration: ")[1].split()[0]) < 1000


RANDOM = """import random, ssl, tempfile, uuid, os, time
random.random()
ssl.RAND_bytes(8)
tempfile.mkdtemp()
AT_INIT = time.time()
def handler(event, context):
    time.sleep(event or 0)
    name = os.path.basename(tempfile.mkdtemp())
    return [random.random(), ssl.RAND_bytes(16).hex(), name, str(uuid.uuid4()), os.urandom(8).hex()]
"""


async def test_no_two_environments_draw_the_same_random_numbers(place: Published) -> None:
    drawn = await place.fresh(await place.publish(RANDOM), 3)

    for values in zip(*drawn, strict=True):
        assert len(set(values)) == 3, values


HOOKS = """import os, time
from snapshot_restore_py import register_after_restore, register_before_snapshot
STORY = ["init"]
@register_before_snapshot
def before():
    STORY.append("before " + os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])
@register_after_restore
def after():
    STORY.append("after " + os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])
def handler(event, context):
    time.sleep(event or 0)
    return [*STORY, context.log_stream_name]
"""


async def test_hooks_run_before_the_snapshot_once_and_after_each_restore(place: Published) -> None:
    answers = await place.fresh(await place.publish(HOOKS), 2)

    assert len({answer[1] for answer in answers}) == 1
    for init, before, after, stream in answers:
        assert init == "init"
        assert before.startswith("before ")
        assert after == f"after {stream}"
        assert stream not in before


async def test_a_version_whose_init_fails_is_told_with_awss_reason_code(place: Published) -> None:
    with pytest.raises(InitFailed, match="no such luck") as failed:
        await place.publish("raise ValueError('no such luck')")

    assert failed.value.code == "FunctionError.RuntimeInitError"


AFTER_FAILS = """from snapshot_restore_py import register_after_restore
@register_after_restore
def after():
    raise ValueError("not again")
def handler(event, context):
    return 1
"""


async def test_a_failed_hook_after_the_restore_is_a_snap_start_error(place: Published) -> None:
    name = await place.publish(AFTER_FAILS)

    with pytest.raises(SnapStartException):
        await place.call(name)


AFTER_HANGS = """import time
from snapshot_restore_py import register_after_restore
@register_after_restore
def after():
    time.sleep(60)
def handler(event, context):
    return 1
"""


async def test_a_restore_that_takes_too_long_is_a_snap_start_timeout(tmp_path: Path) -> None:
    async with publishing(tmp_path, Limits(restore_timeout_seconds=0.5)) as place:
        name = await place.publish(AFTER_HANGS)

        with pytest.raises(SnapStartTimeoutException):
            await place.call(name)


async def test_a_pending_version_is_not_ready(place: Published) -> None:
    name = await place.publish(SLOW, is_initialised=False, state="Pending")

    with pytest.raises(SnapStartNotReadyException):
        await place.call(name)


THREADED = """import threading, time
from snapshot_restore_py import register_after_restore
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
restored = []
register_after_restore(restored.append, 1)
def handler(event, context):
    return [restored, threading.active_count()]
"""


async def test_a_function_with_threads_is_initialised_in_each_environment_and_its_hooks_run(place: Published) -> None:
    name = await place.publish(THREADED)

    assert await place.call(name) == [[1], 2]


CONNECTED = """import os, socket, tempfile
mine, other = socket.socketpair()
place = tempfile.NamedTemporaryFile("w+", delete=False)
place.write("kept ")
place.flush()
def handler(event, context):
    place.write("on")
    place.flush()
    return [mine.recv(10).decode(), open(place.name).read()]
"""


async def test_files_stay_open_and_connections_are_found_closed(place: Published) -> None:
    assert await place.call(await place.publish(CONNECTED)) == ["", "kept on"]


async def test_what_was_not_taken_yet_is_taken_beside(place: Published) -> None:
    """After a restart of the server."""
    name = await place.publish(SLOW, is_initialised=False)
    assert (await place.call(name))["variables"][0] == "snap-start"
