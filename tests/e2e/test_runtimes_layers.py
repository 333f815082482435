"""Real layers of other people, unmodified: an OpenTelemetry extension (internal and external) and Powertools.

They come from npm and PyPI, with nothing changed; what they tell the platform and what they print is looked at.
"""

import asyncio
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lamplighter.resources.functions.model import CodeReference, LayerReference
from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.fetch import NpmPackage, fetch_npm_package, install_python_packages, unpack
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from tests.e2e.function_house import RUNTIMES, FunctionHouse, is_root, open_house

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

# An extension of Serverless, Inc.: /opt/extensions/otel-extension, and a wrapper that instruments the function itself.
OPEN_TELEMETRY = NpmPackage(
    "@serverless/aws-lambda-otel-extension-dist",
    "0.1.11",
    "DP4AAAKL1dcJcgSR8Cuh2eEo74Nf/2LZVFubKpccrdBA2csx2ohXicWw86Y3YiIV6D2i+JxcuneN7OQZH5ZB3w==",
)
REQUEST_IDS = ("8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b1", "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b2")
POWERTOOLS = "aws-lambda-powertools==3.37.0"

# As AWS's documentation has it: the options go before the last argument, which is the file that Python runs.
WRAPPER = """#!/bin/bash
args=("$@")
extra_args=("-X" "importtime")
args=("${args[@]:0:$#-1}" "${extra_args[@]}" "${args[@]: -1}")
exec "${args[@]}"
"""
WRAPPED = "import sys\ndef handler(event, context):\n    return [sys.argv, 'importtime' in sys._xoptions]\n"
TRACED = "exports.handler = async (event) => ({ got: event });\n"
POWERFUL = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.metadata import get_lambda_metadata

logger = Logger(service="lamp")
metrics = Metrics(namespace="Lamps", service="lamp")

@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
def handler(event, context):
    logger.info("lit")
    metrics.add_metric(name="Lit", unit=MetricUnit.Count, value=1)
    return {"zone": get_lambda_metadata().availability_zone_id}
"""


def layer(house: FunctionHouse, name: str, fill: Callable[[Path], object]) -> LayerReference:
    place = house.directory / name
    try:
        fill(place)
    except ImportFailed as error:
        pytest.skip(f"the layer cannot be fetched: {error}")
    for folder in (place, *(path for path in place.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    code = CodeReference(digest=name, sha256=name, size=1)
    return LayerReference(arn=f"arn:aws:lambda:us-east-1:000000000000:layer:{name}:1", code=code)


def open_telemetry(place: Path) -> None:
    package = place.with_name("open-telemetry-package")
    unpack(fetch_npm_package(OPEN_TELEMETRY, RUNTIMES / ".cache"), package)
    with zipfile.ZipFile(package / "extension.zip") as archive:
        archive.extractall(place)  # its digest is pinned
        for entry in archive.infolist():
            (place / entry.filename).chmod(entry.external_attr >> 16 & 0o777 or 0o755)


def printed(house: FunctionHouse) -> list[Any]:
    """What was printed as JSON."""
    return [json.loads(message) for message in house.logs.messages() if message.startswith(("{", "["))]


def found(value: Any, name: str) -> list[Any]:
    """Every member of this name, however deep."""
    if isinstance(value, list):
        return [deeper for part in value for deeper in found(part, name)]
    if not isinstance(value, dict):
        return []
    here = [value[name]] if name in value else []
    return here + [deeper for part in value.values() for deeper in found(part, name)]


def durations(house: FunctionHouse) -> list[float]:
    return [histogram["dataPoints"][0]["sum"] for histogram in found(printed(house), "histogram")]


async def test_an_open_telemetry_extension_traces_a_function_in_node(tmp_path: Path) -> None:
    if interpreters.find_node("20") is None:
        pytest.skip("this machine has no Node.js 20")
    async with open_house(tmp_path, runtimes=("nodejs20.x",)) as house:
        environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-extension/otel-handler", "SLS_OTEL_REPORT_TYPE": "json"}
        added = layer(house, "open-telemetry", open_telemetry)
        house.deploy(
            {"index.js": TRACED},
            runtime="nodejs20.x",
            memory_size=1769,
            timeout=60,
            environment=environment,
            layers=(added,),
        )
        for number, request_id in enumerate(REQUEST_IDS):
            result = await house.invoke({"n": number}, request_id=request_id)
            assert json.loads(result.payload) == {"got": {"n": number}}
        told = "".join(house.logs.messages())
        assert "LOGS\tName: otel-extension\tState: Subscribed\tTypes: [Platform]" in told
        assert "EXTENSION\tName: otel-extension\tState: Ready\tEvents: [INVOKE,SHUTDOWN]" in told
        spans = [span for part in printed(house) for kind in found(part, "spans") for span in kind]
        traced = [
            attribute["value"]["stringValue"]
            for span in spans
            for attribute in span["attributes"]
            if attribute["key"] == "faas.execution"
        ]
        assert traced == list(REQUEST_IDS)
        # The report of the first invoke came through the Logs API, and the extension made a metric of it.
        report = re.search(rf"REPORT RequestId: {REQUEST_IDS[0]}\tDuration: ([0-9.]+) ms", told)
        assert report is not None
        # It is told while the environment runs, so perhaps with an invoke after the next.
        async with asyncio.timeout(60):
            while float(report[1]) not in durations(house):
                await house.invoke({})


async def test_powertools_logs_measures_and_reads_the_metadata(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        added = layer(
            house,
            "powertools",
            lambda place: install_python_packages((POWERTOOLS,), "3.11", place / "python", RUNTIMES / ".cache"),
        )
        house.deploy({"index.py": POWERFUL}, memory_size=1769, timeout=60, layers=(added,))
        result = await house.invoke({}, request_id=REQUEST_IDS[0])
        assert json.loads(result.payload) == {"zone": "use1-az1"}
        line, cold_start, lit = printed(house)
        assert (line["message"], line["cold_start"], line["function_request_id"]) == ("lit", True, REQUEST_IDS[0])
        assert (cold_start["ColdStart"], lit["Lit"]) == ([1.0], [1.0])
        assert lit["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Lamps"


async def test_the_documented_wrapper_script_gives_python_an_option(tmp_path: Path) -> None:
    def wrapper(place: Path) -> None:
        place.mkdir()
        (place / "importtime_wrapper").write_text(WRAPPER)
        (place / "importtime_wrapper").chmod(0o755)

    async with open_house(tmp_path) as house:
        added = layer(house, "wrapper", wrapper)
        environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/importtime_wrapper"}
        house.deploy({"index.py": WRAPPED}, memory_size=1769, timeout=30, environment=environment, layers=(added,))
        result = await house.invoke({})
        assert json.loads(result.payload) == [["/var/runtime/bootstrap.py"], True]
        assert any("import time:" in message for message in house.logs.messages())
