"""Reads the directory of a zip archive: entries with their sizes, modes and places, strictly and without trusting any.

Follows PKWARE's APPNOTE 6.3 (zip64, extended timestamps of Info-ZIP). Decides nothing about names or safety beyond the
format: overlapping, encrypted or split archives are refused here. Pure: bytes in, records out.
"""

import calendar
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Buffer: TypeAlias = "bytes | memoryview"

STORED = 0
DEFLATED = 8

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_SEARCH_BYTES = 65_535 + _END.size
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFF_FFFF
_FLAG_ENCRYPTED, _FLAG_STRONG_ENCRYPTION, _FLAG_UTF8 = 0x1, 0x40, 0x800
_EXTRA_ZIP64, _EXTRA_TIMESTAMP = 0x0001, 0x5455
_HOST_UNIX, _HOST_MACOS = 3, 19


class Refusal(Enum):
    """Why a package is not taken."""

    NOT_A_ZIP = "not a zip"
    EMPTY = "empty"
    TOO_LARGE = "too large"
    DAMAGED = "damaged"
    UNSAFE = "unsafe"


class PackageRefused(Exception):
    """The archive cannot be taken. `reason` is the kind, `detail` says exactly what is wrong, for people."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry as the central directory describes it. `mode` is the Unix mode, 0 where the archive has none."""

    name: str
    mode: int
    modified_at: int
    method: int
    crc: int
    compressed_bytes: int
    unpacked_bytes: int
    data_offset: int


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory is; `shift` is the length of whatever precedes the archive in the file."""

    count: int
    offset: int
    size: int
    shift: int


def read_entries(data: Buffer, *, most: int) -> list[ZipEntry]:
    """All entries in directory order. Raises PackageRefused."""
    directory = _find_directory(data)
    if directory.count == 0:
        raise PackageRefused(Refusal.EMPTY, "the archive has no entries")
    if directory.count > most:
        raise PackageRefused(Refusal.UNSAFE, f"{directory.count} entries; {most} are allowed")
    entries: list[ZipEntry] = []
    places: list[tuple[int, int]] = []
    try:
        for entry, start in _walk(data, directory):
            entries.append(entry)
            places.append((start, entry.data_offset + entry.compressed_bytes))
    except struct.error as error:
        raise PackageRefused(Refusal.DAMAGED, "the central directory is cut off") from error
    _check_overlaps(places, directory.offset)
    return entries


def _find_directory(data: Buffer) -> _Directory:
    tail_start = max(0, len(data) - _END_SEARCH_BYTES)
    found = bytes(data[tail_start:]).rfind(b"PK\x05\x06")
    if found < 0 or tail_start + found + _END.size > len(data):
        raise PackageRefused(Refusal.NOT_A_ZIP, "no end-of-central-directory record")
    end = tail_start + found
    _, disk, first_disk, count_here, count, size, offset, _ = _END.unpack_from(data, end)
    before = end
    if _MAX_16 in (count, count_here) or _MAX_32 in (size, offset):
        zip64 = _find_directory64(data, end)
        if zip64 is not None:
            before, disk, first_disk, count_here, count, size, offset = zip64
    if disk or first_disk or count_here != count:
        raise PackageRefused(Refusal.UNSAFE, "the archive is split over several disks")
    shift = before - size - offset
    if shift < 0:
        raise PackageRefused(Refusal.DAMAGED, "the central directory does not fit into the file")
    return _Directory(count, before - size, size, shift)


def _find_directory64(data: Buffer, end: int) -> tuple[int, int, int, int, int, int, int] | None:
    locator = end - _END64_LOCATOR.size
    if locator < 0:
        return None
    signature, _, offset, disks = _END64_LOCATOR.unpack_from(data, locator)
    if signature != b"PK\x06\x07":
        return None
    if disks > 1:
        raise PackageRefused(Refusal.UNSAFE, "the archive is split over several disks")
    # Behind a prefix the recorded offset is too small; the record directly precedes its locator.
    for place in (offset, locator - _END64.size):
        if 0 <= place <= locator - _END64.size and bytes(data[place : place + 4]) == b"PK\x06\x06":
            _, _, _, _, disk, first_disk, count_here, count, size, start = _END64.unpack_from(data, place)
            return place, disk, first_disk, count_here, count, size, start
    raise PackageRefused(Refusal.DAMAGED, "the zip64 end record is missing")


def _walk(data: Buffer, directory: _Directory) -> Iterator[tuple[ZipEntry, int]]:
    """Each entry and where its local header starts."""
    position = directory.offset
    end = directory.offset + directory.size
    for _ in range(directory.count):
        if position + _CENTRAL.size > end:
            raise PackageRefused(Refusal.DAMAGED, "the central directory is shorter than it says")
        fields = _CENTRAL.unpack_from(data, position)
        name_length, extra_length, comment_length = fields[10:13]
        name_start = position + _CENTRAL.size
        position = name_start + name_length + extra_length + comment_length
        if fields[0] != b"PK\x01\x02" or position > end:
            raise PackageRefused(Refusal.DAMAGED, "a central directory entry is broken")
        raw_name = bytes(data[name_start : name_start + name_length])
        extra = bytes(data[name_start + name_length : name_start + name_length + extra_length])
        yield _read_entry(data, fields, raw_name, extra, directory)


def _read_entry(
    data: Buffer,
    # Any central header's fields: two signatures of bytes and numbers
    fields: tuple[int, ...],
    raw_name: bytes,
    extra: bytes,
    directory: _Directory,
) -> tuple[ZipEntry, int]:
    _, made_by, _, flags, method, dos_time, dos_date, crc, packed, size, *_, disk, _, attributes, offset = fields
    name = _decode_name(raw_name, flags, made_by >> 8)
    if flags & (_FLAG_ENCRYPTED | _FLAG_STRONG_ENCRYPTION):
        raise PackageRefused(Refusal.UNSAFE, f"{name!r} is encrypted")
    if method not in (STORED, DEFLATED):
        raise PackageRefused(Refusal.UNSAFE, f"{name!r} is compressed by method {method}; stored and deflate are read")
    extras = _read_extra(extra)
    size, packed, offset = _widen(extras.get(_EXTRA_ZIP64, b""), size, packed, offset)
    if disk not in (0, _MAX_16):
        raise PackageRefused(Refusal.UNSAFE, "the archive is split over several disks")
    start = offset + directory.shift
    entry = ZipEntry(
        name=name,
        mode=attributes >> 16,
        modified_at=_read_timestamp(extras.get(_EXTRA_TIMESTAMP, b""), dos_date, dos_time),
        method=method,
        crc=crc,
        compressed_bytes=packed,
        unpacked_bytes=size,
        data_offset=_find_data(data, start, raw_name),
    )
    return entry, start


def _find_data(data: Buffer, start: int, raw_name: bytes) -> int:
    """Where the entry's bytes begin; the local header must name the same file, or two readers would see two files."""
    if start + _LOCAL.size > len(data):
        raise PackageRefused(Refusal.DAMAGED, f"the local header of {raw_name!r} lies outside the file")
    signature, _, flags, *_, name_length, extra_length = _LOCAL.unpack_from(data, start)
    name_start = start + _LOCAL.size
    if signature != b"PK\x03\x04" or bytes(data[name_start : name_start + name_length]) != raw_name:
        raise PackageRefused(Refusal.DAMAGED, f"the local header of {raw_name!r} does not match the directory")
    if flags & _FLAG_ENCRYPTED:
        raise PackageRefused(Refusal.UNSAFE, f"{raw_name!r} is encrypted")
    return int(name_start + name_length + extra_length)


def _check_overlaps(places: list[tuple[int, int]], end_of_data: int) -> None:
    previous_end = 0
    for start, end in sorted(places):
        if start < previous_end:
            raise PackageRefused(Refusal.UNSAFE, "entries overlap")
        previous_end = end
    if previous_end > end_of_data:
        raise PackageRefused(Refusal.DAMAGED, "an entry reaches into the central directory")


def _decode_name(raw: bytes, flags: int, host: int) -> str:
    """UTF-8 where the archive says so, or where a Unix tool wrote it without saying; else the original code page."""
    try:
        if flags & _FLAG_UTF8 or host in (_HOST_UNIX, _HOST_MACOS):
            return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if flags & _FLAG_UTF8:
            raise PackageRefused(Refusal.DAMAGED, f"the name {raw!r} is not UTF-8") from error
    return raw.decode("cp437")


def _read_extra(extra: bytes) -> dict[int, bytes]:
    """Extra fields by their id; what does not parse is ignored, as all readers do."""
    fields: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        identifier, length = struct.unpack_from("<2H", extra, position)
        fields.setdefault(identifier, extra[position + 4 : position + 4 + length])
        position += 4 + length
    return fields


def _widen(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Replace those of the three figures that are marked as too wide by the next ones of the zip64 field."""
    position = 0
    widened = []
    for figure in (size, packed, offset):
        if figure == _MAX_32:
            if position + 8 > len(extra):
                raise PackageRefused(Refusal.DAMAGED, "a zip64 field is too short")
            widened.append(int.from_bytes(extra[position : position + 8], "little"))
            position += 8
        else:
            widened.append(figure)
    return widened[0], widened[1], widened[2]


def _read_timestamp(extra: bytes, dos_date: int, dos_time: int) -> int:
    """Seconds since 1970. DOS times have no zone; they are read as UTC, the zone Lambda unpacks in."""
    if len(extra) >= 5 and extra[0] & 1:  # noqa: PLR2004  # one byte of flags, four of seconds
        return int.from_bytes(extra[1:5], "little", signed=True)
    year, month, day = 1980 + (dos_date >> 9), (dos_date >> 5) & 0xF, dos_date & 0x1F
    hour, minute, second = dos_time >> 11, (dos_time >> 5) & 0x3F, (dos_time & 0x1F) * 2
    # calendar.timegm carries days and seconds over, but not months
    return calendar.timegm((year, min(max(month, 1), 12), max(day, 1), hour, minute, second))
