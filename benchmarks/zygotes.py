"""zygotes: how soon a Python runtime polls when it is made of a zygote's memory, and a version under SnapStart answers.

Sandboxes of the driver with the real client inside, from the request to the first `/next`: made of the image, started
plainly, and the same client as a bare subprocess, in turns; then many at a time, and what an idle one costs. The first
invokes go through a whole server.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.bare_runtime import BareRuntime
from benchmarks.child import Child
from benchmarks.density import namespace_of, proportional_kib
from benchmarks.options import Options
from benchmarks.processes import tree
from benchmarks.runtimes import runtime_named
from benchmarks.server import ECHO, EVENT, ROLE, Server, client_of, zipped
from benchmarks.statistics_of_pairs import judged, ratio, summary
from lamplighter.environments.blueprint import Blueprint, PlaceholderCredentials
from lamplighter.environments.zygotes import Zygotes
from lamplighter.kernel.ids import RandomIds
from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration
from lamplighter.sandboxes.memory_images.images import MemoryImages
from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.sandbox import Sandbox, SandboxSpec

STARTS = 5
BURST = 60
AT_ONCE = 4
ALIVE = 40
ACCOUNT = "000000000000"
INIT_SECONDS = 2.0
SLOW = f"import time\ntime.sleep({INIT_SECONDS})\ndef handler(event, context):\n    return event\n"
VERSIONS = 7
SNAP_START_RUNTIME = "python3.12"

Spec = Callable[[], SandboxSpec]


class Ground:
    """A driver, a zygote of its own, and blueprints of one echo function with and without it."""

    def __init__(self, folder: Path, driver: NamespaceDriver, runtime: str) -> None:
        self._ids = RandomIds()
        self.driver = driver
        self.zygotes = Zygotes(driver, MemoryImages(folder / "images"), self._ids)
        self.runtime = runtime_named(runtime)
        package = folder / "task"
        package.mkdir()
        (package / "echo.py").write_text(ECHO)
        configuration = FunctionConfiguration(
            account_id=ACCOUNT,
            region="us-east-1",
            name="echo",
            revision_id="r",
            content_revision="c",
            modified_at=0.0,
            state="Active",
            runtime=runtime,
            handler="echo.handler",
            role=ROLE,
            memory_size=512,
            code=CodeReference(digest="d", sha256="d", size=1),
            log_group="/aws/lambda/echo",
        )
        self._plain = Blueprint(configuration, self.runtime, package, (), PlaceholderCredentials())

    def plain(self) -> SandboxSpec:
        return self._plain.spec(self._ids.hex(32), "stream", self._ids.uuid())

    def revived(self) -> SandboxSpec:
        image = self.zygotes.image_for(self._plain)
        assert image is not None
        return image.applied(self.plain(), "echo.handler")

    async def wait_until_warm(self) -> None:
        self.zygotes.begin(ACCOUNT, self.runtime)
        async with asyncio.timeout(60):
            while not self.zygotes.is_there(ACCOUNT, self.runtime):  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.01)


async def polled(driver: NamespaceDriver, spec: SandboxSpec) -> Sandbox:
    """A sandbox whose runtime has made its first call, which is the poll."""
    sandbox = await driver.start(spec)
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(sandbox.runtime_api)
    connection.setblocking(False)
    question = await loop.sock_recv(connection, 4096)
    assert b"/invocation/next" in question, question
    connection.detach()  # it stays open until the sandbox is over, as an environment's does
    return sandbox


async def end(sandbox: Sandbox) -> None:
    await sandbox.kill()
    os.close(sandbox.output_fd)


async def first_poll(ground: Ground, spec: Spec) -> float:
    """Milliseconds; the middle of a few, each with time for the spawner to make blanks again."""
    elapsed = []
    for _ in range(STARTS):
        await asyncio.sleep(0.05)
        started = time.perf_counter()
        sandbox = await polled(ground.driver, spec())
        elapsed.append((time.perf_counter() - started) * 1000)
        await end(sandbox)
    return statistics.median(elapsed)


async def rate(ground: Ground, spec: Spec) -> float:
    """Starts to first poll a second, a few at a time; they are ended afterwards."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> Sandbox:
        async with gate:
            return await polled(ground.driver, spec())

    started = time.perf_counter()
    sandboxes = await asyncio.gather(*(one() for _ in range(BURST)))
    elapsed = time.perf_counter() - started
    await asyncio.gather(*(end(sandbox) for sandbox in sandboxes))
    return BURST / elapsed


async def idle_kib(ground: Ground, spec: Spec) -> float:
    """The proportional share of everything in an idle sandbox, the launcher's pid 1 included."""
    sandboxes = [await polled(ground.driver, spec()) for _ in range(ALIVE)]
    own, shares = namespace_of(os.getpid()), dict[str, int]()
    members = dict[str, int]()
    for pid in tree(os.getpid()):
        namespace = namespace_of(pid)
        if namespace not in {"", own}:
            shares[namespace] = shares.get(namespace, 0) + proportional_kib(pid)
            members[namespace] = members.get(namespace, 0) + 1
    await asyncio.gather(*(end(sandbox) for sandbox in sandboxes))
    return statistics.median(share for namespace, share in shares.items() if members[namespace] > 1)


class Bare:
    """The client as a bare subprocess against the stub Runtime API."""

    def __init__(self, stack: ExitStack, folder: Path, ground: Ground) -> None:
        self._stub = stack.enter_context(Child("stub_runtime_api", folder))
        self._port = self._stub.answer(20)["port"]
        self._runtime, self._task_root = ground.runtime, folder / "task"

    def first_poll(self) -> float:
        return statistics.median(self._one() for _ in range(STARTS))

    def _one(self) -> float:
        self._stub.ask({"clients": 0, "reset": True}, 10)
        started = time.time()
        runtime = BareRuntime(self._runtime, self._port, self._task_root, "echo.handler")
        try:
            first = float(self._stub.ask({"clients": 1}, 30)["first_next"])
        finally:
            runtime.end()
        self._stub.ask({"seconds": 0.0, "use": 1}, 10)
        return (first - started) * 1000


async def measure_driver(folder: Path, options: Options) -> dict[str, Any]:
    driver = await NamespaceDriver.open(folder / "state")
    figures: dict[str, list[float]] = {name: [] for name in ("revived", "plain", "bare", "rate", "plain_rate")}
    try:
        with ExitStack() as stack:
            ground = Ground(folder, driver, options.runtime)
            bare = Bare(stack, folder, ground)
            await ground.wait_until_warm()
            for _ in range(options.pairs):
                figures["revived"].append(await first_poll(ground, ground.revived))
                figures["bare"].append(await asyncio.to_thread(bare.first_poll))
                figures["plain"].append(await first_poll(ground, ground.plain))
                figures["rate"].append(await rate(ground, ground.revived))
                figures["plain_rate"].append(await rate(ground, ground.plain))
            memory = {
                "revived": await idle_kib(ground, ground.revived),
                "plain": await idle_kib(ground, ground.plain),
            }
            await ground.zygotes.close()
    finally:
        await driver.close()
    return {"windows": figures, "idle_kib": memory}


def first_invokes(folder: Path, options: Options) -> dict[str, list[float]]:
    """Milliseconds through HTTP: functions invoked for the first time, and versions under SnapStart."""
    with Server(folder) as server:
        client = client_of(server.keys)
        for number in range(options.pairs * STARTS + 1):
            server.create_function(f"echo-{number}", options.runtime, {"echo.py": ECHO}, "echo.handler")
        fresh = [_timed(client, f"echo-{number}", "$LATEST") for number in range(options.pairs * STARTS + 1)]
        for number in range(VERSIONS):
            _publish(client, f"slow-{number}")
        restored = [_timed(client, f"slow-{number}", "1") for number in range(VERSIONS)]
    return {"fresh": fresh[1:], "restored": restored}


def _publish(client: Any, name: str) -> None:  # Any: boto3's clients are made at run time
    client.create_function(
        FunctionName=name,
        Runtime=SNAP_START_RUNTIME,
        Role=ROLE,
        Handler="slow.handler",
        Code={"ZipFile": zipped({"slow.py": SLOW})},
        MemorySize=1769,
        Timeout=30,
        SnapStart={"ApplyOn": "PublishedVersions"},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    client.publish_version(FunctionName=name)
    wanted = {"FunctionName": name, "Qualifier": "1", "WaiterConfig": {"Delay": 1, "MaxAttempts": 60}}
    client.get_waiter("published_version_active").wait(**wanted)


def _timed(client: Any, name: str, qualifier: str) -> float:  # Any: boto3's clients are made at run time
    time.sleep(0.05)  # a caller that comes alone: the spawner's blanks are there
    started = time.perf_counter()
    answer = client.invoke(FunctionName=name, Qualifier=qualifier, Payload=EVENT)
    body = answer["Payload"].read()
    elapsed = (time.perf_counter() - started) * 1000
    assert body.replace(b" ", b"") == EVENT, body
    return elapsed


def run(folder: Path, options: Options) -> dict[str, Any]:
    place = folder / "driver"
    place.mkdir()
    folder.chmod(0o755)
    place.chmod(0o755)
    runtime_named(SNAP_START_RUNTIME)
    driver = asyncio.run(measure_driver(place, options))
    windows = driver["windows"]
    invokes = first_invokes(folder, options)
    polls = ratio(windows["revived"], windows["bare"])
    rates = ratio(windows["rate"], windows["plain_rate"])
    first = round(statistics.median(invokes["fresh"]) / statistics.median(windows["bare"]), 3)
    restored = round(statistics.median(invokes["restored"]) / (INIT_SECONDS * 1000), 4)
    return {
        "runtime": options.runtime,
        "first_poll_ms": {name: summary(windows[name]) for name in ("revived", "plain", "bare")},
        "starts_per_second": {"revived": summary(windows["rate"]), "plain": summary(windows["plain_rate"])},
        "first_invoke_ms": summary(invokes["fresh"]),
        "snap_start_first_invoke_ms": summary(invokes["restored"]),
        "idle_kib": driver["idle_kib"],
        "bounds": [
            judged("first poll from a zygote over a bare subprocess", polls["median"], 0.33, at_most=True),
            judged("first invoke over a bare subprocess's first poll", first, 0.6, at_most=True),
            judged("starts a second from a zygote over plain ones", rates["median"], 2.5, at_most=False),
            judged("first invoke under SnapStart over its init", restored, 0.04, at_most=True),
            judged("KiB of an idle environment from a zygote", driver["idle_kib"]["revived"], 5 * 1024, at_most=True),
        ],
    }
