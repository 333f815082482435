"""No archive, however made, writes outside its directory, exceeds its limits or raises anything but PackageRefused."""

import contextlib
import io
import os
import random
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lamplighter.storage.zip_extractor import PackageLimits, PackageRefused, Refusal, extract, inspect
from tests.storage.archives import Part, archive, archive64, link, overlapping
from tests.storage.trees import link_target, names

MIB = 1024 * 1024
PLAIN = Part(name=b"app.py", content=b"def handler(event, context): ...\n")

UNSAFE = {
    "climbs": archive(Part(name=b"../evil", content=b"x")),
    "climbs in the middle": archive(Part(name=b"a/../../evil", content=b"x")),
    "climbs and comes back": archive(Part(name=b"a/../b", content=b"x")),
    "climbs as a directory": archive(Part(name=b"../", mode=0o40755)),
    "is absolute": archive(Part(name=b"/etc/cron.d/evil", content=b"x")),
    "has a backslash": archive(Part(name=b"..\\..\\evil", content=b"x")),
    "has a drive": archive(Part(name=b"C:\\evil", content=b"x")),
    "has a NUL": archive(Part(name=b"app.py\0.txt", content=b"x")),
    "has no name": archive(Part(name=b"", content=b"x")),
    "is the root itself": archive(Part(name=b"./.", content=b"x")),
    "names twice": archive(PLAIN, PLAIN),
    "names twice after dots": archive(PLAIN, replace(PLAIN, name=b"./app.py")),
    "is file and directory": archive(Part(name=b"a", content=b"x"), Part(name=b"a/b", content=b"x")),
    "is directory and file": archive(Part(name=b"a/b", content=b"x"), Part(name=b"a", content=b"x")),
    "writes through a link": archive(link(b"a", b"/tmp"), Part(name=b"a/evil", content=b"x")),
    "writes over a link": archive(link(b"a", b"../evil"), Part(name=b"a", content=b"x")),
    "makes a link below a link": archive(link(b"a", b"."), link(b"a/b", b"..")),
    "is a device": archive(Part(name=b"sda", mode=stat.S_IFBLK | 0o666)),
    "is a character device": archive(Part(name=b"mem", mode=stat.S_IFCHR | 0o666)),
    "is a pipe": archive(Part(name=b"pipe", mode=stat.S_IFIFO | 0o666)),
    "is a socket": archive(Part(name=b"socket", mode=stat.S_IFSOCK | 0o666)),
    "is encrypted": archive(replace(PLAIN, flags=1)),
    "is strongly encrypted": archive(replace(PLAIN, flags=0x40)),
    "uses another method": archive(replace(PLAIN, method=14)),
    "overlaps": overlapping(50, b"\0" * MIB),
    "shares bytes": archive(Part(name=b"a", content=b"x" * 99, method=0, packed_size=180), Part(name=b"b")),
    "has a directory with content": archive(Part(name=b"a/", content=b"x", mode=0o40755)),
    "has a long name": archive(Part(name=b"n" * 256, content=b"x")),
    "has a long path": archive(Part(name=b"/".join([b"n" * 99] * 12), content=b"x")),
    "is deep": archive(Part(name=b"d/" * 101 + b"x", content=b"x")),
    "says less than it holds": archive(Part(name=b"bomb", content=b"\0" * MIB, size=10)),
}

LINKS_OUT = {
    "absolute": archive(link(b"passwd", b"/etc/passwd")),
    "upwards": archive(link(b"up", b"..")),
    "deep upwards": archive(link(b"a/b/up", b"../../../etc/passwd")),
    "down and up": archive(link(b"up", b"a/../../x")),
    "through another": archive(
        Part(name=b"x/y/", mode=0o40755), link(b"x/y/root", b"../.."), link(b"e", b"x/y/root/../s")
    ),
    "through two": archive(link(b"a", b"b"), link(b"b", b"c/.."), link(b"c", b"..")),
    "empty": archive(link(b"e", b"")),
    "with NUL": archive(link(b"e", b"a\0b")),
    "endless": archive(link(b"e", b"a" * 4096)),
}

DAMAGED = {
    "wrong checksum": archive(replace(PLAIN, crc=1)),
    "wrong size": archive(replace(PLAIN, size=1000)),
    "other local name": archive(replace(PLAIN, local_name=b"bpp.py")),
    "broken stream": archive(replace(PLAIN, packed=b"\xff" * 40)),
    "cut stream": archive(replace(PLAIN, packed=PLAIN.stored_bytes[:-2])),
    "stream with a tail": archive(replace(PLAIN, packed=PLAIN.stored_bytes + b"tail")),
    "name not UTF-8": archive(replace(PLAIN, name=b"\xff\xfe", flags=0x800)),
    "offset outside": archive(replace(PLAIN, offset=10_000)),
    "reaches into the directory": archive(replace(PLAIN, method=0, packed_size=200, size=200)),
    "zip64 field missing": archive(replace(PLAIN, size=0xFFFFFFFF)),
}

NOT_ZIPS = {
    "nothing": b"",
    "text": b"def handler(event, context): ...",
    "tar": b"app.py".ljust(512, b"\0") * 4,
    "zip without its end": archive(PLAIN)[:-22],
    "half a zip": archive(PLAIN)[:60],
}


def refused(data: bytes, tmp_path: Path, limits: PackageLimits | None = None) -> PackageRefused:
    """The refusal; checks that nothing appeared beside the destination, and nothing but plain things inside it."""
    destination = tmp_path / "package"
    destination.mkdir()
    with pytest.raises(PackageRefused) as caught:
        extract(data, destination, limits)
    assert names(tmp_path) == ["package"]
    return caught.value


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_archive_is_refused(name: str, tmp_path: Path) -> None:
    assert refused(UNSAFE[name], tmp_path).reason is Refusal.UNSAFE


@pytest.mark.parametrize("name", LINKS_OUT)
def test_link_that_leads_out_is_refused_before_any_link_is_made(name: str, tmp_path: Path) -> None:
    assert refused(LINKS_OUT[name], tmp_path).reason is Refusal.UNSAFE
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_archive_is_refused(name: str, tmp_path: Path) -> None:
    assert refused(DAMAGED[name], tmp_path).reason is Refusal.DAMAGED


@pytest.mark.parametrize("name", NOT_ZIPS)
def test_what_is_no_zip_is_refused_as_such(name: str, tmp_path: Path) -> None:
    assert refused(NOT_ZIPS[name], tmp_path).reason is Refusal.NOT_A_ZIP


def test_archive_without_entries_is_refused_as_empty(tmp_path: Path) -> None:
    assert refused(archive(), tmp_path).reason is Refusal.EMPTY


def test_unzipped_size_may_reach_the_limit_and_not_pass_it(tmp_path: Path) -> None:
    limits = PackageLimits(unzipped_bytes=3 * MIB)
    (tmp_path / "fits").mkdir()
    fits = archive(Part(name=b"a", content=b"\0" * MIB), Part(name=b"b", content=b"\0" * 2 * MIB))
    bomb = archive(Part(name=b"a", content=b"\0" * MIB), Part(name=b"b", content=b"\0" * (2 * MIB + 1)))

    assert extract(fits, tmp_path / "fits", limits).unzipped_bytes == 3 * MIB
    with pytest.raises(PackageRefused) as caught:
        inspect(bomb, limits)
    assert caught.value.reason is Refusal.TOO_LARGE


def test_bytes_are_counted_as_written_when_headers_lie(tmp_path: Path) -> None:
    lying = archive(*(Part(name=b"%d" % i, content=b"\0" * MIB, size=1) for i in range(8)))

    refused(lying, tmp_path, PackageLimits(unzipped_bytes=MIB // 2))

    assert sum(path.stat().st_size for path in (tmp_path / "package").rglob("*")) <= MIB // 2


def test_entries_and_implied_directories_are_limited(tmp_path: Path) -> None:
    many = archive(*(Part(name=b"%d" % i, method=0) for i in range(11)))
    deep = archive(*(Part(name=b"%d/" % i + b"d/" * 50 + b"f", method=0) for i in range(10)))

    assert refused(many, tmp_path, PackageLimits(entries=10)).reason is Refusal.UNSAFE
    with pytest.raises(PackageRefused):
        inspect(deep, PackageLimits(nodes=100))


def test_links_that_expand_each_other_end_quickly(tmp_path: Path) -> None:
    winding = archive(*(link(b"l%d" % i, b"./" * 2000 + b"l%d" % (i + 1)) for i in range(2000)))
    (tmp_path / "package").mkdir()

    with pytest.raises(PackageRefused, match="wind too much"):
        extract(winding, tmp_path / "package")


def test_everything_inspect_lets_through_extract_bounds(tmp_path: Path) -> None:
    zip64 = archive64(replace(PLAIN, content=b"z" * 5000))
    (tmp_path / "package").mkdir()

    assert inspect(zip64).unzipped_bytes == 5000
    assert extract(zip64, tmp_path / "package").unzipped_bytes == 5000


def sample_archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("app.py", "import lib\n" * 30)
        file.writestr("lib/", "")
        file.writestr("lib/data.bin", random.Random(1).randbytes(2000), zipfile.ZIP_STORED)
        linked = zipfile.ZipInfo("lib/link")
        linked.external_attr = 0o120777 << 16
        file.writestr(linked, "data.bin")
    return stream.getvalue()


SAMPLES = (sample_archive(), archive64(PLAIN), archive(PLAIN, link(b"l", b"app.py"), prefix=b"#!/bin/sh\n"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sample=st.sampled_from(SAMPLES),
    edits=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=6)), max_size=6),
    cut=st.integers(0, 400),
)
@example(sample=SAMPLES[0], edits=[], cut=0)
def test_mutated_archive_is_unpacked_inside_or_refused(
    tmp_path_factory: pytest.TempPathFactory, sample: bytes, edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(sample)
    for anywhere, new in edits:
        place = anywhere % len(data)
        data[place : place + len(new)] = new
    base = tmp_path_factory.mktemp("mutant")
    destination = base / "package"
    destination.mkdir()

    with contextlib.suppress(PackageRefused):
        extract(bytes(data[: len(data) - cut]), destination, PackageLimits(unzipped_bytes=MIB))

    assert names(base) == ["package"]
    for path in destination.rglob("*"):
        assert path.resolve().is_relative_to(destination) or path.is_symlink()
        if path.is_symlink():
            assert Path(os.path.normpath(path.parent / link_target(path))).is_relative_to(destination)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(PackageRefused):
        inspect(data + b"PK\5\6" + data[:18])
