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
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing
from tests.contract.live_server import start_server
from tests.moto_server import moto_server
from tests.moto_suite.emptying import emptying
from tests.moto_suite.front import front
from tests.moto_suite.source import SUITE, corrected_copy, is_excepted, kept_source, not_run

ACCOUNT = "123456789012"
RUNTIME = "python3.14"  # the one that moto's tests ask for
RUNTIMES = Path(__file__).parents[2] / ".cache" / "debian-runtimes"
SECONDS = 280
MOST_AGAIN = 5


@dataclass(slots=True)
class Verdict:
    """What became of each of moto's tests; `output` is what pytest printed.

    `runtime_missing` says why functions could not run, and so the tests that invoke them did not.
    """

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    output: str = ""
    runtime_missing: str = ""


@pytest.fixture(scope="session")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    folder = tmp_path_factory.mktemp("moto")
    suite = corrected_copy(kept_source(), folder / "suite")
    runtime_missing = _bring_runtime(folder / "data")
    with _endpoint(folder / "data") as endpoint:
        verdict = _judge(suite, endpoint, folder, invoking=not runtime_missing)
    verdict.runtime_missing = runtime_missing
    return verdict


@contextmanager
def _endpoint(data_dir: Path) -> Iterator[str]:
    """Where Lambda is lamplighter and everything else is moto."""
    keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "any"}
    with front() as before:
        stacks = {"AWS_ENDPOINT_URL_LAMBDA": before.url, **keys}
        with moto_server(module="tests.moto_suite", account=ACCOUNT, environment=stacks) as moto:
            settings = {**moto.settings("s3", "iam"), "LAMPLIGHTER_INSTALL_RUNTIMES": "false"}
            server = start_server("dev", data_dir, "--account-id", ACCOUNT, environment=settings)
            try:
                before.forward(server.endpoint, moto.url, emptying(server.endpoint, ACCOUNT))
                yield before.url
            finally:
                server.stop()


def _bring_runtime(data_dir: Path) -> str:
    """Install it once for all runs; says what is wrong where it cannot be had."""
    directory = RuntimeDirectory(RUNTIMES)
    try:
        directory.get(RUNTIME)
    except RuntimeMissing:
        try:
            directory.add(RUNTIME, "debian")
        except ImportFailed as failed:
            return str(failed)
    shutil.copytree(RUNTIMES / RUNTIME, data_dir / "runtimes" / RUNTIME, symlinks=True)
    return ""


def _judge(suite: Path, endpoint: str, folder: Path, *, invoking: bool) -> Verdict:
    """One run; a few tests that fail unexpectedly are tried once more, since states may take a moment to settle."""
    what = [SUITE] if invoking else [SUITE, "-m", "not network and not requires_docker"]
    verdict = _run(suite, endpoint, folder / "first.xml", what)
    again = sorted(test for test in verdict.failed if not is_excepted(test))
    if 0 < len(again) <= MOST_AGAIN:
        second = _run(suite, endpoint, folder / "second.xml", [_node(test) for test in again])
        verdict.passed |= second.passed
        verdict.failed -= second.passed
        verdict.output += second.output
    return verdict


def _node(test: str) -> str:
    """module.Class.test[x] as pytest names it."""
    module, _, rest = test.partition(".")
    name, bracket, parameters = rest.partition("[")
    return f"{SUITE}/{module}.py::{name.replace('.', '::')}{bracket}{parameters}"


def _run(suite: Path, endpoint: str, results: Path, what: list[str]) -> Verdict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    environment |= {"TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": endpoint}
    plain = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:asyncio", "-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", *what, *plain, "-q", "--tb=short", "--timeout=60"]
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
