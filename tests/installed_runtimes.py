"""Installs the runtimes that tests run functions on, and builds the examples that are programs, before the lanes begin.

Compiling AWS's client for Node.js may take minutes on a new machine: no test's own deadline should pay for that. What
this machine cannot have is said here; the tests that need it skip with the reason. Must not know the tests.
"""

import sys
from pathlib import Path

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.commands import PYTHONS, ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.progress import ProgressBar
from tests.example_programs import NotBuilt, built

KEPT = Path(__file__).parents[1] / ".cache" / "runtimes"
NODES = ("nodejs20.x", "nodejs22.x", "nodejs24.x")
JAVAS = ("17", "21", "25")


def main() -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    directory = RuntimeDirectory(KEPT)
    pythons = [f"python{version}" for version in PYTHONS if interpreters.find_python(version) is not None]
    javas = [f"java{version}" for version in JAVAS if interpreters.find_java(version) is not None]
    for name in (*pythons, *NODES, *javas, "provided.al2023"):
        try:
            ensure(directory, [name], progress=ProgressBar(sys.stderr))
        except ImportFailed as error:
            print(f"{name} cannot be installed here: {error}", file=sys.stderr)
    for language in ("go", "rust"):
        try:
            built(language)
        except NotBuilt as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    main()
