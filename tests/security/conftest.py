"""Fixtures of the escape suite: one sandbox house per file, and the same probe run bare."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from tests.live_sandboxes import PYTHON, House, is_root, state_directory

PROBES = Path(__file__).with_name("inside") / "probes.py"


class Cell(House):
    """A house whose sandboxes hold the probes, and the host as the control: what happens without the defence."""

    async def probe(self, name: str, *arguments: str, **changes: Any) -> Any:
        """The result of a probe inside a sandbox: an errno (0 = it got through), or what it found."""
        (self.code / "probes.py").write_bytes(PROBES.read_bytes())
        exit_, output = await self.run(PYTHON, "/var/task/probes.py", name, *arguments, **changes)
        assert exit_.code == 0, (exit_, output)
        return json.loads(output.splitlines()[-1])

    def bare(self, name: str, *arguments: str) -> Any:
        """The result of the same probe as a plain process of the server's user."""
        command = [sys.executable, str(PROBES), name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout.splitlines()[-1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cell() -> AsyncIterator[Cell]:
    if not is_root():
        pytest.skip("needs root: the full set of defences")
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=1)
        try:
            yield Cell(driver, place)
        finally:
            await driver.close()
