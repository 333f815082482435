"""Looks at directories for tests."""

from pathlib import Path


def names(directory: Path, pattern: str = "*") -> list[str]:
    """The sorted names in a directory that match."""
    return sorted(path.name for path in directory.glob(pattern))


def link_target(path: Path) -> str:
    return str(path.readlink())
