"""Blanks, the prepared launchers, copy the host's mounts; yet a disk that the host unmounts is free at once."""

import os
from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from tests.live_sandboxes import is_root, state_directory, until
from tests.storage.disks import LoopDisk

pytestmark = pytest.mark.skipif(not is_root(), reason="needs root")


def _device_of(mount_point: Path) -> str:
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return next(device for device, place, *_ in lines if place == str(mount_point))


def _holders(mount_point: Path) -> list[str]:
    """Processes in whose view the disk is still mounted."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(mount_point) in (entry / "mountinfo").read_text():
                found.append(entry.name)
        except OSError:
            continue
    return found


def _can_be_taken_away(device: str) -> bool:
    """Whether nobody uses the file system any more: its loop device has gone, or can be had for oneself."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
    except OSError:
        return not Path("/sys/block", Path(device).name, "loop").exists()
    return True


async def test_a_disk_that_the_host_unmounts_is_not_kept_by_waiting_blanks(tmp_path: Path) -> None:
    with state_directory() as place:
        driver = await NamespaceDriver.open(place / "state", blanks=3)
        disk = LoopDisk(tmp_path, 16)
        device = _device_of(disk.mount_point)
        try:
            assert not _can_be_taken_away(device)
            disk.unmount()
            await until(lambda: not _holders(disk.mount_point))
            await until(lambda: _can_be_taken_away(device))
        finally:
            if disk.mount_point.is_mount():
                disk.unmount()
            await driver.close()
