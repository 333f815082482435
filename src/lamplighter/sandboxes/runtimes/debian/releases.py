"""Which Debian release carries which runtime, and the packages that make its root filesystem. Pure.

Node.js comes from npm for every release, because Lambda's versions are newer than Debian's.
"""

from dataclasses import dataclass

from lamplighter.sandboxes.runtimes.identifiers import Identifier

# A shell, the usual small programs, certificates, time zones: what Amazon Linux's minimal image has, too.
_BASE = (
    "base-files", "bash", "ca-certificates", "coreutils", "curl", "dash", "findutils", "gawk", "grep", "gzip",
    "libc-bin", "libstdc++6", "media-types", "netbase", "openssl", "sed", "tar", "tzdata",
)  # fmt: skip

_PYTHON = {"3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}
_JAVA = {"17": "bookworm", "21": "trixie", "25": "trixie"}
_RUBY = {"3.3": "trixie"}
_PROVIDED = {"al2": "bookworm", "al2023": "trixie"}
_NODE = "trixie"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The release and packages for one runtime."""

    release: str
    packages: tuple[str, ...]


def recipe_for(identifier: Identifier) -> Recipe | None:
    """None where no Debian release carries the runtime."""
    if identifier.family == "python" and identifier.version in _PYTHON:
        return Recipe(_PYTHON[identifier.version], (*_BASE, f"python{identifier.version}"))
    if identifier.family == "java" and identifier.version in _JAVA:
        return Recipe(_JAVA[identifier.version], (*_BASE, f"openjdk-{identifier.version}-jre-headless"))
    if identifier.family == "ruby" and identifier.version in _RUBY:
        return Recipe(_RUBY[identifier.version], (*_BASE, f"ruby{identifier.version}"))
    if identifier.family == "nodejs":
        return Recipe(_NODE, _BASE)
    if identifier.family == "provided":
        return Recipe(_PROVIDED[identifier.version], _BASE)
    return None
