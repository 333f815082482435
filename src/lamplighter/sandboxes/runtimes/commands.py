"""What `lamplighter runtime list|add|remove` does, without a word printed: values in, values out, progress by callable.

Used by the command line, by scripts/start and by tests that need a runtime. Must not know arguments or terminals.
"""

import sys
from collections.abc import Iterable

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.directory import AUTOMATIC, Entry, RuntimeDirectory
from lamplighter.sandboxes.runtimes.progress import Progress, ignore
from lamplighter.sandboxes.runtimes.runtime import Runtime, RuntimeMissing

# AWS's supported Python runtimes that awslambdaric has wheels for, newest last.
PYTHONS = ("3.11", "3.12", "3.13")


def ensure(directory: RuntimeDirectory, names: Iterable[str], *, progress: Progress = ignore) -> list[Runtime]:
    """Install those that are missing or broken; quick and silent when all are there. Raises ImportFailed."""
    found = []
    for name in names:
        try:
            found.append(directory.get(name))
        except RuntimeMissing:
            found.append(directory.add(name, progress=progress))
    return found


def add(
    directory: RuntimeDirectory,
    names: Iterable[str],
    *,
    source: str = AUTOMATIC,
    packages: tuple[str, ...] | None = None,
    progress: Progress = ignore,
) -> list[Runtime]:
    """Install or renew. `packages` are further requirements for Python runtimes, beside boto3. Raises ImportFailed."""
    return [directory.add(name, source, packages=packages, progress=progress) for name in names]


def remove(directory: RuntimeDirectory, names: Iterable[str]) -> None:
    """Raises RuntimeMissing at the first name that is not installed."""
    for name in names:
        directory.remove(name)


def entries(directory: RuntimeDirectory) -> tuple[Entry, ...]:
    """Every installed runtime with version, source and client, and the broken ones with the reason."""
    return directory.inspect()


def usual_python() -> str:
    """The Python runtime that costs least here: the version this program runs on, else the newest one found."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running in PYTHONS:
        return f"python{running}"
    newest = next((version for version in reversed(PYTHONS) if interpreters.find_python(version)), PYTHONS[0])
    return f"python{newest}"
