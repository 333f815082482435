"""What makes an environment start quickly on this machine: zygotes, where memory images can be taken.

Must not know how images are made, nor who starts environments.
"""

import dataclasses
from pathlib import Path

from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.zygotes import Zygotes
from lamplighter.kernel.ids import Ids
from lamplighter.sandboxes.memory_images.images import MemoryImages
from lamplighter.sandboxes.runtimes.runtime import Runtime
from lamplighter.sandboxes.sandbox import SandboxDriver

_DRIVER = "namespaces"  # the only one whose sandboxes have the same paths for every process of an image


class FastStarts:
    """`equip` every blueprint before its environment starts. Images are kept in `directory` until `close`."""

    def __init__(self, driver: SandboxDriver, directory: Path, ids: Ids, *, has_zygotes: bool) -> None:
        self._images = MemoryImages(directory)
        can_have = has_zygotes and driver.name == _DRIVER
        self._zygotes = Zygotes(driver, self._images, ids) if can_have else None

    def warm(self, account_id: str, runtime: Runtime) -> None:
        """This account is going to use the runtime."""
        if self._zygotes is not None:
            self._zygotes.begin(account_id, runtime)

    def is_warm(self, account_id: str, runtime: Runtime) -> bool:
        """Whether starts of this runtime are quick by now."""
        return self._zygotes is not None and self._zygotes.is_there(account_id, runtime)

    def equip(self, blueprint: Blueprint) -> Blueprint:
        """The blueprint with the image that its next environment may be made of; a plain start without."""
        image = None if self._zygotes is None else self._zygotes.image_for(blueprint)
        return blueprint if image is None else dataclasses.replace(blueprint, image=image)

    async def close(self) -> None:
        if self._zygotes is not None:
            await self._zygotes.close()
        await self._images.close()
