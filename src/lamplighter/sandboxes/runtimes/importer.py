"""What every source of runtimes has in common: a way to fill a fresh directory with a root filesystem.

Host interpreters and Debian packages are importers; container images can become one. Must not know where the
directory will finally lie, nor how it gets there.
"""

from pathlib import Path
from typing import Protocol

from lamplighter.sandboxes.runtimes.identifiers import Identifier
from lamplighter.sandboxes.runtimes.manifest import Manifest
from lamplighter.sandboxes.runtimes.progress import Progress


class ImportFailed(Exception):
    """The runtime could not be made from this source; says why and what to do."""


class Importer(Protocol):
    """One source. `cache` outlives the build and is shared by all; `directory` is empty and becomes the runtime."""

    source: str

    def build(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        """Fill `directory` and describe it. `packages` are installed beside the client. Raises ImportFailed."""
        ...
