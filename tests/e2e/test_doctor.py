"""`lamplighter doctor` tries what it claims: on a driver with a freezer and on one without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lamplighter.cli.machine_checks import try_freezing
from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.process.driver import ProcessDriver
from tests.live_sandboxes import is_root, state_directory

LAMPLIGHTER = Path(sys.executable).parent / "lamplighter"


@pytest.mark.skipif(not is_root(), reason="needs root: a cgroup freezer")
async def test_freezing_is_tried_and_found() -> None:
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=1)
        try:
            found = await try_freezing(driver, place)
        finally:
            await driver.close()
    assert found.holds, found
    assert "tried" in found.reason


async def test_a_driver_that_cannot_freeze_is_said_to_let_background_work_go_on(tmp_path: Path) -> None:
    driver = await ProcessDriver.open(tmp_path / "state", with_bubblewrap=False)
    try:
        found = await try_freezing(driver, tmp_path)
    finally:
        await driver.close()
    assert not found.holds
    assert "background work goes on" in found.reason


def test_the_report_covers_driver_machine_and_runtimes(tmp_path: Path) -> None:
    command = [str(LAMPLIGHTER), "doctor", "--data-dir", str(tmp_path / "data"), "--driver", "process", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    report = json.loads(done.stdout)
    assert report["driver"] == "process"
    assert any(line.startswith("NO  ") and "are frozen" in line for line in report["isolation"])
    assert len(report["machine"]) >= 4
    assert not (tmp_path / "data").exists()
