"""Interpreters that this machine already has: system packages, version switchers, the one running this program.

Each candidate is started once and asked who it is, so a shim or a broken installation is never taken at its name.
Must not know root filesystems.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROBE_SECONDS = 20
_OPEN = 0o005
_JAVA_FACT = re.compile(r"^ +(java\.(?:home|version|specification\.version)) = (.+)$", re.MULTILINE)
_PYTHON_PROBE = """
import ctypes, json, ssl, sys, zlib
print(json.dumps({
    "version": ".".join(map(str, sys.version_info[:3])), "prefix": sys.base_prefix, "exec_prefix": sys.base_exec_prefix,
    "executable": sys._base_executable,
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter at `executable`, whose files lie under `prefix`."""

    version: str
    prefix: Path
    executable: Path

    @property
    def is_system(self) -> bool:
        """Whether it is the system's own, right under /usr."""
        return self.prefix == Path("/usr")

    @property
    def is_carried(self) -> bool:
        """Whether the bind of /usr already carries it; /usr/local is covered there."""
        return self.prefix.is_relative_to("/usr") and not self.prefix.is_relative_to("/usr/local")


def find_python(version: str) -> Interpreter | None:
    """The best Python `3.x`: the system's own first, then those of version switchers, newest patch release first."""
    seen: set[Path] = set()
    for candidate in _python_candidates(version):
        try:
            real = candidate.resolve(strict=True)
        except OSError:
            continue
        if real in seen:
            continue
        seen.add(real)
        found = _ask_python(candidate)
        if found is not None and found.version.startswith(version + ".") and _is_readable(found):
            return found
    return None


def find_node(major: str) -> Interpreter | None:
    for candidate in _node_candidates(major):
        if not candidate.exists():
            continue
        version = _ask([str(candidate), "--version"]).strip().removeprefix("v")
        if version.split(".")[0] == major:
            real = candidate.resolve()
            found = Interpreter(version, real.parent.parent, real)
            if _is_readable(found):
                return found
    return None


def find_java(major: str) -> Interpreter | None:
    """A Java virtual machine of this feature release, newest update first."""
    for home in _java_homes():
        candidate = home / "bin/java"
        if not candidate.exists():
            continue
        facts = dict(_JAVA_FACT.findall(_ask([str(candidate), "-XshowSettings:properties", "-version"])))
        if facts.get("java.specification.version") == major:
            prefix = Path(facts["java.home"]).resolve()
            found = Interpreter(facts["java.version"], prefix, prefix / "bin/java")
            if _is_readable(found):
                return found
    return None


def find_ruby(version: str) -> Interpreter | None:
    """The system's Ruby `3.x`. Those of version switchers know the place they were installed at and cannot be moved."""
    for name in (f"ruby{version}", "ruby"):
        candidate = Path("/usr/bin") / name
        if candidate.exists():
            answer = _ask([str(candidate), "-e", "print RUBY_VERSION"])
            found = Interpreter(answer, Path("/usr"), candidate.resolve())
            if answer.startswith(version + ".") and _is_readable(found):
                return found
    return None


def _java_homes() -> Iterator[Path]:
    if "JAVA_HOME" in os.environ:
        yield Path(os.environ["JAVA_HOME"])
    for folder in ("/usr/lib/jvm", "~/.sdkman/candidates/java", "/opt/java"):
        homes = Path(folder).expanduser().glob("*")
        yield from sorted((home for home in homes if not home.is_symlink()), key=_natural_order, reverse=True)
    found = shutil.which("java")
    if found:
        yield Path(found).resolve().parent.parent


def _python_candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    yield Path("/usr/bin") / name
    yield Path("/usr/local/bin") / name
    homes = (
        (os.environ.get("UV_PYTHON_INSTALL_DIR"), "~/.local/share/uv/python", f"cpython-{version}.*"),
        (os.environ.get("PYENV_ROOT"), "~/.pyenv", f"versions/{version}.*"),
    )
    for configured, usual, pattern in homes:
        home = Path(configured or usual).expanduser()
        for prefix in sorted(home.glob(pattern), key=_natural_order, reverse=True):
            yield prefix / "bin" / name
    yield Path(sys.base_prefix) / "bin" / name
    for directory in os.get_exec_path():
        yield Path(directory) / name


def _node_candidates(major: str) -> Iterator[Path]:
    yield Path("/usr/bin/node")
    yield Path("/usr/local/bin/node")
    versions = Path(os.environ.get("NVM_DIR") or "~/.nvm").expanduser() / "versions/node"
    for prefix in sorted(versions.glob(f"v{major}.*"), key=_natural_order, reverse=True):
        yield prefix / "bin/node"
    found = shutil.which("node")
    if found:
        yield Path(found)


def _ask_python(candidate: Path) -> Interpreter | None:
    answer = _ask([str(candidate), "-I", "-c", _PYTHON_PROBE])
    try:
        facts = json.loads(answer)
    except ValueError:
        return None
    if facts["prefix"] != facts["exec_prefix"]:
        return None
    return Interpreter(facts["version"], Path(facts["prefix"]).resolve(), Path(facts["executable"]))


def _ask(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout or done.stderr


def _is_readable(interpreter: Interpreter) -> bool:
    """Functions run as an unprivileged user: a prefix closed to others would start for us and fail for them."""
    return all(path.stat().st_mode & _OPEN == _OPEN for path in (interpreter.prefix, interpreter.executable))


def _natural_order(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", path.name)]
