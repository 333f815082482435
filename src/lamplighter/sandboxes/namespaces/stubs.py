"""Mount points that a root filesystem lacks: empty directories and files, laid under it by an overlay.

A runtime's root is read-only, so a bind to a place that does not exist in it (say /mnt/models) needs one made
beforehand. Nothing is ever written into the runtime's own directory. Must not know who mounts what.
"""

import hashlib
import os
from pathlib import Path

ALWAYS = ("/proc", "/dev", "/tmp", "/opt")  # noqa: S108 - a mount point inside the sandbox


class Stubs:
    """The stub directories of one state directory, one per set of missing mount points."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[tuple[str, tuple[tuple[str, bool], ...]], Path | None] = {}

    def for_root(self, root: Path, targets: tuple[tuple[str, bool], ...]) -> Path | None:
        """The directory to lay under `root` so that each (target, is_directory) exists; None when they all do."""
        key = (str(root), targets)
        if key not in self._known:
            wanted = (*((target, True) for target in ALWAYS), *targets)
            missing = [(target, is_dir) for target, is_dir in wanted if not _exists_in(root, target)]
            self._known[key] = self._make(missing) if missing else None
        return self._known[key]

    def _make(self, missing: list[tuple[str, bool]]) -> Path:
        name = hashlib.sha256(repr(sorted(missing)).encode()).hexdigest()[:16]
        place = self._directory / name
        for target, is_directory in missing:
            stub = place / target.strip("/")
            if ".." in stub.parts:
                raise ValueError(f"a mount point may not hold '..': {target}")
            if is_directory:
                stub.mkdir(parents=True, exist_ok=True)
            else:
                stub.parent.mkdir(parents=True, exist_ok=True)
                stub.touch()
        return place


def _exists_in(root: Path, target: str) -> bool:
    """Whether the path exists in `root` without leaving it by a symlink on the way."""
    place = root
    for part in target.strip("/").split("/"):
        place = place / part
        if place.is_symlink():
            return os.path.realpath(place).startswith(str(root)) and place.exists()
        if not place.exists():
            return False
    return True
