"""A function made of a zygote's memory is held by the same walls as one that was started plainly, and finds nothing of
the zygote's making or of another function in its memory.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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

PROBES = Path(__file__).with_name("inside") / "probes.py"
# Each in a process of its own, forked from the function's: the errno of what was refused, 0 for what got through.
HANDLER = """import json, os
source = open("/var/task/probes.py").read()
probes = {"__name__": "probes"}
exec(source[:source.rindex("main()")], probes)

def attempt(name, *arguments):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = probes[name](*arguments)
            answer = 0 if answer is None else answer
        except OSError as error:
            answer = error.errno
        except BaseException as error:
            answer = type(error).__name__
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    answer = b"".join(iter(lambda: os.read(reading, 65536), b""))
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    return json.loads(answer) if answer else f"status {status}"

def handler(event, context):
    return [os.readlink("/proc/self/exe"), [attempt(*one) for one in event]]
"""
ATTACKS = (
    ("mount_tmpfs",),
    ("remount_writable", "/var/task"),
    ("unmount", "/proc/sys"),
    ("open_filesystem",),
    ("clone_mount_tree",),
    ("change_root",),
    ("clone_with", "0x10000000"),
    ("clone_with", "0x00020000"),
    ("clone_with", "0x40000000"),
    ("join_own_namespace", "net"),
    ("trace_child",),
    ("load_program",),
    ("count_events",),
    ("add_key",),
    ("user_faults",),
    ("io_ring",),
    ("handle_of_path",),
    ("become_root",),
    ("raise_capability",),
    ("make_device", "block", "/tmp"),
    ("signal_process", "1", "0"),
    ("same_host_name",),
    ("odd_personality",),
    ("write_file", "/written"),
    ("write_file", "/var/task/written"),
    ("write_file", "/run/written"),
    ("write_file", "/run/image"),
    ("write_file", "/run/revive"),
    ("write_file", "/proc/self/exe"),
    ("read_file", "/proc/1/environ"),
    ("connect", "127.0.0.1", "9002"),
    ("connect", "10.0.0.1", "80"),
    ("open_socket", "17", "3"),
)
SIGHTS = (("status",), ("processes",), ("descriptors",), ("interfaces",), ("named_groups",), ("lower_nice",))
SAME = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "SigIgn")


@asynccontextmanager
async def _open(directory: Path) -> AsyncIterator[tuple[FunctionHouse, FastStarts]]:
    link_launcher(directory / "sandboxes")
    driver = await open_driver("namespaces", directory / "sandboxes")
    starts = FastStarts(driver, directory / "images", logs=KeptLogs())
    (directory / "house").mkdir()
    os.chmod(directory, 0o755)  # noqa: PTH101, S103  # sandboxes go through it
    try:
        async with open_house(directory / "house", driver=driver, equip=starts.equip) as house:
            installed = RuntimeDirectory(RUNTIMES).get("python3.11")
            starts.warm(ACCOUNT, installed)
            await until(lambda: starts.is_warm(ACCOUNT, installed), 60)
            yield house, starts
    finally:
        await starts.close()
        await driver.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FunctionHouse]:
    async with _open(tmp_path_factory.mktemp("zygotes")) as (opened, _):
        yield opened


async def answers(house: FunctionHouse, attempts: tuple[tuple[str, ...], ...], **members: Any) -> tuple[str, list[Any]]:
    name = f"f{len(house.functions.functions)}"
    files = {"index.py": HANDLER, "probes.py": PROBES.read_text()}
    house.deploy(files, name=name, memory_size=256, timeout=60, **members)
    result = await house.invoke(attempts, name=name)
    assert result.function_error is None, result.payload
    program, told = json.loads(result.payload)
    return program, told


async def both(house: FunctionHouse, attempts: tuple[tuple[str, ...], ...]) -> tuple[list[Any], list[Any]]:
    """What a revived function meets, and what one that was started plainly meets."""
    revived_program, revived = await answers(house, attempts)
    plain_program, plain = await answers(house, attempts, environment={"PYTHONUTF8": "0"})
    assert revived_program == "/run/revive"
    assert plain_program != "/run/revive"
    return revived, plain


async def test_every_attack_is_refused_as_after_a_plain_start(house: FunctionHouse) -> None:
    revived, plain = await both(house, ATTACKS)
    outcomes = {" ".join(attack): answer for attack, answer in zip(ATTACKS, revived, strict=True)}

    assert {name: answer for name, answer in outcomes.items() if answer == 0 or str(answer).endswith("Error")} == {}
    differing = {attack: (one, two) for attack, one, two in zip(ATTACKS, revived, plain, strict=True) if one != two}
    # What is there in one of them only is read-only there, and missing here.
    assert {attack[-1] for attack in differing} <= {"/run/written", "/run/image", "/run/revive", "/proc/self/exe"}


async def test_it_is_the_same_user_with_the_same_rights_and_sees_the_same(house: FunctionHouse) -> None:
    revived, plain = await both(house, SIGHTS)

    assert {name: revived[0][name] for name in SAME} == {name: plain[0][name] for name in SAME}
    assert revived[0]["Uid"].split() == ["993"] * 4
    assert int(revived[0]["CapEff"], 16) == 0
    assert revived[1:2] == plain[1:2]
    assert sorted(revived[2]) == sorted(plain[2])
    assert revived[3:] == plain[3:]


SECRET = """import os
def handler(event, context):
    return os.environ["SECRET"]
"""
SEARCH = """def handler(event, context):
    found = []
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
        for line in maps:
            place, marks, *_ = line.split()
            start, end = (int(number, 16) for number in place.split("-"))
            if marks.startswith("r") and "[v" not in line:
                try:
                    memory.seek(start)
                    data = memory.read(end - start)
                except (OSError, ValueError, OverflowError):
                    continue
                found += [second for first, second in event if together(data, first.encode(), second.encode())]
    return found

def together(data, first, second):
    # The whole text is never put together here: it would be found in what this search leaves behind.
    at = data.find(first)
    while at >= 0:
        if data.startswith(second, at + len(first)):
            return True
        at = data.find(first, at + 1)
    return False
"""


async def test_no_memory_of_another_function_or_of_the_host_is_found(house: FunctionHouse) -> None:
    house.deploy({"index.py": SECRET}, name="secret", environment={"SECRET": "canary-of-another"})
    assert json.loads((await house.invoke(name="secret")).payload) == "canary-of-another"
    house.deploy({"index.py": SEARCH}, name="search", memory_size=512, environment={"OWN": "canary-of-its-own"})
    host = str(house.directory)
    middle = len(host) // 2
    halves = [["canary-of-", "another"], ["canary-of-", "its-own"], [host[:middle], host[middle:]]]
    result = await house.invoke(halves, name="search", wants_log_tail=False)

    assert result.function_error is None, result.payload
    # It finds its own secret, so it would find another's.
    assert set(json.loads(result.payload)) == {"its-own"}
