"""The runtimes of a server: one directory each, with rootfs/ and runtime.json, added and removed atomically.

A runtime is built beside its place and renamed into it, so a kill at any moment leaves the old one or the new one,
and what was half built is swept by whoever comes next. Must not know how importers work.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lamplighter.sandboxes.runtimes import manifest as manifests
from lamplighter.sandboxes.runtimes.identifiers import Identifier, UnknownIdentifier, parse_identifier
from lamplighter.sandboxes.runtimes.importer import Importer, ImportFailed
from lamplighter.sandboxes.runtimes.progress import Progress, Step, ignore, scaled
from lamplighter.sandboxes.runtimes.runtime import Runtime, RuntimeMissing

AUTOMATIC = "auto"
_NAME = re.compile(r"[a-z0-9][a-z0-9.]{0,63}")
_BUILDING = ".building-"
_REPLACED = ".replaced-"
_RETIRED = ".retired-"
_CACHE = ".cache"


@dataclass(frozen=True, slots=True)
class Entry:
    """A runtime as `lamplighter runtime list` shows it; without `runtime` there is a `reason` why it is unusable."""

    name: str
    runtime: Runtime | None
    client: str = ""
    reason: str = ""


class RuntimeDirectory:
    """Installed runtimes under `path`. Reading is quick and never locks; changes of several processes take turns."""

    def __init__(self, path: Path, importers: Mapping[str, Importer] | None = None) -> None:
        self._path = path.absolute()
        self._importers = importers
        self._known: dict[str, tuple[int, Runtime]] = {}

    def get(self, name: str) -> Runtime:
        """The installed runtime; RuntimeMissing says how to add it, or what it has lost since it was added."""
        directory = self._path / name
        if not _NAME.fullmatch(name):
            raise RuntimeMissing(f"{name!r} is not the name of a runtime")
        try:
            changed = (directory / manifests.FILE_NAME).stat().st_mtime_ns
            known = self._known.get(name)
            if known is None or known[0] != changed:
                data = (directory / manifests.FILE_NAME).read_bytes()
                known = (changed, manifests.to_runtime(manifests.decode(data), directory))
        except FileNotFoundError as error:
            message = f"The runtime {name} is not installed on this server. {how_to_add(name)}"
            raise RuntimeMissing(message) from error
        except manifests.ManifestRefused as error:
            raise RuntimeMissing(f"The runtime {name} cannot be used: {error}. {how_to_add(name)}") from error
        _require_binds(known[1])
        self._known[name] = known
        return known[1]

    def list(self) -> tuple[Runtime, ...]:
        """Every runtime that can be used, by name."""
        return tuple(entry.runtime for entry in self.inspect() if entry.runtime is not None)

    def inspect(self) -> tuple[Entry, ...]:
        """Every entry by name, also those that cannot be used, with the reason."""
        return tuple(self._inspect(name) for name in sorted(self._names()))

    def _inspect(self, name: str) -> Entry:
        try:
            return Entry(name, self.get(name), self.client(name))
        except RuntimeMissing as missing:
            return Entry(name, None, reason=str(missing))

    def client(self, name: str) -> str:
        """The runtime interface client of an installed runtime and its version; empty for OS-only runtimes."""
        return manifests.decode((self._path / name / manifests.FILE_NAME).read_bytes()).client

    def add(
        self,
        name: str,
        source: str = AUTOMATIC,
        *,
        packages: tuple[str, ...] | None = None,
        progress: Progress = ignore,
    ) -> Runtime:
        """Install (or replace) a runtime; `packages` come on top of the usual ones. Raises ImportFailed.

        Unless a source is named, one that is installed already is made anew from its own: who has built a root
        filesystem from Debian packages keeps it.
        """
        identifier = parse_identifier(name)
        with self._alone():
            building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=self._path))
            try:
                self._build(identifier, source, building, packages, progress)
                self._settle(building, name)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
        progress(Step(name, "installed", 1.0))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Take a runtime away. Files that running sandboxes still need stay until the next sweep."""
        if not _NAME.fullmatch(name) or not (self._path / name).is_dir():
            raise RuntimeMissing(f"The runtime {name} is not installed on this server.")
        with self._alone():
            _delete_unless_mounted(self._set_aside(name, _RETIRED), self._path / name)

    def sweep(self) -> None:
        """Delete what earlier lives left half built or retired; `add` and `remove` do so too."""
        if self._path.is_dir():
            with self._alone():
                pass

    def _build(
        self,
        identifier: Identifier,
        source: str,
        building: Path,
        packages: tuple[str, ...] | None,
        progress: Progress,
    ) -> None:
        importers = self._importers if self._importers is not None else usual_importers()
        if source != AUTOMATIC and source not in importers:
            raise ImportFailed(f"there is no source {source!r} of runtimes; there are: {', '.join(importers)}")
        chosen = list(importers.values()) if source == AUTOMATIC else [importers[source]]
        chosen.sort(key=lambda importer: importer.source != self._source_of(identifier.name))
        cache = self._path / _CACHE
        cache.mkdir(exist_ok=True)
        wanted = (*usual_packages(identifier), *(packages or ()))
        reasons = []
        for importer in chosen:
            _empty(building)
            try:
                made = importer.build(identifier, building, cache, wanted, scaled(progress, 0.0, 0.98))
            except ImportFailed as failure:
                reasons.append(f"{importer.source}: {failure}")
                continue
            (building / manifests.FILE_NAME).write_bytes(manifests.encode(made))
            _open_to_others(building)
            return
        raise ImportFailed(f"{identifier.name} could not be installed. " + "; ".join(reasons))

    def _source_of(self, name: str) -> str:
        """Where the installed runtime came from; empty when there is none."""
        try:
            return manifests.decode((self._path / name / manifests.FILE_NAME).read_bytes()).source
        except (OSError, manifests.ManifestRefused):
            return ""

    def _settle(self, building: Path, name: str) -> None:
        # A rename alone is atomic but not durable: without the sync a power cut could leave empty files behind it.
        os.sync()
        replaced = self._set_aside(name, _REPLACED) if (self._path / name).exists() else None
        building.rename(self._path / name)
        _sync_directory(self._path)
        if replaced is not None:
            _delete_unless_mounted(replaced, self._path / name)

    def _set_aside(self, name: str, prefix: str) -> Path:
        place = Path(tempfile.mkdtemp(prefix=prefix, dir=self._path))
        (self._path / name).rename(place / name)
        self._known.pop(name, None)
        return place

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for other installers, sweep what dead ones left, and keep others out meanwhile."""
        self._path.mkdir(parents=True, exist_ok=True)
        with (self._path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in self._path.glob(f"{_BUILDING}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            for place in (*self._path.glob(f"{_REPLACED}*"), *self._path.glob(f"{_RETIRED}*")):
                self._sweep_aside(place)
            yield

    def _sweep_aside(self, place: Path) -> None:
        """Whoever replaced a runtime may have died between its two renames: then the old one returns."""
        names = [entry.name for entry in place.iterdir()]
        for name in names:
            if place.name.startswith(_REPLACED) and not (self._path / name).exists():
                (place / name).rename(self._path / name)
        _delete_unless_mounted(place, *(self._path / name for name in names))

    def _names(self) -> Iterator[str]:
        if self._path.is_dir():
            yield from (path.name for path in self._path.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())


def how_to_add(name: str) -> str:
    try:
        parse_identifier(name)
    except UnknownIdentifier:
        return "Put a runtime directory of your own there, with rootfs/ and runtime.json."
    return f"Add it with: lamplighter runtime add {name}"


def usual_importers() -> dict[str, Importer]:
    """The sources of this release, in the order in which they are tried."""
    # Imported here because only installations need them: tarfile, urllib and ssl would cost the server 40 ms.
    from lamplighter.sandboxes.runtimes.debian.importer import DebianImporter
    from lamplighter.sandboxes.runtimes.host import HostImporter

    return {importer.source: importer for importer in (HostImporter(), DebianImporter())}


def usual_packages(identifier: Identifier) -> tuple[str, ...]:
    if identifier.family != "python":
        return ()
    from lamplighter.sandboxes.runtimes.python_client import DEFAULT_PACKAGES  # see usual_importers

    return DEFAULT_PACKAGES


def _require_binds(runtime: Runtime) -> None:
    for bind in runtime.binds:
        if not bind.source.exists():
            raise RuntimeMissing(
                f"The runtime {runtime.name} has lost {bind.source}, which it was made from. {how_to_add(runtime.name)}"
            )


def _open_to_others(directory: Path) -> None:
    """Functions read the runtime as an unprivileged user, whatever umask the installer had."""
    for place, _, files in os.walk(directory):
        Path(place).chmod(0o755)
        for path in (Path(place) / name for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete_unless_mounted(place: Path, *originals: Path) -> None:
    """Sandboxes name a root filesystem by the path it had when they mounted it."""
    names = [os.fsencode(f"{path}/") for path in (*originals, place)]
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            text = mounts.read_bytes()
        except OSError:
            continue
        if any(name in text for name in names):
            return
    shutil.rmtree(place, ignore_errors=True)
