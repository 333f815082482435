"""Single artifacts of Maven Central, from the machine's own Maven repository or by HTTPS.

Each is checked against a pinned digest. No build tool is needed and no dependency is resolved: who asks names every
artifact. Must not know runtimes.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from lamplighter.sandboxes.runtimes.fetch import download
from lamplighter.sandboxes.runtimes.importer import ImportFailed

_CENTRAL = "https://repo.maven.apache.org/maven2"
# Where Maven keeps what it has fetched: an artifact that lies there is not fetched again.
_LOCAL = "~/.m2/repository"


@dataclass(frozen=True, slots=True)
class MavenArtifact:
    """One jar of the registry, pinned by version and SHA-256 (hexadecimal)."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.jar"

    @property
    def path(self) -> str:
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.file_name}"


def fetch_maven_artifact(artifact: MavenArtifact, cache: Path) -> Path:
    """The jar in the cache, fetched unless it is there already."""
    for kept in (cache / "maven" / artifact.file_name, Path(_LOCAL).expanduser() / artifact.path):
        if kept.exists() and _sha256(kept) == artifact.sha256:
            return kept
    incoming = cache / "maven" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    partial = incoming / artifact.file_name
    download(f"{os.environ.get('MAVEN_CENTRAL', _CENTRAL).rstrip('/')}/{artifact.path}", partial)
    if _sha256(partial) != artifact.sha256:
        partial.unlink()
        raise ImportFailed(f"{artifact.name} {artifact.version} is not what was published: its SHA-256 differs")
    return partial.replace(cache / "maven" / artifact.file_name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
