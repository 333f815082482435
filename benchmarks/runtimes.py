"""The installed runtime that our server uses, so that the bare side runs exactly the same files."""

from benchmarks.server import Server
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.runtime import Runtime


def runtime_of(server: Server, name: str) -> Runtime:
    return RuntimeDirectory(server.data_dir / "runtimes").get(name)
