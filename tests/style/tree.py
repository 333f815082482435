"""The files that the style tests look at, and the exceptions that were granted by name with a reason.

Must not know any rule: each rule is a test file of its own.
"""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOME = Path(__file__).parents[2]
PYTHON_FOLDERS = ("src", "tests", "benchmarks", "scripts")


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file git tracks or would track, so that a new file is looked at before it is committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    if listed.returncode:  # a source archive without .git
        return tuple(sorted(path for path in HOME.rglob("*") if path.is_file() and not _is_hidden(path)))
    return tuple(sorted({HOME / line for line in listed.stdout.splitlines() if (HOME / line).is_file()}))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(HOME).parts)


def python_files(*folders: str) -> tuple[Path, ...]:
    wanted = folders or PYTHON_FOLDERS
    return tuple(path for path in tracked_files() if path.suffix == ".py" and path.relative_to(HOME).parts[0] in wanted)


def name_of(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@cache
def exceptions(rule: str) -> dict[str, str]:
    """What was allowed by name for `rule`, with the reason for it."""
    stored = tomllib.loads((HOME / "tests/style/exceptions.toml").read_text(encoding="utf-8"))
    return dict(stored.get(rule, {}))
