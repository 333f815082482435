"""Interpreters are asked who they are, never taken at their name."""

import sys
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.commands import usual_python

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_running_python_is_found_with_its_real_prefix() -> None:
    found = interpreters.find_python(RUNNING)
    assert found is not None
    assert found.version.startswith(RUNNING + ".")
    assert (found.prefix / "bin").is_dir()
    assert usual_python() == f"python{RUNNING}"


def test_a_program_that_lies_about_its_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "versions/3.77.1/bin/python3.77", "#!/bin/sh\necho '{}' | sed 's/{}/no json/'\n")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert interpreters.find_python("3.77") is None


def test_the_newest_patch_release_wins_and_a_closed_prefix_loses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patch in ("9", "10", "11"):
        prefix = tmp_path / f"versions/3.77.{patch}"
        facts = f'{{"version": "3.77.{patch}", "prefix": "{prefix}", "exec_prefix": "{prefix}", '
        facts += f'"executable": "{prefix}/bin/python3.77"}}'
        program(prefix / "bin/python3.77", f"#!/bin/sh\necho '{facts}'\n")
    (tmp_path / "versions/3.77.11").chmod(0o700)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    found = interpreters.find_python("3.77")
    assert found is not None
    assert found.version == "3.77.10"


def test_node_of_another_major_version_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "versions/node/v77.1.0/bin/node", "#!/bin/sh\necho v77.1.0\n")
    monkeypatch.setenv("NVM_DIR", str(tmp_path))
    found = interpreters.find_node("77")
    assert found is not None
    assert found.prefix == tmp_path / "versions/node/v77.1.0"
    assert interpreters.find_node("78") is None
