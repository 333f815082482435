"""What a package held, its directory holds: names, bytes, modes, times, links, empty directories."""

import io
import os
import random
import shutil
import stat
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from lamplighter.storage.zip_extractor import extract
from tests.storage.archives import Part, archive, archive64, link, timestamp
from tests.storage.trees import link_target, names

PLAIN = Part(name=b"app.py", content=b"print()\n")


def unpack(data: bytes, tmp_path: Path) -> Path:
    destination = tmp_path / "package"
    destination.mkdir()
    extract(data, destination)
    return destination


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_permissions_are_kept_without_set_id_and_sticky_bits(tmp_path: Path) -> None:
    parts = {b"plain": 0o100644, b"run": 0o100755, b"private": 0o100600, b"setuid": 0o104755, b"all": 0o107777}

    package = unpack(archive(*(Part(name=name, mode=bits) for name, bits in parts.items())), tmp_path)

    assert {path.name: mode(path) for path in package.iterdir()} == {
        "plain": 0o644, "run": 0o755, "private": 0o600, "setuid": 0o755, "all": 0o777,
    }  # fmt: skip


def test_archive_without_permissions_gives_readable_files(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("written.py", "x")
        file.writestr("folder/", "")
    windows = archive(Part(name=b"windows.py", mode=0, host=0), Part(name=b"w/", mode=0, host=0))

    written = unpack(stream.getvalue(), tmp_path)
    (tmp_path / "w").mkdir()
    from_windows = unpack(windows, tmp_path / "w")

    assert (mode(written / "written.py"), mode(from_windows / "windows.py"), mode(from_windows / "w")) == (
        0o644, 0o644, 0o755,
    )  # fmt: skip


def test_directories_keep_their_mode_and_stay_removable(tmp_path: Path) -> None:
    closed = Part(name=b"closed/", mode=0o40000 | 0o055, method=0)

    package = unpack(archive(closed, Part(name=b"closed/f"), Part(name=b"implied/f")), tmp_path)

    assert (mode(package / "closed"), mode(package / "implied")) == (0o755, 0o755)
    shutil.rmtree(package)


def test_times_are_read_as_utc_or_taken_from_the_extended_timestamp(tmp_path: Path) -> None:
    parts = (
        PLAIN,
        replace(PLAIN, name=b"exact", extra=timestamp(1_700_000_001)),
        replace(PLAIN, name=b"none", dos_date=0, dos_time=0),
        Part(name=b"folder/", mode=0o40755, method=0, extra=timestamp(1_600_000_000)),
        Part(name=b"folder/later", extra=timestamp(1_700_000_000)),
        replace(link(b"folder/link", b"later"), extra=timestamp(1_650_000_000)),
    )

    package = unpack(archive(*parts), tmp_path)

    assert {str(path.relative_to(package)): int(path.lstat().st_mtime) for path in package.rglob("*")} == {
        "app.py": 1_709_210_096,  # 2024-02-29 12:34:56 UTC
        "exact": 1_700_000_001,
        "none": 315_532_800,
        "folder": 1_600_000_000,
        "folder/later": 1_700_000_000,
        "folder/link": 1_650_000_000,
    }


def test_links_inside_stay_links(tmp_path: Path) -> None:
    parts = (
        Part(name=b"lib/v1/lib.so.1", content=b"elf"),
        link(b"lib/current", b"v1"),
        link(b"bin/lib.so", b"../lib/current/lib.so.1"),
        link(b"dangling", b"lib/v2/missing"),
        link(b"loop", b"loop"),
    )

    package = unpack(archive(*parts), tmp_path)

    assert (package / "bin/lib.so").read_bytes() == b"elf"
    assert link_target(package / "bin/lib.so") == "../lib/current/lib.so.1"
    assert link_target(package / "dangling") == "lib/v2/missing"
    assert link_target(package / "loop") == "loop"


@pytest.mark.parametrize(
    ("raw", "flags", "host", "name"),
    [
        (b"caf\xc3\xa9.py", 0x800, 0, "café.py"),
        (b"caf\xc3\xa9.py", 0, 3, "café.py"),
        (b"caf\x82.py", 0, 0, "café.py"),
        (b"caf\x82.py", 0, 3, "café.py"),
        (b"line\nbreak", 0, 3, "line\nbreak"),
        (b"./a//b", 0, 3, "a"),
    ],
)
def test_names_are_decoded_as_their_writer_meant(raw: bytes, flags: int, host: int, name: str, tmp_path: Path) -> None:
    package = unpack(archive(replace(PLAIN, name=raw, flags=flags, host=host)), tmp_path)

    assert names(package) == [name]


def test_archive_behind_a_prefix_is_read(tmp_path: Path) -> None:
    package = unpack(archive(PLAIN, prefix=b"#!/usr/bin/env python3\n", comment=b"made by hand"), tmp_path)

    assert (package / "app.py").read_bytes() == PLAIN.content


def test_zip64_archive_is_read(tmp_path: Path) -> None:
    package = unpack(archive64(replace(PLAIN, content=b"big" * 1000)), tmp_path)

    assert (package / "app.py").read_bytes() == b"big" * 1000


@pytest.mark.parametrize("size", [0, 1, 65_535, 1_048_576, 1_048_577, 3_000_000])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_content_of_any_size_comes_out_the_same(size: int, method: int, tmp_path: Path) -> None:
    content = random.Random(size).randbytes(size // 2).ljust(size, b"\0")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        file.writestr("f", content)

    assert (unpack(stream.getvalue(), tmp_path) / "f").read_bytes() == content


def test_streamed_archive_with_data_descriptors_is_read(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        """Not seekable, so that zipfile writes sizes behind the data."""

        def __init__(self) -> None:
            self.taken = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]  # any buffer
            self.taken += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", b"one" * 100)
        file.writestr("b", b"two" * 100)

    package = unpack(bytes(pipe.taken), tmp_path)

    assert (package / "b").read_bytes() == b"two" * 100


@pytest.mark.skipif(shutil.which("zip") is None, reason="Info-ZIP is not installed")
def test_archive_of_info_zip_comes_out_as_it_went_in(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "empty").mkdir(parents=True)
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    (source / "alias").symlink_to("tool")
    os.utime(source / "tool", (1_500_000_001, 1_500_000_001))
    subprocess.run(["zip", "-qry", "../source.zip", "."], cwd=source, check=True)

    package = unpack((tmp_path / "source.zip").read_bytes(), tmp_path)

    assert names(package) == ["alias", "empty", "tool"]
    assert link_target(package / "alias") == "tool"
    assert (mode(package / "tool"), int((package / "tool").stat().st_mtime)) == (0o755, 1_500_000_001)
