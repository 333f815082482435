"""An installation that is killed at any moment leaves the old runtime or the new one, and nothing else."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory

pytestmark = pytest.mark.slow

NAME = "provided.al2023"
INSTALL_FOR_EVER = """
import sys
from pathlib import Path
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
directory = RuntimeDirectory(Path(sys.argv[1]))
while True:
    directory.add(sys.argv[2], "host")
    print("again", flush=True)
"""


def test_kill_at_any_moment_of_a_replacement(tmp_path: Path) -> None:
    directory = RuntimeDirectory(tmp_path)
    directory.add(NAME, "host")
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for _ in range(12):
        command = [sys.executable, "-c", INSTALL_FOR_EVER, str(tmp_path), NAME]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as installer:
            assert installer.stdout is not None
            installer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                installer.wait(chance.uniform(0, 0.1))
            installer.send_signal(signal.SIGKILL)
        directory.sweep()
        runtime = directory.get(NAME)
        assert (runtime.root / "var/runtime/bootstrap").stat().st_mode & 0o777 == 0o755, f"seed {seed}"
        left = {entry.name for entry in tmp_path.iterdir()} - {".lock", ".cache"}
        assert left == {NAME}, f"seed {seed}"


def test_two_installers_take_turns(tmp_path: Path) -> None:
    script = INSTALL_FOR_EVER.replace("while True:", "for _ in range(5):")
    names = (NAME, NAME, "provided.al2")
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in names]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert [runtime.name for runtime in RuntimeDirectory(tmp_path).list()] == ["provided.al2", NAME]
