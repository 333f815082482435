"""Mount points: symlinks, lying still or swapped while the mounts are made, lead no mount out of the new root.

The ways of CVE-2021-30465, CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881.
"""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lamplighter.sandboxes.sandbox import Bind, SandboxFailed
from tests.live_sandboxes import PYTHON
from tests.security.conftest import PROGRAM, Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

STARTS = 12
EXCHANGE = 2
LIBC = ctypes.CDLL(None, use_errno=True)


def _tree(place: Path) -> tuple[Path, Path, Path]:
    """A root whose /opt or /spare can be exchanged, a directory outside of it, and a layer with a marker."""
    outside, layer, root = place / "outside", place / "layer", place / "root"
    for directory in (outside, layer):
        directory.mkdir()
    (outside / "untouched").write_text("yes")
    (layer / "marker").write_text("here")
    for name in ("usr", "proc", "dev", "tmp", "opt", "var/task", "var/lang", "bin"):
        (root / name).mkdir(parents=True)
    (root / "bin").rmdir()
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "spare").symlink_to(outside)
    place.chmod(0o755)
    return root, outside, layer


@contextmanager
def swapped(one: Path, two: Path) -> Iterator[None]:
    """Exchange two names as fast as can be for as long as it is entered."""
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            assert LIBC.renameat2(-100, os.fsencode(one), -100, os.fsencode(two), EXCHANGE) == 0

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _mounts_outside(outside: Path) -> bool:
    return str(outside) in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("target", ["/opt", "/var/task", "/tmp"])
async def test_a_mount_point_that_is_a_symlink_is_refused(cell: Cell, tmp_path: Path, target: str) -> None:
    root, outside, layer = _tree(tmp_path)
    (root / target.strip("/")).rmdir()
    (root / target.strip("/")).symlink_to(outside)

    with pytest.raises(SandboxFailed):
        await cell.run(PYTHON, "-c", "pass", root=root, layers=(layer,))
    assert [entry.name for entry in outside.iterdir()] == ["untouched"]
    assert not _mounts_outside(outside)


async def test_a_mount_point_that_is_a_symlink_would_lead_out(cell: Cell, tmp_path: Path) -> None:
    """The control: the sandbox starts, and its layer has gone to the host's directory."""
    root, outside, layer = _tree(tmp_path)
    (root / "opt").rmdir()
    (root / "opt").symlink_to(outside)

    with cell.weakened(await cell.driver_without("resolve")):
        exit_, _ = await cell.run(PYTHON, "-c", "import os; assert not os.path.exists('/opt/marker')", root=root,
                                  layers=(layer,))  # fmt: skip
    assert exit_.code == 0


async def _outcomes(cell: Cell, root: Path, layer: Path) -> list[str]:
    """What became of many starts: refused, found (the layer is inside) or lost (it is not)."""
    search = (PYTHON, PROGRAM, "find_marker", "/opt", "/spare")
    await cell.run(PYTHON, "-c", "pass", root=root, layers=(layer,))  # the mount points are known now
    found = []
    with swapped(root / "opt", root / "spare"):
        for _ in range(STARTS):
            try:
                _, output = await cell.run(*search, root=root, layers=(layer,))
            except SandboxFailed:
                found.append("refused")
            else:
                found.append("found" if output.strip() == "0" else "lost")
    return found


async def test_a_mount_point_swapped_for_a_symlink_while_it_is_used_never_leads_out(cell: Cell, tmp_path: Path) -> None:
    root, outside, layer = _tree(tmp_path)

    outcomes = await _outcomes(cell, root, layer)

    assert "lost" not in outcomes
    assert [entry.name for entry in outside.iterdir()] == ["untouched"]
    assert not _mounts_outside(outside)


async def test_a_mount_point_swapped_for_a_symlink_would_lead_out(cell: Cell, tmp_path: Path) -> None:
    """The control: until one of the races is won."""
    root, _, layer = _tree(tmp_path)
    with cell.weakened(await cell.driver_without("resolve")):
        for _ in range(16):
            if "lost" in await _outcomes(cell, root, layer):
                return
    pytest.fail("the fuzzer never won the race without the defence")


async def test_a_mount_below_a_shared_directory_stays_in_the_root(cell: Cell, tmp_path: Path) -> None:
    """A neighbour that shares a writable directory swaps the mount point in it."""
    root, outside, layer = _tree(tmp_path)
    shared = tmp_path / "shared"
    (shared / "inner").mkdir(parents=True)
    (shared / "other").symlink_to("/proc/1")
    (root / "mnt").mkdir()
    binds = (
        Bind(Path("/usr"), "/usr"),
        Bind(cell.code, "/var/task"),
        Bind(Path(cell.spec(PYTHON).binds[2].source), "/var/lang"),
        Bind(shared, "/mnt", writable=True),
        Bind(layer, "/mnt/inner"),
    )
    with swapped(shared / "inner", shared / "other"):
        for _ in range(10):
            try:
                exit_, _ = await cell.run(PYTHON, "-c", "open('/proc/self/status')", root=root, binds=binds)
            except SandboxFailed:
                continue
            assert exit_.code == 0
    assert not _mounts_outside(outside)
