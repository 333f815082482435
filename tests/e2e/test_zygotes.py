"""Python functions start from the memory of an interpreter that is up already, and cannot tell but by the time."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lamplighter.environments.fast_starts import FastStarts
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.e2e.function_house import ACCOUNT, RUNTIMES, FunctionHouse, KeptLogs, is_root, open_house, until
from tests.live_sandboxes import link_launcher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits"),
    pytest.mark.asyncio(loop_scope="module"),
]

ECHO = "import os\ndef handler(event, context):\n    return [os.readlink('/proc/self/exe'), event]\n"
REVIVED = "/run/revive"


@dataclass
class Zygotic:
    """A house whose functions start from zygotes, once they are up."""

    house: FunctionHouse
    starts: FastStarts

    async def call(self, code: str, payload: Any = None, files: dict[str, str] | None = None, **members: Any) -> Any:
        """The answer of a fresh environment."""
        name = f"f{len(self.house.functions.functions)}"
        self.house.deploy({"index.py": code, **(files or {})}, name=name, **members)
        result = await self.house.invoke(payload, name=name)
        assert result.function_error is None, result.payload
        return json.loads(result.payload)


@asynccontextmanager
async def zygotic(
    directory: Path, runtime: str = "python3.11", *, images: Path | None = None, has_zygotes: bool = True
) -> AsyncIterator[Zygotic]:
    link_launcher(directory / "sandboxes")
    driver = await open_driver("namespaces", directory / "sandboxes")
    starts = FastStarts(driver, images or directory / "images", logs=KeptLogs(), has_zygotes=has_zygotes)
    (directory / "house").mkdir()
    os.chmod(directory, 0o755)  # noqa: PTH101, S103  # sandboxes go through it
    try:
        async with open_house(directory / "house", driver=driver, runtimes=(runtime,), equip=starts.equip) as house:
            if has_zygotes and images is None:
                installed = RuntimeDirectory(RUNTIMES).get(runtime)
                starts.warm(ACCOUNT, installed)
                await until(lambda: starts.is_warm(ACCOUNT, installed), 60)
            yield Zygotic(house, starts)
    finally:
        await starts.close()
        await driver.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Zygotic]:
    async with zygotic(tmp_path_factory.mktemp("zygotes")) as opened:
        yield opened


@pytest.mark.parametrize("runtime", ["python3.12", "python3.13"])
async def test_a_function_starts_from_its_runtimes_zygote_and_answers(tmp_path: Path, runtime: str) -> None:
    async with zygotic(tmp_path, runtime) as place:
        assert await place.call(ECHO, {"a": 1}, runtime=runtime) == [REVIVED, {"a": 1}]
        assert await place.call(ECHO, "again", runtime=runtime) == [REVIVED, "again"]


LOOK = """import json, logging, os, sys
AT_INIT = dict(os.environ)
def handler(event, context):
    logging.getLogger().warning("seen")
    varying = ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_FUNCTION_NAME",
               "AWS_LAMBDA_LOG_GROUP_NAME", "_X_AMZN_TRACE_ID")
    return {
        "environment": {name: value for name, value in AT_INIT.items() if name not in varying},
        "argv": sys.argv, "path": sys.path, "directory": os.getcwd(), "main": sys.modules["__main__"].__file__,
        "executable": sys.executable, "files": sorted(os.listdir("/proc/self/fd")), "format": logging.root.handlers[0]
        .formatter.__class__.__name__, "level": logging.root.level, "umask": os.umask(0o22),
        "nice": os.nice(0), "threads": len(os.listdir("/proc/self/task")), "encoding": sys.stdout.encoding,
        "signals": [line for line in open("/proc/self/status") if line.startswith(("Sig", "Seccomp", "NoNew", "Cap"))
                    and not line.startswith("SigQ")],
    }
"""


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
async def test_the_function_finds_what_it_finds_after_a_plain_start(place: Zygotic, log_format: str) -> None:
    members: dict[str, Any] = {"log_format": log_format, "environment": {"TZ": "Europe/Paris", "MINE": "x=1\ny"}}
    if log_format == "JSON":
        members["application_log_level"] = "ERROR"
    revived = await place.call(LOOK, **members)
    plain = await place.call(LOOK, **{**members, "environment": {**members["environment"], "PYTHONUTF8": "0"}})

    assert plain["environment"].pop("PYTHONUTF8") == "0"
    assert revived == plain


RANDOM = """import random, ssl, tempfile, uuid, os
def handler(event, context):
    names = [os.path.basename(tempfile.mkdtemp()) for _ in range(2)]
    return [random.random(), str(uuid.uuid4()), ssl.RAND_bytes(16).hex(), *names, str(uuid.uuid1()),
            os.urandom(8).hex()]
"""


async def test_no_two_environments_draw_the_same_random_numbers(place: Zygotic) -> None:
    drawn = [await place.call(RANDOM) for _ in range(4)]

    for values in zip(*drawn, strict=True):
        assert len(set(values)) == 4, values


WORK = """import ctypes, decimal, sqlite3, subprocess, sys, threading, multiprocessing, concurrent.futures
def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)
def handler(event, context):
    sys.setrecursionlimit(30000)
    pool = concurrent.futures.ThreadPoolExecutor(4)
    child = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True)
    context_ = multiprocessing.get_context("fork")
    reading, writing = context_.Pipe()
    process = context_.Process(target=lambda: writing.send("forked"))
    process.start()
    process.join()
    big = [bytes(1000) for _ in range(50_000)]
    return [sum(pool.map(len, ["a", "bb"])), child.stdout.strip(), reading.recv(), deep(12_000), len(big),
            sqlite3.connect(":memory:").execute("select 40 + 2").fetchone()[0], str(decimal.Decimal(1) / 4)]
"""


async def test_threads_processes_deep_calls_and_much_memory_work(place: Zygotic) -> None:
    answer = await place.call(WORK, memory_size=512)

    assert answer == [3, "42", "forked", 12_000, 50_000, 42, "0.25"]


SHADOW = """import os, simplejson
def handler(event, context):
    return [os.readlink("/proc/self/exe"), simplejson.__file__]
"""


async def test_a_module_that_the_function_brings_wins_over_a_loaded_one(place: Zygotic) -> None:
    assert await place.call(SHADOW) == [REVIVED, "/var/runtime/simplejson/__init__.py"]

    configuration = place.house.deploy({"index.py": SHADOW, "mine.txt": ""}, name="own")
    package = place.house.directory / configuration.code.digest
    shutil.copytree(RUNTIMES / "python3.11/rootfs/var/runtime/simplejson", package / "simplejson")
    program, file = json.loads((await place.house.invoke(name="own")).payload)

    assert program != REVIVED
    assert file == "/var/task/simplejson/__init__.py"


@pytest.mark.parametrize("name", ["PYTHONPATH", "LD_PRELOAD", "AWS_LAMBDA_EXEC_WRAPPER", "LC_ALL"])
async def test_variables_that_are_read_at_the_start_get_a_plain_one(place: Zygotic, name: str) -> None:
    values = {"AWS_LAMBDA_EXEC_WRAPPER": "/usr/bin/env", "LC_ALL": "C"}
    program, _ = await place.call(ECHO, environment={name: values.get(name, "")})

    assert program != REVIVED


async def test_without_zygotes_the_start_is_a_plain_one(tmp_path: Path) -> None:
    async with zygotic(tmp_path, has_zygotes=False) as place:
        program, _ = await place.call(ECHO)

    assert program != REVIVED


async def test_where_no_image_can_be_made_the_start_is_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with zygotic(tmp_path, images=tmp_path / "file") as place:
        programs = [(await place.call(ECHO))[0] for _ in range(3)]

    assert REVIVED not in programs


async def test_every_account_has_zygotes_of_its_own(place: Zygotic) -> None:
    where = (
        "import ctypes\ndef handler(event, context):\n"
        "    return ctypes.addressof(ctypes.c_int.in_dll(ctypes.CDLL(None), 'opterr'))\n"
    )
    other = "111122223333"
    ours = {await place.call(where) for _ in range(2)}
    installed = RuntimeDirectory(RUNTIMES).get("python3.11")
    place.starts.warm(other, installed)
    await until(lambda: place.starts.is_warm(other, installed), 60)
    theirs = {await place.call(where, account_id=other) for _ in range(2)}

    assert (len(ours), len(theirs)) == (1, 1)
    assert ours != theirs


async def test_nothing_is_left_of_zygotes(tmp_path: Path) -> None:
    async with zygotic(tmp_path) as place:
        assert (await place.call(ECHO))[0] == REVIVED
        images = [entry.name for entry in (tmp_path / "images").iterdir()]
        assert any(name.startswith("image-") for name in images)

    assert [entry.name for entry in (tmp_path / "images").iterdir()] == ["tools"]


async def test_many_start_at_once(place: Zygotic) -> None:
    answers = await asyncio.gather(*(place.call(ECHO, number) for number in range(16)))

    assert answers == [[REVIVED, number] for number in range(16)]
