"""The servers of this lane and one run of moto's tests against them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing
from tests.contract.live_server import start_server
from tests.moto_server import moto_server
from tests.moto_suite.emptying import emptying
from tests.moto_suite.front import front
from tests.moto_suite.source import SUITE, corrected_copy, kept_source, not_run

ACCOUNT = "123456789012"
RUNTIME = "python3.14"  # the one that moto's tests ask for
RUNTIMES = Path(__file__).parents[2] / ".cache" / "debian-runtimes"
SECONDS = 280


@dataclass(slots=True)
class Verdict:
    """What became of each of moto's tests; `output` is what pytest printed."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    output: str = ""


@pytest.fixture(scope="session")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    folder = tmp_path_factory.mktemp("moto")
    suite = corrected_copy(kept_source(), folder / "suite")
    with _endpoint(folder / "data") as endpoint:
        return _run(suite, endpoint, folder / "results.xml")


@contextmanager
def _endpoint(data_dir: Path) -> Iterator[str]:
    """Where Lambda is lamplighter and everything else is moto."""
    _bring_runtime(data_dir)
    keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "any"}
    with front() as before:
        stacks = {"AWS_ENDPOINT_URL_LAMBDA": before.url, **keys}
        with moto_server(module="tests.moto_suite", account=ACCOUNT, environment=stacks) as moto:
            settings = {**moto.settings("s3"), "LAMPLIGHTER_INSTALL_RUNTIMES": "false"}
            server = start_server("dev", data_dir, "--account-id", ACCOUNT, environment=settings)
            try:
                before.forward(server.endpoint, moto.url, emptying(server.endpoint, ACCOUNT))
                yield before.url
            finally:
                server.stop()


def _bring_runtime(data_dir: Path) -> None:
    directory = RuntimeDirectory(RUNTIMES)
    try:
        directory.get(RUNTIME)
    except RuntimeMissing:
        directory.add(RUNTIME, "debian")
    shutil.copytree(RUNTIMES / RUNTIME, data_dir / "runtimes" / RUNTIME, symlinks=True)


def _run(suite: Path, endpoint: str, results: Path) -> Verdict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    environment |= {"TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": endpoint}
    plain = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:asyncio", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", SUITE, *plain, "-q", "--tb=short", "--timeout=60"]
    command += [f"--deselect={SUITE}/{name.replace('.', '.py::').rstrip('*')}" for name in not_run()]
    done = subprocess.run(
        [*command, f"--junitxml={results}"],
        cwd=suite,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    verdict = Verdict(output=done.stdout + done.stderr)
    assert results.exists(), verdict.output
    for case in ET.parse(results).getroot().iter("testcase"):  # noqa: S314  # written by our own pytest
        name = f"{case.get('classname', '').removeprefix('tests.test_awslambda.')}.{case.get('name')}"
        skipped = case.find("skipped")
        if skipped is not None:
            verdict.skipped[name] = skipped.get("message") or ""
        elif case.find("failure") is not None or case.find("error") is not None:
            verdict.failed.add(name)
        else:
            verdict.passed.add(name)
    return verdict
