"""`lamplighter doctor`: what this machine can and cannot do, tried where it can be tried, and which runtimes it has.

The exit code is 1 when functions could not run here at all. Changes nothing: a driver is opened and closed.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from lamplighter import __version__
from lamplighter.cli import machine_checks
from lamplighter.cli.running_server import add_data_dir, configuration_of
from lamplighter.cli.version import part_versions
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.sandbox import SandboxFailed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_dir(parser)
    parser.add_argument("--driver", help="look at this driver only")
    parser.add_argument("--json", action="store_true", help="as a JSON object")


def run(arguments: argparse.Namespace) -> int:
    configuration = configuration_of(arguments)
    runtimes = RuntimeDirectory(configuration.runtimes_dir).inspect()
    driver, lines = asyncio.run(_look_at_driver(arguments.driver))
    # Any: text, lists and mappings of text, as JSON takes them.
    report: dict[str, Any] = {
        "lamplighter": __version__,
        "versions": part_versions(),
        "driver": driver,
        "isolation": lines,
        "machine": [
            str(feature) for feature in machine_checks.look(configuration.data_dir, configuration.max_environments)
        ],
        "runtimes": {entry.name: entry.reason or "ok" for entry in runtimes},
    }
    print(json.dumps(report, indent=2) if arguments.json else _told(report))
    return 0 if driver is not None else 1


async def _look_at_driver(name: str | None) -> tuple[str | None, list[str]]:
    """The driver that would be used, and what it can and cannot hold here."""
    with tempfile.TemporaryDirectory(prefix="lamplighter-doctor-") as directory:
        try:
            driver = await open_driver(name, Path(directory))
        except SandboxFailed as error:
            return None, [str(error)]
        try:
            features = (*driver.isolation, await machine_checks.try_freezing(driver, Path(directory)))
        finally:
            await driver.close()
        return driver.name, [str(feature) for feature in features]


def _told(report: dict[str, Any]) -> str:
    lines = [f"lamplighter {report['lamplighter']}"]
    lines += [f"  {name} {value}" for name, value in report["versions"].items()]
    lines.append(f"driver: {report['driver'] or 'none works here'}")
    lines += [f"  {line}" for line in report["isolation"]]
    lines.append("machine:")
    lines += [f"  {line}" for line in report["machine"]]
    lines.append("runtimes:" if report["runtimes"] else "runtimes: none (add one with `lamplighter runtime add NAME`)")
    lines += [f"  {name}: {state}" for name, state in report["runtimes"].items()]
    return "\n".join(lines)
