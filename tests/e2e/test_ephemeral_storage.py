"""/tmp of functions: as large as configured and no larger, kept between invokes, and gone with the environment."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from tests.e2e.function_house import FunctionHouse, is_root, open_house
from tests.live_sandboxes import MIB, read_line, state_directory
from tests.live_sandboxes import house as sandbox_house

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: loop devices")]

CODE = """
import json, os

def handler(event, context):
    found = sorted(os.listdir("/tmp"))
    taken = 0
    with open("/tmp/taken", "ab") as file:
        try:
            while "take" in event:
                os.posix_fallocate(file.fileno(), taken, event["take"] << 20)
                taken += event["take"] << 20
        except OSError as error:
            return {"found": found, "taken": taken >> 20, "errno": error.errno}
    return {"found": found}
"""


async def ask(house: FunctionHouse, **event: Any) -> dict[str, Any]:
    result = await house.invoke(event)
    assert result.function_error is None, result.payload
    told: dict[str, Any] = json.loads(result.payload)
    return told


async def test_files_stay_from_invoke_to_invoke_and_go_with_the_environment(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": CODE}, timeout=30)
        assert (await ask(house))["found"] == []
        assert (await ask(house))["found"] == ["taken"]

        house.change(timeout=31)

        assert (await ask(house))["found"] == []


@pytest.mark.parametrize("mebibytes", [512, 10_240])
async def test_every_byte_of_the_size_can_be_had_and_no_more(tmp_path: Path, mebibytes: int) -> None:
    """What is allocated but not written takes nothing of the machine's disk."""
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": CODE}, timeout=60, ephemeral_size=mebibytes)
        before = os.statvfs(tmp_path)
        told = await ask(house, take=64)
        after = os.statvfs(tmp_path)

    assert told["errno"] == errno.ENOSPC
    assert mebibytes - 64 <= told["taken"] <= mebibytes * 1.03
    if mebibytes > 512:
        assert (before.f_bavail - after.f_bavail) * after.f_frsize < mebibytes * MIB / 2


async def test_the_next_sandbox_with_a_large_tmp_finds_it_prepared(tmp_path: Path) -> None:
    """Making the disk takes longer than all the rest of a start; so a blank of the size asked for last stands ready."""
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=1)
        async with sandbox_house(driver, place) as house:
            for size in (1024, 2048, 1024, 512, 2048):
                source = "stat -f -c '%a %S' /tmp; sleep 60"
                async with house.sandbox("/bin/sh", "-c", source, tmp_bytes=size * MIB) as sandbox:
                    blocks, block_bytes = (int(word) for word in (await read_line(sandbox.output_fd)).split())
                assert size <= blocks * block_bytes / MIB <= size * 1.03
