"""Builds archives byte by byte, so that tests can say things that well-behaved zip writers refuse to say."""

import struct
import zlib
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One entry; every figure may lie. None means the truth."""

    name: bytes
    content: bytes = b""
    mode: int = 0o100644
    method: int = 8
    flags: int = 0
    host: int = 3
    dos_date: int = (2024 - 1980) << 9 | 2 << 5 | 29
    dos_time: int = 12 << 11 | 34 << 5 | 28
    extra: bytes = b""
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    packed: bytes | None = None

    @property
    def stored_bytes(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.content) + packer.flush()


def link(name: bytes, target: bytes) -> Part:
    return Part(name=name, content=target, mode=0o120777, method=0)


def timestamp(seconds: int) -> bytes:
    return struct.pack("<HHBi", 0x5455, 5, 1, seconds)


def archive(*parts: Part, prefix: bytes = b"", comment: bytes = b"") -> bytes:
    body = bytearray(prefix)
    central = bytearray()
    for part in parts:
        packed = part.stored_bytes
        offset = len(body) - len(prefix) if part.offset is None else part.offset
        crc = zlib.crc32(part.content) if part.crc is None else part.crc
        size = len(part.content) if part.size is None else part.size
        packed_size = len(packed) if part.packed_size is None else part.packed_size
        local_name = part.name if part.local_name is None else part.local_name
        head = (part.flags, part.method, part.dos_time, part.dos_date, crc, packed_size, size)
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *head, len(local_name), 0) + local_name + packed
        central += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", part.host << 8 | 20, 20, *head, len(part.name), len(part.extra),
            0, 0, 0, part.mode << 16, offset,
        ) + part.name + part.extra  # fmt: skip
    start = len(body) - len(prefix)
    counts = (len(parts) & 0xFFFF, len(parts) & 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *counts, len(central), start, len(comment)) + comment
    return bytes(body + central + end)


def archive64(part: Part) -> bytes:
    """One entry whose sizes and offset, and the directory's place, are told in zip64 fields only."""
    packed = part.stored_bytes
    crc = zlib.crc32(part.content)
    local = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 45, 0, part.method, 0, 33, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(part.name), 20
    )
    field = struct.pack("<HHQQ", 1, 16, len(part.content), len(packed))
    body = local + part.name + field + packed
    extra = struct.pack("<HHQQQ", 1, 24, len(part.content), len(packed), 0)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 3 << 8 | 45, 45, 0, part.method, 0, 33, crc, 0xFFFFFFFF, 0xFFFFFFFF,
        len(part.name), len(extra), 0, 0, 0, part.mode << 16, 0xFFFFFFFF,
    ) + part.name + extra  # fmt: skip
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(central), len(body))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(body) + len(central), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + central + end64 + locator + end


def overlapping(count: int, content: bytes) -> bytes:
    """Many entries that share one local header: the small file that unpacks to much (CVE-2024-0450)."""
    part = Part(name=b"x", content=content)
    return archive(part, *(replace(part, offset=0, packed=b"") for _ in range(count)))
