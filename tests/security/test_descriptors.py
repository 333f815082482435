"""What a process is born with: three descriptors, the environment it was given, and a directory that does not lead out.

The controls' launcher holds a directory of the host open and not closed on exec, the mistake of CVE-2024-21626.
"""

import os
from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces import driver as driver_module
from lamplighter.sandboxes.sandbox import SandboxFailed
from tests.live_sandboxes import PYTHON
from tests.security.conftest import PROGRAM, Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def canary(cell: Cell) -> Path:
    path = cell.place / "canary"
    path.write_text("a secret of the host")
    path.chmod(0o644)
    return path


async def test_only_the_three_standard_descriptors_are_open(cell: Cell) -> None:
    found = await cell.probe("descriptors")

    assert set(found) == {"0", "1", "2"}
    assert found["0"] == "/dev/null"
    assert found["1"] == found["2"]
    assert found["1"].startswith("pipe:")
    assert set(await cell.probe("descriptors", without="close")) > {"0", "1", "2"}


async def test_a_directory_that_the_launcher_left_open_does_not_reach_the_function(cell: Cell, canary: Path) -> None:
    assert await cell.probe("file_by_descriptor", str(canary), without="nested") == 2
    assert await cell.probe("file_by_descriptor", str(canary), without="close") == 0


async def test_descriptors_of_the_server_do_not_leak(cell: Cell) -> None:
    leak = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        assert set(await cell.probe("descriptors")) == {"0", "1", "2"}
    finally:
        os.close(leak)


@pytest.mark.parametrize("cwd", ["/proc/self/fd/3", "/proc/1/root", "/proc", "var/task", "/../proc/self"])
async def test_a_working_directory_in_proc_is_refused(cell: Cell, cwd: str) -> None:
    with pytest.raises(SandboxFailed, match="working directory"):
        await cell.run(PYTHON, "-c", "pass", cwd=cwd)


async def test_a_working_directory_in_proc_would_lead_out(
    cell: Cell, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the check left out, and a descriptor that leaked."""
    monkeypatch.setattr(driver_module, "_refuse_odd_directory", lambda _cwd: None)
    relative = str(canary).lstrip("/")
    found = set()
    for number in range(3, 8):
        with cell.weakened(await cell.driver_without("close")):
            cwd = f"/proc/self/fd/{number}"
            _, output = await cell.run(PYTHON, PROGRAM, "read_file", relative, cwd=cwd)
        found.add(output.strip())
    assert '"a secret of the host"' in found


async def test_the_environment_holds_only_what_was_given(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "do not leak")
    found = await cell.python("import json, os; print(json.dumps(dict(os.environ)))")

    assert found["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert set(found) == {"PATH", "LD_LIBRARY_PATH", "LC_ALL", "AWS_LAMBDA_RUNTIME_API"}
    assert b"CANARY_SECRET" in (await _environment_of_the_bare_probe(cell))


async def _environment_of_the_bare_probe(cell: Cell) -> bytes:
    """The control: a plain child of the server inherits it."""
    return str(cell.bare("read_file", "/proc/self/environ")).encode()
