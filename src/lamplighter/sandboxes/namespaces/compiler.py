"""Compiles the launcher once per source and keeps the binary in the state directory.

Any C compiler will do (cc, gcc, clang, or the one inside PyPI's ziglang). Must not know what the launcher does.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from lamplighter.sandboxes.sandbox import SandboxFailed

SOURCES = Path(__file__).with_name("launcher")
_FLAGS = ("-std=gnu17", "-O2", "-Wall", "-Wextra", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-fPIE")
_LINKINGS = (("-static-pie",), ("-static",), ("-pie",))


def launcher_binary(state_dir: Path) -> Path:
    """The compiled launcher of this version, compiled first when need be. Raises SandboxFailed without a compiler."""
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(source.name.encode() + source.read_bytes() for source in sources))
    digest.update(platform.machine().encode())
    binary = state_dir / f"launcher-{digest.hexdigest()[:16]}"
    if not os.access(binary, os.X_OK):
        state_dir.mkdir(parents=True, exist_ok=True)
        _compile([str(source) for source in sources if source.suffix == ".c"], binary)
    return binary


def find_compiler() -> list[str] | None:
    """The command of a C compiler, or None."""
    for name in ("cc", "gcc", "clang"):
        path = shutil.which(name)
        if path is not None:
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc", "-target", f"{platform.machine()}-linux-musl"]
    return None


def _compile(sources: list[str], binary: Path) -> None:
    compiler = find_compiler()
    if compiler is None:
        raise SandboxFailed(
            "The sandbox launcher must be compiled once, and there is no C compiler. "
            "Install one: `apt-get install gcc libc6-dev`, or `pip install ziglang`."
        )
    draft = binary.with_name(f"{binary.name}.{os.getpid()}")
    errors = ""
    for linking in _LINKINGS:
        command = [*compiler, *_FLAGS, *linking, "-o", str(draft), *sources]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            draft.rename(binary)
            return
        errors = done.stderr
    raise SandboxFailed(f"The sandbox launcher did not compile with {compiler[0]}:\n{errors[-2000:]}")
