"""Provisioned environments are initialised before anyone asks, used first, kept, replaced and let go."""

import asyncio
import json
from pathlib import Path

import pytest

from lamplighter.environments.provisioned import INIT_FAILURE, NO_ROOM
from tests.e2e.function_house import FunctionHouse, is_root, open_house, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

WHO = (
    "import os, time\nname = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n"
    "def handler(e, c):\n    time.sleep(e or 0)\n    return [name, os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']]\n"
)
PROVISIONED, ON_DEMAND = "provisioned-concurrency", "on-demand"


async def who(house: FunctionHouse, seconds: float = 0) -> tuple[str, str]:
    result = await house.invoke(seconds)
    assert result.function_error is None, result.payload
    name, kind = json.loads(result.payload)
    return name, kind


async def test_they_are_there_before_anyone_asks_and_never_expire(tmp_path: Path) -> None:
    async with open_house(tmp_path, idle_seconds=0.1) as house:
        configuration = house.deploy({"index.py": WHO}, version="1", timeout=30)
        house.pools.provision(configuration, 2)
        assert house.pools.provisioned(configuration).ready == 0
        await until(lambda: house.pools.provisioned(configuration).ready == 2)
        assert house.pools.environments == 2
        await asyncio.sleep(0.4)  # several times the idle time
        assert house.pools.provisioned(configuration).ready == 2
        assert (await who(house))[1] == PROVISIONED


async def test_they_are_used_first_and_the_rest_spills_over(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": WHO}, version="1", timeout=30)
        house.pools.provision(configuration, 2)
        await until(lambda: house.pools.provisioned(configuration).ready == 2)
        alone = [await who(house) for _ in range(20)]
        assert {kind for _, kind in alone} == {PROVISIONED}
        together = await asyncio.gather(*(who(house, 2) for _ in range(3)))
        assert sorted(kind for _, kind in together) == [ON_DEMAND, PROVISIONED, PROVISIONED]
        assert len({name for name, _ in together}) == 3


async def test_one_that_ends_is_replaced(tmp_path: Path) -> None:
    code = (
        "import os\nname = os.environ['AWS_LAMBDA_LOG_STREAM_NAME']\n"
        "def handler(e, c):\n    if e: os._exit(3)\n    return [name, '']\n"
    )
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": code}, version="1")
        house.pools.provision(configuration, 1)
        await until(lambda: house.pools.provisioned(configuration).ready == 1)
        before = await who(house)
        died = await house.invoke(1)
        assert died.function_error == "Unhandled"
        await until(lambda: house.pools.provisioned(configuration).ready == 1)
        assert await who(house) != before
        assert house.pools.environments == 1


async def test_fewer_may_be_wanted_and_none_at_all(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": WHO}, version="1", timeout=30)
        house.pools.provision(configuration, 3)
        await until(lambda: house.pools.provisioned(configuration).ready == 3)
        house.pools.provision(configuration, 1)
        await until(lambda: house.pools.environments == 1)
        busy = asyncio.create_task(who(house, 0.3))
        await asyncio.sleep(0.1)
        house.pools.provision(configuration, 0)
        assert (await busy)[1] == PROVISIONED
        await until(lambda: house.pools.environments == 0)
        assert house.pools.capacity.environments == 0
        assert (await who(house))[1] == ON_DEMAND


async def test_a_version_that_goes_takes_them_with_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": WHO}, version="1", timeout=30)
        house.pools.provision(configuration, 2)
        await until(lambda: house.pools.provisioned(configuration).ready == 2)
        house.pools.version_changed(configuration.qualified_arn, None)
        await until(lambda: house.pools.environments == 0)
        assert house.pools.capacity.environments == 0


async def test_an_init_that_fails_again_and_again_is_told_and_given_up(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        configuration = house.deploy({"index.py": "raise RuntimeError('no')\n"}, version="1")
        house.pools.provision(configuration, 1)
        await until(lambda: house.pools.provisioned(configuration).failure is not None)
        assert house.pools.provisioned(configuration).failure == INIT_FAILURE
        await until(lambda: house.pools.capacity.environments == 0)
        assert sum("raise RuntimeError" in message for message in house.logs.messages()) == 3


async def test_a_machine_that_is_too_small_says_so_and_a_full_one_makes_room(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_memory_mib=256) as house:
        large = house.deploy({"index.py": WHO}, name="large", version="1", memory_size=512)
        house.pools.provision(large, 1)
        assert house.pools.provisioned(large).failure == NO_ROOM

        small = house.deploy({"index.py": WHO}, version="1", memory_size=256)
        await who(house)
        house.pools.provision(small, 1)
        await until(lambda: house.pools.provisioned(small).ready == 1)
        assert (await who(house))[1] == PROVISIONED
        assert house.pools.capacity.memory_mib == 256
