"""Small real file systems for tests: one that fills up, and one whose power can be cut. Both need root."""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_FS_IOC_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSHING_THE_JOURNAL = (2).to_bytes(4, "little")


@contextlib.contextmanager
def small_disk(mount_point: Path, mebibytes: int) -> Iterator[Path]:
    mount_point.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(mount_point))
    try:
        yield mount_point
    finally:
        _run("umount", str(mount_point))


class LoopDisk:
    """An ext4 file system in a file. `cut_power` drops everything that was not flushed."""

    def __init__(self, directory: Path, mebibytes: int = 256) -> None:
        self.mount_point = directory / "disk"
        self._image = directory / "image"
        self._count = 0
        self.mount_point.mkdir()
        with self._image.open("wb") as image:
            image.truncate(mebibytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self.mount()

    def replace(self) -> None:
        """Put what the disk holds into another machine: a sandbox of somebody else's may still hold the dead mount."""
        self.unmount()
        dead = self._image
        self._count += 1
        self._image = dead.with_name(f"image-{self._count}")
        _run("cp", "--sparse=always", str(dead), str(self._image))
        dead.unlink()
        self.mount()

    def mount(self) -> None:
        if subprocess.run(["mount", "-o", "loop", self._image, self.mount_point], check=False).returncode:
            pytest.skip("this machine cannot mount a loop device")

    def unmount(self) -> None:
        _run("umount", str(self.mount_point))

    def cut_power(self) -> None:
        descriptor = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _FS_IOC_SHUTDOWN, _WITHOUT_FLUSHING_THE_JOURNAL)
        finally:
            os.close(descriptor)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
