"""Fixtures of the escape suite: sandboxes as they are, sandboxes without single defences, and the bare host.

The launcher of the controls is compiled here, with a switch that the product's launcher does not have; its name says
which defences it leaves out (see launcher/weakened.c).
"""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lamplighter.sandboxes.namespaces.compiler import SOURCES, find_compiler
from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from tests.live_sandboxes import PYTHON, House, is_root, state_directory
from tests.security.probe import BARE, Probe, names

PROBES = Path(__file__).with_name("inside") / "probes.py"
PROGRAM = "/var/task/probes.py"


class Cell(House):
    """A house whose sandboxes hold the probes, and the host as the control: what happens without the defence."""

    def __init__(self, driver: NamespaceDriver, place: Path, launcher: Path) -> None:
        super().__init__(driver, place)
        (self.code / "probes.py").write_bytes(PROBES.read_bytes())
        self._launcher = launcher
        self._strong = driver
        self._weak: dict[str, NamespaceDriver] = {}
        self._answers: dict[str, dict[tuple[str, ...], Any]] = {}

    async def probe(self, name: str, *arguments: str, without: str = "", **changes: Any) -> Any:
        """The result of a probe inside a sandbox: an errno (0 = it got through), or what it found."""
        with self.weakened(await self.driver_without(without)):
            exit_, output = await self.run(PYTHON, PROGRAM, name, *arguments, **changes)
        assert exit_.code == 0, (exit_, output)
        return json.loads(output.splitlines()[-1])

    async def answer(self, probe: Probe, table: Sequence[Probe], without: str) -> Any:
        """The result of one probe of a file's table; all that meet the same defences run in one sandbox."""
        known = self._answers.setdefault(without, {})
        if probe.attempt not in known:
            attempts = list(dict.fromkeys(other.attempt for other in table if without in other.settings))
            results = (
                self.bare("many", json.dumps(attempts))
                if without == BARE
                else await self.probe("many", json.dumps(attempts), without=without)
            )
            known.update(zip(attempts, results, strict=True))
        return known[probe.attempt]

    def bare(self, name: str, *arguments: str) -> Any:
        """The result of the same probe as a plain process of the server's user."""
        command = [sys.executable, str(PROBES), name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout.splitlines()[-1])

    async def driver_without(self, without: str) -> NamespaceDriver:
        if not without:
            return self._strong
        if without not in self._weak:
            state = self.place / f"weak{len(self._weak)}"
            state.mkdir()
            (state / "disks").symlink_to(self.place / "state" / "disks")
            launcher = state / f"launcher-without-{names(without)}"
            launcher.hardlink_to(self._launcher)
            self._weak[without] = NamespaceDriver(launcher, state, blanks=0)
        return self._weak[without]

    def weakened(self, driver: NamespaceDriver) -> "_Using":
        return _Using(self, driver)

    async def close(self) -> None:
        for driver in (*self._weak.values(), self._strong):
            await driver.close()


class _Using:
    """For as long as it is entered the house starts its sandboxes by another driver."""

    def __init__(self, cell: Cell, driver: NamespaceDriver) -> None:
        self._cell = cell
        self._driver = driver

    def __enter__(self) -> None:
        self._before, self._cell.driver = self._cell.driver, self._driver

    def __exit__(self, *_: object) -> None:
        self._cell.driver = self._before


def weak_launcher(place: Path) -> Path:
    """The launcher with the switch for tests, compiled into `place`."""
    binary = place / "launcher-for-controls"
    compiler = find_compiler()
    assert compiler is not None
    sources = [str(source) for source in sorted(SOURCES.glob("*.c"))]
    subprocess.run([*compiler, "-std=gnu17", "-O0", "-DLAMPLIGHTER_WEAKENED", "-o", str(binary), *sources], check=True)
    return binary


@pytest.fixture(scope="session")
def launcher_for_controls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weak_launcher(tmp_path_factory.mktemp("launcher"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cell(launcher_for_controls: Path) -> AsyncIterator[Cell]:
    if not is_root():
        pytest.skip("needs root: the full set of defences")
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=1)
        house = Cell(driver, place, place / "launcher")
        (place / "launcher").write_bytes(launcher_for_controls.read_bytes())
        (place / "launcher").chmod(0o755)
        try:
            yield house
        finally:
            await house.close()
