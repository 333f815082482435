"""Java: AWS's runtime interface client from Maven Central, unmodified, on this machine's virtual machines."""

import json
import shutil
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lamplighter.resources.functions.model import CodeReference, LayerReference
from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from tests.e2e.function_house import RUNTIMES, FunctionHouse, is_root, open_house
from tests.e2e.java_functions import LIBRARY, PROBE, STREAMS, compile_java

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

INSTALLED = [f"java{version}" for version in ("17", "21", "25") if interpreters.find_java(version)]
MIB = 1024 * 1024


@dataclass
class JavaHouse:
    """A house with compiled classes, ready to be deployed."""

    house: FunctionHouse
    classes: Path

    def deploy(self, runtime: str, handler: str = "probe.Probe", **members: Any) -> None:
        settings = {"runtime": runtime, "handler": handler, "memory_size": 1769, "timeout": 30, **members}
        configuration = self.house.deploy({"README": handler}, **settings)
        package = self.house.directory / configuration.code.digest
        shutil.copytree(self.classes / "probe", package / "probe", dirs_exist_ok=True)
        shutil.copytree(self.classes / "own", package / "lib", dirs_exist_ok=True)

    def layer(self) -> LayerReference:
        shutil.copytree(self.classes / "layered", self.house.directory / "layer/java/lib")
        code = CodeReference(digest="layer", sha256="layer", size=1)
        return LayerReference(arn="arn:aws:lambda:us-east-1:000000000000:layer:java:1", code=code)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions' class files, and one jar each for the function and the layer."""
    if not INSTALLED:
        pytest.skip("this machine has no Java")
    place = tmp_path_factory.mktemp("java")
    sources = {"Probe": PROBE, "Streams": STREAMS}
    sources |= {name: LIBRARY.format(name=name, value=f"of {name}") for name in ("Own", "Layered")}
    try:
        ensure(RuntimeDirectory(RUNTIMES), INSTALLED)
        compile_java(sources, place / "classes", RUNTIMES / ".cache")
    except ImportFailed as error:
        pytest.skip(f"Maven Central cannot be reached: {error}")
    shutil.move(place / "classes/probe", place / "probe")
    for name in ("Own", "Layered"):
        (place / name.lower()).mkdir()
        with zipfile.ZipFile(place / name.lower() / "library.jar", "w") as jar:
            jar.write(place / f"classes/library/{name}.class", f"library/{name}.class")
    return place


@pytest.fixture
async def java(classes: Path, tmp_path: Path) -> AsyncIterator[JavaHouse]:
    async with open_house(tmp_path, runtimes=()) as house:
        yield JavaHouse(house, classes)


@pytest.mark.parametrize("runtime", INSTALLED)
async def test_java_answers_with_its_own_classes_and_those_of_layers(java: JavaHouse, runtime: str) -> None:
    java.deploy(runtime, layers=(java.layer(),))
    result = await java.house.invoke({"text": "grüße ✓"}, request_id="8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4")
    seen = json.loads(result.payload)
    # 1769 MiB less 160 and 80; Java does not count the generation that is always empty.
    assert 1400 * MIB < seen.pop("heap") <= 1529 * MIB
    assert seen.pop("certificates") > 100
    assert seen == {
        "event": {"text": "grüße ✓"},
        "id": "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4",
        "memory": 1769,
        "is_in_time": True,
        "specification": runtime.removeprefix("java"),
        "charset": "UTF-8",
        "Own": "of Own",
        "Layered": "of Layered",
    }
    told = [message for message in java.house.logs.messages() if message[:4] not in ("INIT", "STAR", "END ", "REPO")]
    assert told == ["at class load\n", "logged grüße ✓\n", "printed\n"]


async def test_the_other_handlers_of_java_answer(java: JavaHouse) -> None:
    java.deploy(INSTALLED[0], "probe.Streams", name="streams")
    java.deploy(INSTALLED[0], "probe.Streams::length", name="method")
    assert json.loads((await java.house.invoke({"n": 1}, name="streams")).payload) == [{"n": 1}]
    assert json.loads((await java.house.invoke("grüße", name="method")).payload) == 5


async def test_java_fails_as_on_lambda(java: JavaHouse) -> None:
    java.deploy(INSTALLED[0])
    failed = await java.house.invoke({"fail": True})
    error = json.loads(failed.payload)
    assert (failed.function_error, error["errorType"], error["errorMessage"]) == (
        "Unhandled",
        "java.lang.IllegalStateException",
        "asked to fail",
    )
    assert error["stackTrace"][0].startswith("probe.Probe.handleRequest")


async def test_a_missing_class_fails_the_initialisation(java: JavaHouse) -> None:
    java.deploy(INSTALLED[0], "probe.Absent")
    error = json.loads((await java.house.invoke({})).payload)
    assert (error["errorType"], error["errorMessage"]) == (
        "java.lang.ClassNotFoundException",
        "Class not found: probe.Absent",
    )


async def test_the_options_variable_and_the_wrapper_change_how_java_starts(java: JavaHouse) -> None:
    java.deploy(INSTALLED[0], name="options", environment={"JAVA_TOOL_OPTIONS": "-Dprobe.option=tool"})
    assert json.loads((await java.house.invoke({}, name="options")).payload)["option"] == "tool"
    wrapper = '#!/bin/bash\nset -- "$1" -Dprobe.option=wrapped "${@:2}"\nexec "$@"\n'
    java.deploy(INSTALLED[0], name="wrapped", environment={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"})
    package = java.house.directory / java.house.functions.functions["wrapped"].configuration.code.digest
    (package / "wrap").write_text(wrapper)
    (package / "wrap").chmod(0o755)
    assert json.loads((await java.house.invoke({}, name="wrapped")).payload)["option"] == "wrapped"


async def test_the_client_is_loaded_from_the_archive_made_at_installation(java: JavaHouse) -> None:
    java.deploy(INSTALLED[0], environment={"JAVA_TOOL_OPTIONS": "-Xlog:class+load"})
    await java.house.invoke({})
    loaded = [line for line in java.house.logs.messages() if "client.AWSLambda source:" in line]
    assert [line.rpartition("source: ")[2].strip() for line in loaded] == ["shared objects file (top)"]


async def test_the_smallest_memory_is_enough_for_java(java: JavaHouse) -> None:
    java.deploy(INSTALLED[0], memory_size=128)
    result = await java.house.invoke({})
    assert result.function_error is None, result.payload
