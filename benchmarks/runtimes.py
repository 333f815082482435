"""The runtimes and echo functions that are measured.

The runtime is the one that our server uses, so that the bare side runs exactly the same files. A program for an OS-only
runtime is static and needs no client: it is set against spawning /bin/true and waiting for its end.
"""

import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import ECHO, RUNTIMES
from lamplighter.sandboxes.namespaces.compiler import find_compiler
from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.runtime import Runtime

_NODE_ECHO = "exports.handler = async (event) => event;\n"
_JAVA_ECHO = """
package echo;
public class Echo {
    public java.util.Map<String, Object> handler(java.util.Map<String, Object> event) { return event; }
}
"""
_STATIC = Path(__file__).with_name("static_bootstrap.c")


@dataclass(frozen=True, slots=True)
class Function:
    """The echo function of one runtime."""

    files: Mapping[str, bytes]
    handler: str = "echo.handler"

    def lay_out(self, place: Path) -> None:
        for name, content in self.files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
            (place / name).chmod(0o755)


def runtime_named(name: str) -> Runtime:
    """Installed when it is missing."""
    RUNTIMES.mkdir(parents=True, exist_ok=True)
    return ensure(RuntimeDirectory(RUNTIMES), [name])[0]


def echo_for(name: str) -> Function:
    if name.startswith("python"):
        return Function({"echo.py": ECHO.encode()})
    if name.startswith("nodejs"):
        return Function({"echo.js": _NODE_ECHO.encode()})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if name.startswith("provided"):
            return Function({"bootstrap": _compiled_static(place)}, "bootstrap")
        from tests.e2e.java_functions import compile_java  # only for Java: it fetches a compiler

        compile_java({"Echo": _JAVA_ECHO}, place / "classes", RUNTIMES / ".cache")
        return Function({"echo/Echo.class": (place / "classes/echo/Echo.class").read_bytes()}, "echo.Echo::handler")


def _compiled_static(place: Path) -> bytes:
    compiler = find_compiler()
    assert compiler is not None, "the static program needs a C compiler"
    argv = [*compiler, "-O2", "-static", "-D_GNU_SOURCE", str(_STATIC), "-o", str(place / "bootstrap")]
    subprocess.run(argv, check=True)
    return (place / "bootstrap").read_bytes()


def true_spawned_ms() -> float:
    """What it costs to start any program at all."""
    started = time.perf_counter()
    subprocess.run(["/bin/true"], check=True)
    return (time.perf_counter() - started) * 1000
