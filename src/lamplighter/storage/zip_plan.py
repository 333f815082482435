"""Decides what an archive may become on disk: which directories, files and symbolic links, under which names and modes.

Pure, and the whole policy of package intake: nothing absolute, nothing that climbs, no two things of one name, no
device, no link that leads out. Must not touch the file system.
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lamplighter.storage.zip_format import Buffer, PackageRefused, Refusal, ZipEntry, read_entries

Place: TypeAlias = "tuple[str, ...]"

_NAME_BYTES = 255
_PATH_BYTES = 1024
_PATH_PARTS = 100
_LINK_BYTES = 4095
_LINK_HOPS = 40
_LINK_STEPS = 5_000_000
_PYTHON_DEFAULT_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLimits:
    """`unzipped_bytes` is Lambda's limit on code with its layers; the number of files and directories is ours."""

    unzipped_bytes: int = 262_144_000
    entries: int = 200_000
    nodes: int = 250_000


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """What to create. `directories` holds parents before children, with the entry that describes each, if any."""

    unzipped_bytes: int
    directories: dict[Place, ZipEntry | None] = field(default_factory=dict)
    files: dict[Place, ZipEntry] = field(default_factory=dict)
    links: dict[Place, ZipEntry] = field(default_factory=dict)


def plan_package(data: Buffer, limits: PackageLimits) -> PackagePlan:
    """Read and judge an archive without unpacking it. Raises PackageRefused."""
    entries = read_entries(data, most=limits.entries)
    total = sum(entry.unpacked_bytes for entry in entries)
    if total > limits.unzipped_bytes:
        raise PackageRefused(Refusal.TOO_LARGE, f"{total} bytes unzipped; {limits.unzipped_bytes} are allowed")
    plan = PackagePlan(total)
    for entry in entries:
        _place(plan, entry)
        if len(plan.directories) + len(plan.files) + len(plan.links) > limits.nodes:
            raise PackageRefused(Refusal.UNSAFE, f"more than {limits.nodes} files and directories")
    return plan


def _place(plan: PackagePlan, entry: ZipEntry) -> None:
    place = split_name(entry.name)
    kind = stat.S_IFMT(entry.mode)
    is_directory = entry.name.endswith("/") or kind == stat.S_IFDIR
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise PackageRefused(Refusal.UNSAFE, f"{entry.name!r} is a device, pipe or socket")
    if is_directory and entry.unpacked_bytes:
        raise PackageRefused(Refusal.UNSAFE, f"the directory {entry.name!r} has content")
    _add_directories(plan, place if is_directory else place[:-1], entry.name)
    if is_directory:
        if place:
            plan.directories[place] = entry
        return
    if not place or place in plan.files or place in plan.links or place in plan.directories:
        raise PackageRefused(Refusal.UNSAFE, f"the name {entry.name!r} occurs twice")
    if kind == stat.S_IFLNK:
        plan.links[place] = entry
    else:
        plan.files[place] = entry


def _add_directories(plan: PackagePlan, place: Place, name: str) -> None:
    if place in plan.directories:
        return
    for depth in range(1, len(place) + 1):
        above = place[:depth]
        if above in plan.files or above in plan.links:
            raise PackageRefused(Refusal.UNSAFE, f"{name!r} lies below something that is no directory")
        plan.directories.setdefault(above, None)


def split_name(name: str) -> Place:
    """The parts of an entry's name; `.` and doubled slashes mean nothing. Raises PackageRefused for what may not be."""
    if not name or name.startswith("/"):
        raise PackageRefused(Refusal.UNSAFE, f"the name {name!r} is absolute or empty")
    if "\\" in name or "\0" in name:
        raise PackageRefused(Refusal.UNSAFE, f"the name {name!r} holds a backslash or NUL")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise PackageRefused(Refusal.UNSAFE, f"the name {name!r} climbs out of the package")
    is_long = len(name.encode()) > _PATH_BYTES or any(len(part.encode()) > _NAME_BYTES for part in parts)
    if is_long or len(parts) > _PATH_PARTS:
        raise PackageRefused(Refusal.UNSAFE, f"a name of {len(name)} characters and {len(parts)} parts is too long")
    return parts


def file_mode(entry: ZipEntry) -> int:
    """The permissions a file gets; archives without any give 0644, set-id and sticky bits are dropped.

    Python's `writestr` records 0600 without a file type when nobody chose a mode: that counts as none, too.
    """
    permissions = entry.mode & 0o777
    if permissions == 0 or entry.mode == _PYTHON_DEFAULT_MODE:
        return 0o644
    return permissions


def directory_mode(entry: ZipEntry | None) -> int:
    """The permissions a directory gets; the owner keeps access, or it could never be removed."""
    if entry is None or entry.mode & 0o777 == 0:
        return 0o755
    return (entry.mode & 0o777) | 0o700


def check_links(targets: Mapping[Place, bytes]) -> None:
    """Refuse a package if any of its links leads out of it, alone or by way of others. Ends may be missing."""
    texts: dict[Place, str] = {}
    for place, target in targets.items():
        if not 0 < len(target) <= _LINK_BYTES or b"\0" in target or target.startswith(b"/"):
            raise PackageRefused(Refusal.UNSAFE, f"the link {'/'.join(place)!r} is absolute, empty or too long")
        texts[place] = target.decode("utf-8", "surrogateescape")
    steps = 0
    for place, text in texts.items():
        steps += _follow(place, text, texts)
        if steps > _LINK_STEPS:
            raise PackageRefused(Refusal.UNSAFE, "the links wind too much")


def _follow(place: Place, text: str, texts: Mapping[Place, str]) -> int:
    """Walk a link's target as the kernel would, through other links; the number of steps."""
    here = list(place[:-1])
    ahead = text.split("/")[::-1]
    hops = steps = 0
    while ahead:
        part = ahead.pop()
        steps += 1
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                raise PackageRefused(Refusal.UNSAFE, f"the link {'/'.join(place)!r} leads out of the package")
            here.pop()
            continue
        here.append(part)
        onward = texts.get(tuple(here))
        if onward is not None:
            hops += 1
            if hops > _LINK_HOPS:
                break  # a loop, or nearly one: the kernel refuses to follow it
            here.pop()
            ahead.extend(onward.split("/")[::-1])
    return steps
