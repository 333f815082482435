"""Importer `own`: a directory that the operator brings, for runtimes which neither this machine nor Debian has.

Either a whole runtime (runtime.json beside its root filesystem), or nothing but a root filesystem with an executable
/var/runtime/bootstrap, as AWS has it in its base images. It is copied, so the original may go. Must not know
what is in it.
"""

import os
import shutil
from pathlib import Path

import msgspec

from lamplighter.sandboxes.runtimes import manifest as manifests
from lamplighter.sandboxes.runtimes.identifiers import Identifier, runtime_environment
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.manifest import Manifest
from lamplighter.sandboxes.runtimes.progress import Progress, Step
from lamplighter.sandboxes.runtimes.skeleton import MOUNT_POINTS, make_skeleton

SOURCE = "own"
_BOOTSTRAP = "/var/runtime/bootstrap"


class OwnImporter:
    """Makes one runtime from one directory."""

    source = SOURCE

    def __init__(self, place: Path) -> None:
        self._place = place

    def build(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        if not self._place.is_dir():
            raise ImportFailed(f"{self._place} is not a directory")
        has_manifest = (self._place / manifests.FILE_NAME).is_file()
        manifest = self._described(identifier) if has_manifest else self._bootstrapped(identifier)
        progress(Step(identifier.name, f"copying {self._place}", 0.1))
        inside = "." if has_manifest else "rootfs"
        try:
            shutil.copytree(self._place, directory / inside, symlinks=True, dirs_exist_ok=True)
        except (shutil.Error, OSError) as error:
            raise ImportFailed(f"{self._place} cannot be copied: {error}") from error
        root = directory / manifest.root
        for path in _mount_point_parts(root):
            if path.is_symlink():
                raise ImportFailed(
                    f"/{path.relative_to(root)} of the root filesystem is a link; it must be a directory"
                )
        make_skeleton(root)
        return manifest

    def _described(self, identifier: Identifier) -> Manifest:
        try:
            manifest = manifests.decode((self._place / manifests.FILE_NAME).read_bytes())
        except manifests.ManifestRefused as error:
            raise ImportFailed(str(error)) from error
        if manifest.name != identifier.name:
            raise ImportFailed(f"{self._place} holds the runtime {manifest.name}, not {identifier.name}")
        if not manifest.argv:
            raise ImportFailed(f"{manifests.FILE_NAME} has no command in `argv`")
        needed = [manifest.root, *(bind.source for bind in manifest.binds if not bind.source.startswith("/"))]
        for name in needed:
            if name.startswith("/") or ".." in Path(name).parts or not (self._place / name).is_dir():
                raise ImportFailed(f"{self._place} has no directory {name}, which {manifests.FILE_NAME} names")
        return msgspec.structs.replace(manifest, source=SOURCE)

    def _bootstrapped(self, identifier: Identifier) -> Manifest:
        bootstrap = self._place / _BOOTSTRAP.lstrip("/")
        if bootstrap.is_symlink() or not (bootstrap.is_file() and os.access(bootstrap, os.X_OK)):
            raise ImportFailed(
                f"{self._place} has neither {manifests.FILE_NAME} nor an executable {_BOOTSTRAP.lstrip('/')}"
            )
        return Manifest(
            name=identifier.name,
            version=identifier.version,
            source=SOURCE,
            argv=(_BOOTSTRAP,),
            env=runtime_environment(identifier),
        )


def _mount_point_parts(root: Path) -> set[Path]:
    """Everything on the way to a mount point: a link there would lead what is written out of the root filesystem."""
    points = [root / name for name in MOUNT_POINTS]
    return {part for point in points for part in (point, *point.parents) if part.is_relative_to(root)}
