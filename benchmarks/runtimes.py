"""The installed runtime that our server uses, so that the bare side runs exactly the same files."""

from benchmarks.server import RUNTIMES
from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.runtime import Runtime


def runtime_named(name: str) -> Runtime:
    """Installed when it is missing."""
    RUNTIMES.mkdir(parents=True, exist_ok=True)
    return ensure(RuntimeDirectory(RUNTIMES), [name])[0]
