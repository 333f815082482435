"""A package is unpacked once, appears complete or not at all, and survives a kill in the middle."""

import asyncio
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamplighter.storage.blobs import BlobDamaged, BlobMissing, BlobStore
from lamplighter.storage.packages import PackageStore
from lamplighter.storage.zip_extractor import PackageRefused, Refusal
from tests.storage.archives import Part, archive
from tests.storage.trees import names

CODE = archive(Part(name=b"app.py", content=b"print()\n"), Part(name=b"lib/x.py", content=b"x = 1\n"))


def stores(directory: Path) -> tuple[BlobStore, PackageStore]:
    blobs = BlobStore(directory / "blobs")
    return blobs, PackageStore(blobs, directory / "packages")


async def test_package_is_unpacked_once_for_callers_at_the_same_time(tmp_path: Path) -> None:
    blobs, packages = stores(tmp_path)
    digest = await blobs.put(CODE)

    paths = await asyncio.gather(*(packages.unpack(digest) for _ in range(8)))
    inode = paths[0].stat().st_ino
    again = await packages.unpack(digest)

    assert {*paths, again} == {tmp_path / "packages" / digest}
    assert (again.stat().st_ino, (again / "app.py").read_bytes()) == (inode, b"print()\n")
    assert names(tmp_path / "packages") == [digest]


async def test_other_users_may_read_packages(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        blobs, packages = stores(tmp_path / "data")
        path = await packages.unpack(await blobs.put(CODE))
    finally:
        os.umask(previous)

    ways = [tmp_path / "data", tmp_path / "data/packages", path, path / "lib"]
    assert [stat.S_IMODE(way.stat().st_mode) for way in ways] == [0o755] * 4
    assert stat.S_IMODE((path / "lib/x.py").stat().st_mode) == 0o644


async def test_refused_package_leaves_nothing(tmp_path: Path) -> None:
    blobs, packages = stores(tmp_path)

    for data, reason in ((b"text", Refusal.NOT_A_ZIP), (b"", Refusal.NOT_A_ZIP), (archive(), Refusal.EMPTY)):
        with pytest.raises(PackageRefused) as caught:
            await packages.unpack(await blobs.put(data))
        assert caught.value.reason is reason

    assert names(tmp_path / "packages") == []


async def test_missing_and_damaged_blobs_are_not_unpacked(tmp_path: Path) -> None:
    blobs, packages = stores(tmp_path)
    digest = await blobs.put(CODE)
    blobs.path(digest).write_bytes(CODE.replace(b"app.py", b"bpp.py"))

    with pytest.raises(BlobDamaged):
        await packages.unpack(digest)
    with pytest.raises(BlobMissing):
        await packages.unpack("0" * 64)

    assert names(tmp_path / "packages") == []


async def test_cancelled_caller_does_not_stop_the_others(tmp_path: Path) -> None:
    blobs, packages = stores(tmp_path)
    digest = await blobs.put(CODE)

    first = asyncio.create_task(packages.unpack(digest))
    second = asyncio.create_task(packages.unpack(digest))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second / "app.py").exists()
    await packages.close()


async def test_removed_and_swept_packages_can_be_unpacked_again(tmp_path: Path) -> None:
    blobs, packages = stores(tmp_path)
    digest = await blobs.put(CODE)
    other = await blobs.put(archive(Part(name=b"other")))
    await packages.unpack(digest)
    await packages.unpack(other)

    assert await packages.remove(digest)
    assert not await packages.remove(digest)
    await packages.unpack(digest)
    assert await packages.sweep({other}) == 1

    assert names(tmp_path / "packages") == [other]
    assert (await packages.unpack(digest) / "app.py").exists()


ENDLESS_UNPACK = """
import asyncio, sys
from pathlib import Path
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.packages import PackageStore
from tests.storage.archives import Part, archive
from tests.storage.trees import names

async def main():
    blobs = BlobStore(Path(sys.argv[1], "blobs"))
    packages = PackageStore(blobs, Path(sys.argv[1], "packages"))
    digest = await blobs.put(archive(*(Part(name=b"%d" % i, content=b"x" * 50, method=0) for i in range(20000))))
    print(digest, flush=True)
    await packages.unpack(digest)

asyncio.run(main())
"""


async def test_kill_in_the_middle_leaves_no_half_package(tmp_path: Path) -> None:
    digest = await asyncio.to_thread(kill_while_unpacking, tmp_path)
    assert not (tmp_path / "packages" / digest).exists()

    _, packages = stores(tmp_path)

    assert names(tmp_path / "packages") == []
    assert len(names(await packages.unpack(digest))) == 20_000


def kill_while_unpacking(directory: Path) -> str:
    """The digest of a package whose extraction was killed after at least a hundred files."""
    unpacking = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_UNPACK, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert unpacking.stdout is not None
    with unpacking.stdout:
        digest = unpacking.stdout.readline().strip()
        deadline = time.monotonic() + 20
        while not names(directory / "packages", "temporary-*/1??"):
            assert time.monotonic() < deadline
        unpacking.kill()
        unpacking.wait()
    return digest
