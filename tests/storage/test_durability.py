"""What was acknowledged survives kill -9 and a power cut; a full disk refuses and recovers; a broken one stops."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from lamplighter.kernel.limits import MIB
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.packages import PackageStore
from lamplighter.storage.sqlite import SpacePolicy, SqliteStorage
from lamplighter.storage.storage import StorageFull, Transaction
from tests.storage.archives import Part, archive
from tests.storage.disks import LoopDisk, small_disk
from tests.storage.trees import names


def start_writer(directory: Path, acknowledged: Path) -> subprocess.Popen[bytes]:
    with acknowledged.open("wb") as ledger:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.storage.ledger_writer", str(directory)], stdout=ledger, stderr=subprocess.PIPE
        )


def wait_for_bytes(path: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while path.stat().st_size < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def check_ledger(directory: Path, acknowledged: list[str]) -> None:
    connection = apsw.Connection(str(directory / "lamplighter.db"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept = {row[0]: row[1] for row in connection.execute("SELECT key, value FROM record")}
    connection.close()
    assert acknowledged
    assert [key for key in acknowledged if kept.get(key) != key.encode() * 20] == []


def whole_lines(path: Path) -> list[str]:
    return path.read_text().rpartition("\n")[0].split("\n")


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kill(tmp_path: Path) -> None:
    for attempt in range(4):
        directory, acknowledged = tmp_path / "data", tmp_path / f"acknowledged-{attempt}"
        writing = start_writer(directory, acknowledged)
        try:
            wait_for_bytes(acknowledged, 2000 + 5000 * attempt)
        finally:
            writing.kill()
            writing.communicate()
        check_ledger(directory, whole_lines(acknowledged))


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_nothing_acknowledged_is_lost_by_a_power_cut_and_the_writer_stops(tmp_path: Path) -> None:
    disk = LoopDisk(tmp_path)
    try:
        for attempt in range(3):
            acknowledged = tmp_path / f"acknowledged-{attempt}"
            writing = start_writer(disk.mount_point / "data", acknowledged)
            try:
                wait_for_bytes(acknowledged, 5000)
                before_the_cut = whole_lines(acknowledged)
                disk.cut_power()
                _, complaint = writing.communicate(timeout=30)
            finally:
                writing.kill()
                writing.communicate()
            assert (writing.returncode, b"failed: writing to the database failed" in complaint) == (1, True)
            disk.replace()
            check_ledger(disk.mount_point / "data", before_the_cut)
    finally:
        disk.unmount()


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_blobs_and_packages_are_whole_after_a_power_cut(tmp_path: Path) -> None:
    disk = LoopDisk(tmp_path)
    files = [Part(name=b"%d" % i, content=b"content %d" % i) for i in range(500)]

    async def store() -> str:
        blobs = BlobStore(disk.mount_point / "blobs")
        digest = await blobs.put(archive(*files))
        await PackageStore(blobs, disk.mount_point / "packages").unpack(digest)
        return digest

    try:
        digest = asyncio.run(store())
        disk.cut_power()
        disk.replace()
        package = disk.mount_point / "packages" / digest
        assert names(disk.mount_point / "blobs" / digest[:2]) == [digest]
        assert {path.name: path.read_bytes() for path in package.iterdir()} == {
            file.name.decode(): file.content for file in files
        }
    finally:
        disk.unmount()


def put(key: str, size: int) -> Callable[[Transaction], None]:
    return lambda tx: tx.put("functions", key, bytes(size))


async def fill(storage: SqliteStorage, prefix: str) -> int:
    """The number of records that fitted."""
    for count in range(10_000):
        try:
            await storage.transact(put(f"{prefix}{count}", MIB // 2))
        except StorageFull:
            return count
    raise AssertionError("the disk never filled up")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("low_water_mib", [0, 8])
async def test_full_disk_refuses_new_writes_keeps_old_ones_and_recovers(low_water_mib: int, tmp_path: Path) -> None:
    policy = SpacePolicy(reserve_bytes=4 * MIB, low_water_bytes=low_water_mib * MIB)
    with small_disk(tmp_path / "disk", 48) as disk:
        storage = SqliteStorage.open(disk / "data", space=policy)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(10 * MIB))
        fitted = await fill(storage, "a")
        if low_water_mib == 0:
            with contextlib.suppress(OSError):
                (disk / "neighbour").write_bytes(bytes(48 * MIB))  # somebody else takes the very last byte

        assert len(storage.list("functions", "a")) == fitted > 0
        assert await storage.transact(lambda tx: tx.delete("functions", "a0"))
        await storage.transact(put("finished", 100), completes=True)
        with pytest.raises(StorageFull):
            await storage.transact(put("new", MIB))

        ballast.unlink()
        (disk / "neighbour").unlink(missing_ok=True)
        await storage.transact(put("new", 100))
        assert storage.get("functions", "finished") == bytes(100)
        assert (disk / "data/reserve").stat().st_size == 4 * MIB
        await storage.close()

        reopened = SqliteStorage.open(disk / "data", space=policy)
        assert len(reopened.list("functions", "")) == fitted + 1
        await reopened.close()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_full_disk_can_be_opened_again_and_recovers(tmp_path: Path) -> None:
    policy = SpacePolicy(reserve_bytes=4 * MIB, low_water_bytes=2 * MIB)
    with small_disk(tmp_path / "disk", 32) as disk:
        storage = SqliteStorage.open(disk / "data", space=policy)
        await storage.transact(put("kept", 100))
        await storage.close()
        with contextlib.suppress(OSError):
            (disk / "neighbour").write_bytes(bytes(32 * MIB))

        storage = SqliteStorage.open(disk / "data", space=policy)
        assert storage.get("functions", "kept") == bytes(100)
        with pytest.raises(StorageFull):
            await storage.transact(put("new", 100))
        (disk / "neighbour").unlink()
        await storage.transact(put("new", 100))
        await storage.close()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_blob_and_package_on_a_full_disk_leave_nothing_half_done(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        blobs = BlobStore(disk / "blobs")
        packages = PackageStore(blobs, disk / "packages")
        digest = await blobs.put(archive(Part(name=b"big", content=bytes(10 * MIB))))

        with pytest.raises(StorageFull):
            await blobs.put(bytes(9 * MIB))
        with pytest.raises(StorageFull):
            await packages.unpack(digest)

        assert (names(disk / "packages"), names(disk / "blobs/temporary")) == ([], [])
