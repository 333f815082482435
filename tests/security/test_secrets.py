"""A canary in the server's environment, in another function's code, environment and /tmp: nowhere in a sandbox's view.

The control is the same sweep outside.
"""

from pathlib import Path

import pytest

from tests.live_sandboxes import PYTHON, read_line
from tests.security.conftest import PROBES, Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "canary-4f1d7c-secret"
PLACES = ("/proc", "/var/task", "/tmp", "/opt", "/etc", "/dev")


async def test_secrets_of_the_server_and_of_others_are_nowhere_in_view(
    cell: Cell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_CANARY", CANARY)
    others = tmp_path / "others"
    others.mkdir()
    (others / "code.py").write_text(f"SECRET = '{CANARY}'")
    (cell.place / "state" / "database").write_text(CANARY)
    hold = f"open('/tmp/kept', 'w').write('{CANARY}'); import time; print('up', flush=True); time.sleep(60)"
    async with cell.sandbox(PYTHON, "-c", hold, layers=(others,)) as neighbour:
        assert await read_line(neighbour.output_fd) == "up"

        assert await cell.probe("sweep", CANARY[::-1], *PLACES) == []
        outside = cell.bare("sweep", CANARY[::-1], f"/proc/{neighbour_pid(CANARY)}", str(cell.place / "state"))
    assert any(path.endswith("/cmdline") for path in outside)
    assert any(path.endswith("/database") for path in outside)
    assert PROBES.exists()


def neighbour_pid(text: str) -> str:
    """The process of the host that has the text in its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if text.encode() in (entry / "cmdline").read_bytes():
                    return entry.name
            except OSError:
                continue
    raise AssertionError("the neighbour is not to be seen from the host")
