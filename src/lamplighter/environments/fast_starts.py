"""What makes an environment start quickly on this machine: zygotes and SnapStart, where memory images can be taken.

Must not know how images are made, nor who starts environments.
"""

import dataclasses
from pathlib import Path

from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.journal import Logs
from lamplighter.environments.snap_start import SnapStart
from lamplighter.environments.zygotes import Zygotes
from lamplighter.kernel.clock import Clock, SystemClock
from lamplighter.kernel.ids import Ids, RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.rules import takes_snapshot
from lamplighter.sandboxes.memory_images.images import MemoryImages
from lamplighter.sandboxes.runtimes.runtime import Runtime
from lamplighter.sandboxes.sandbox import SandboxDriver

_DRIVER = "namespaces"  # the only one whose sandboxes have the same paths for every process of an image


class FastStarts:
    """`equip` every blueprint before its environment starts. Images are kept in `directory` until `close`."""

    def __init__(
        self,
        driver: SandboxDriver,
        directory: Path,
        *,
        logs: Logs,
        clock: Clock | None = None,
        ids: Ids | None = None,
        limits: Limits | None = None,
        has_zygotes: bool = True,
    ) -> None:
        self._images = MemoryImages(directory)
        self._images.remove_left_overs()
        has_images = driver.name == _DRIVER
        ids = ids or RandomIds()
        self._zygotes = Zygotes(driver, self._images, ids) if has_images and has_zygotes else None
        images = self._images if has_images else None
        self._snap_start = SnapStart(driver, images, logs, clock or SystemClock(), ids, limits or Limits())
        self.version_changed = self._snap_start.version_changed

    def warm(self, account_id: str, runtime: Runtime) -> None:
        """This account is going to use the runtime."""
        if self._zygotes is not None:
            self._zygotes.begin(account_id, runtime)

    def is_warm(self, account_id: str, runtime: Runtime) -> bool:
        """Whether starts of this runtime are quick by now."""
        return self._zygotes is not None and self._zygotes.is_there(account_id, runtime)

    async def initialise(self, blueprint: Blueprint) -> None:
        """Once for a published version with SnapStart. Raises InitFailed, SandboxFailed."""
        await self._snap_start.initialise(blueprint)

    def equip(self, blueprint: Blueprint) -> Blueprint:
        """The blueprint with the image that its next environment may be made of; a plain start without."""
        if takes_snapshot(blueprint.configuration):
            return self._snap_start.equip(blueprint)
        image = None if self._zygotes is None else self._zygotes.image_for(blueprint)
        return blueprint if image is None else dataclasses.replace(blueprint, image=image)

    async def close(self) -> None:
        await self._snap_start.close()
        if self._zygotes is not None:
            await self._zygotes.close()
        await self._images.close()
