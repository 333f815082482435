"""OS-only runtimes: programs in Go and Rust with AWS's own libraries, as the examples build them."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.function_house import FunctionHouse, is_root, open_house
from tests.example_programs import NotBuilt, built

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits"),
]


async def deploy_program(house: FunctionHouse, language: str) -> None:
    try:
        program = await asyncio.to_thread(built, language)
    except NotBuilt as error:
        pytest.skip(str(error))
    settings: dict[str, Any] = {"runtime": "provided.al2023", "handler": "bootstrap", "timeout": 10}
    configuration = house.deploy({"README": language}, **settings)
    shutil.copy(program, house.directory / configuration.code.digest / "bootstrap")


@pytest.mark.parametrize("language", ["go", "rust"])
async def test_a_program_with_the_official_library_answers(tmp_path: Path, language: str) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        await deploy_program(house, language)
        for number in ("1", "2"):
            request_id = f"8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b{number}"
            answer = json.loads((await house.invoke({"name": f"grüße {number}"}, request_id=request_id)).payload)
            assert (answer["hello"], answer["requestId"]) == (f"grüße {number}", request_id)
        assert sum(message.startswith("INIT_START") for message in house.logs.messages()) == 1


@pytest.mark.parametrize(
    ("language", "message"), [("go", "json: cannot unmarshal number"), ("rust", "the event has no name")]
)
async def test_an_event_that_the_program_refuses_is_its_error(tmp_path: Path, language: str, message: str) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        await deploy_program(house, language)
        result = await house.invoke({"name": 7})
        assert (result.function_error, message in json.loads(result.payload)["errorMessage"]) == ("Unhandled", True)
