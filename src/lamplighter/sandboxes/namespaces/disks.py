"""Images for a /tmp on disk: one empty ext4 filesystem per size, made once by mkfs.ext4 and copied for each sandbox.

The image is a little larger than asked for, by what ext4 needs for itself, so that the function gets every byte of
the size. Must not know how the image is mounted.
"""

import asyncio
import logging
import os
import shutil
from pathlib import Path

_log = logging.getLogger(__name__)
_MIB = 1024 * 1024
USUAL_BYTES = 512 * _MIB
_BYTES_PER_INODE = 16_384
_INODE_BYTES = 256
_FEATURES = "^has_journal,^metadata_csum,^resize_inode"


class DiskImages:
    """The images of one state directory. `reason` says why there can be none on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[int, Path | None] = {}
        self._making = asyncio.Lock()
        self._mkfs = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        self.reason = self._why_not()

    def _why_not(self) -> str:
        if os.geteuid() != 0:
            return "mounting a disk image needs root"
        if self._mkfs is None:
            return "mkfs.ext4 is not installed (apt-get install e2fsprogs)"
        if not Path("/dev/loop-control").exists():
            return "this machine has no loop devices"
        return ""

    async def get(self, size_bytes: int) -> Path | None:
        """The image for a /tmp of this size; None where /tmp has to lie in memory."""
        if self.reason:
            return None
        if size_bytes not in self._known:
            async with self._making:
                if size_bytes not in self._known:
                    self._known[size_bytes] = await self._make(size_bytes)
        return self._known[size_bytes]

    async def _make(self, size_bytes: int) -> Path | None:
        image = self._directory / f"{size_bytes}.ext4"
        if image.exists():
            return image
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = image.with_suffix(f".{os.getpid()}")
        with draft.open("wb") as file:
            file.truncate(image_bytes(size_bytes))
        options = ("-q", "-F", "-m", "0", "-O", _FEATURES, "-i", str(_BYTES_PER_INODE), "-I", str(_INODE_BYTES))
        packed = ("-E", "lazy_itable_init=1,packed_meta_blocks=1")
        mkfs = await asyncio.create_subprocess_exec(
            *(str(self._mkfs), *options, *packed, str(draft)), stderr=asyncio.subprocess.PIPE
        )
        _, errors = await mkfs.communicate()
        if mkfs.returncode != 0:
            self.reason = f"mkfs.ext4 failed: {errors.decode(errors='replace').strip()}"
            _log.warning("the /tmp of functions lies in memory: %s", self.reason)
            draft.unlink()
            return None
        await self._remove_lost_and_found(draft)
        draft.rename(image)
        return image

    async def _remove_lost_and_found(self, image: Path) -> None:
        """Once here, rather than in every sandbox; where debugfs is missing the launcher does it."""
        debugfs = Path(str(self._mkfs)).with_name("debugfs")
        if debugfs.exists():
            quiet = asyncio.subprocess.DEVNULL
            command = (str(debugfs), "-w", "-R", "rmdir lost+found", str(image))
            await (await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)).wait()


def image_bytes(size_bytes: int) -> int:
    """How large an image must be so that its filesystem has room for `size_bytes`."""
    inodes = size_bytes // _BYTES_PER_INODE * _INODE_BYTES
    bitmaps = size_bytes // 8192
    reserved = min(size_bytes // 50, 16 * _MIB)  # the kernel keeps it for delayed allocation
    return (size_bytes + inodes + bitmaps + reserved + 4 * _MIB) // _MIB * _MIB
