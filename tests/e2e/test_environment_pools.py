"""Environments are reused, multiplied, shared out, let go and drained."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from lamplighter.aws.errors import TooManyRequestsException
from tests.e2e.function_house import FunctionHouse, is_root, open_house, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

WHO = (
    "import os, time\nname = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\ncalls = 0\n"
    "def handler(e, c):\n    global calls\n    calls += 1\n    time.sleep(e or 0)\n    return [name, calls]\n"
)


async def who(house: FunctionHouse, seconds: float = 0, **members: str) -> tuple[str, int]:
    result = await house.invoke(seconds, **members)
    assert result.function_error is None, result.payload
    name, calls = json.loads(result.payload)
    return name, calls


async def test_one_caller_after_the_other_gets_the_same_environment(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": WHO})
        seen = [await who(house) for _ in range(20)]
        assert len({name for name, _ in seen}) == 1
        assert [calls for _, calls in seen] == list(range(1, 21))
        assert house.pools.environments == 1


async def test_slow_invokes_at_the_same_time_get_environments_of_their_own_and_the_last_used_is_taken_first(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": WHO})
        together = await asyncio.gather(*(who(house, 0.3) for _ in range(4)))
        assert len({name for name, _ in together}) == 4
        assert house.pools.environments == 4

        (pool,) = house.pools._pools.values()
        used = []
        for _ in range(5):
            await until(lambda: len(pool._idle) == 4)
            used.append((await who(house))[0])
        assert len(set(used)) == 1


async def test_a_waiting_invoke_is_served_by_a_freed_environment_when_the_machine_is_full(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_environments=2) as house:
        house.deploy({"index.py": WHO})
        served = await asyncio.gather(*(who(house, 0.05) for _ in range(10)))
        assert len({name for name, _ in served}) == 2
        assert house.pools.environments == 2
        assert house.pools.capacity.environments == 2


async def test_an_idle_environment_of_another_function_makes_room(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_environments=1) as house:
        house.deploy({"index.py": WHO})
        house.deploy({"index.py": WHO}, name="other")
        first = await who(house)
        second = await who(house, name="other")
        assert first[0] != second[0]
        assert (await who(house))[1] == 1


async def test_a_machine_that_stays_full_refuses_as_aws_does(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_environments=1, queue_seconds=0.2) as house:
        house.deploy({"index.py": WHO}, timeout=10)
        busy = asyncio.get_running_loop().create_task(who(house, 2))
        await until(lambda: house.pools.environments == 1)
        begun = time.monotonic()
        with pytest.raises(TooManyRequestsException) as refused:
            await house.invoke(0)
        assert 0.19 < time.monotonic() - begun < 1
        assert refused.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
        await busy


async def test_a_function_larger_than_the_machine_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_memory_mib=256, queue_seconds=0.1) as house:
        house.deploy({"index.py": WHO}, memory_size=512)
        with pytest.raises(TooManyRequestsException):
            await house.invoke(0)


async def test_idle_environments_expire(tmp_path: Path) -> None:
    async with open_house(tmp_path, idle_seconds=0.3) as house:
        house.deploy({"index.py": WHO})
        first = await who(house)
        await until(lambda: house.pools.environments == 0 and house.pools.capacity.environments == 0)
        second = await who(house)
        assert second[1] == 1
        assert second[0] != first[0]


async def test_a_changed_version_gets_new_environments_and_running_invokes_finish_on_the_old(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        code = "import os, time\ndef handler(e, c):\n    time.sleep(e)\n    return os.environ['V']\n"
        house.deploy({"index.py": code}, environment={"V": "old"})
        await house.invoke(0)
        running = asyncio.get_running_loop().create_task(house.invoke(0.5))
        await asyncio.sleep(0.05)
        house.change(environment={"V": "new"})
        assert (await house.invoke(0)).payload == b'"new"'
        assert (await running).payload == b'"old"'
        await until(lambda: house.pools.environments == 1)


async def test_a_deleted_versions_environments_go(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": WHO})
        await who(house)
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.capacity.environments == 0)


async def test_a_caller_who_hangs_up_harms_neither_the_invoke_nor_its_neighbours(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_environments=1) as house:
        house.deploy({"index.py": WHO})
        await who(house)
        loop = asyncio.get_running_loop()
        running, queued = loop.create_task(who(house, 0.3)), loop.create_task(who(house, 0))
        await asyncio.sleep(0.05)
        running.cancel()
        queued.cancel()
        # Both invokes went on: the second call of this environment and the third, then ours.
        _, calls = await who(house)
        assert calls == 4
        assert house.pools.environments == 1


async def test_closing_lets_running_invokes_finish(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": WHO})
        await who(house)
        running = asyncio.get_running_loop().create_task(who(house, 0.4))
        await asyncio.sleep(0.05)
        await house.pools.close(drain_seconds=5)
        assert (await running)[1] == 2
        assert house.pools.capacity.environments == 0
        with pytest.raises(TooManyRequestsException):
            await house.invoke(0)


async def test_closing_at_once_answers_running_invokes_as_failed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": WHO}, timeout=60)
        await who(house)
        running = asyncio.get_running_loop().create_task(house.invoke(30))
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        await house.pools.close()
        result = await running
        assert result.function_error == "Unhandled"
        assert json.loads(result.payload)["errorType"] == "Sandbox.Failure"
        assert time.monotonic() - begun < 5
        assert house.pools.capacity.environments == 0
