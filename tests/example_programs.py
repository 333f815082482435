"""Builds the examples that are compiled programs, once for each machine: crates stay in the user's cache.

Must not know what is tested with them.
"""

import os
import shutil
import subprocess
from pathlib import Path

HOME = Path(__file__).parents[1]
_SECONDS = 900
_TOOLS = {"go": "go", "rust": "cargo"}


class NotBuilt(Exception):
    """This machine cannot build the example; says why."""


def built(language: str) -> Path:
    """The program of examples/hello-LANGUAGE, built when it is not there yet or its source has changed."""
    if shutil.which(_TOOLS[language]) is None:
        raise NotBuilt(f"{_TOOLS[language]} is not installed")
    example = HOME / f"examples/hello-{language}"
    program = HOME / f".cache/examples/{language}/bootstrap"
    sources = [path for path in example.rglob("*") if path.is_file() and "target" not in path.parts]
    if program.exists() and program.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    draft = program.with_name(f"draft-{os.getpid()}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    settings = {
        "CARGO_TARGET_DIR": str(cache / "lamplighter-tests/cargo"),
        "CARGO_INCREMENTAL": "0",
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "PROFILE": "dev",
    }
    done = subprocess.run(
        [example / "build", draft],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise NotBuilt(f"hello-{language} cannot be built here: {done.stderr.strip()[-300:]}")
    return draft.replace(program)
