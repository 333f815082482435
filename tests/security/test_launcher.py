"""The switch by which the controls leave defences out does not exist in the product's launcher."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces.compiler import launcher_binary
from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_products_launcher_has_no_switch(cell: Cell, tmp_path: Path, launcher_for_controls: Path) -> None:
    product = launcher_binary(cell.place / "state")
    state = tmp_path / "state"
    state.mkdir()
    tmp_path.chmod(0o755)
    misnamed = state / "launcher-without-filter+power"
    misnamed.write_bytes(product.read_bytes())
    misnamed.chmod(0o755)
    driver = NamespaceDriver(misnamed, state, blanks=0)
    try:
        with cell.weakened(driver):
            status = await cell.probe("status")
    finally:
        await driver.close()

    assert (status["Seccomp"], status["CapEff"], status["Uid"].split()[0]) == ("2", "0" * 16, "993")
    assert b"-without-" not in product.read_bytes()
    assert b"-without-" in launcher_for_controls.read_bytes()
