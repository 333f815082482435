"""Runtimes installed when a function first asks for one that this machine's own interpreters can give.

Only the host's interpreters are used unasked: anything larger is the operator's decision (`lamplighter runtime add`).
Must not know functions.
"""

import asyncio
import logging

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.identifiers import UnknownIdentifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.runtime import Runtime, RuntimeMissing

_log = logging.getLogger(__name__)
_SOURCE = "host"
# After a failure nobody tries again so soon: a missing interpreter does not appear by asking.
_PAUSE_SECONDS = 60.0


class RuntimesOnDemand:
    """A directory of runtimes that fills itself, one installation at a time for each name."""

    def __init__(self, directory: RuntimeDirectory) -> None:
        self._directory = directory
        self._installing: dict[str, asyncio.Task[None]] = {}
        self._failed_at: dict[str, float] = {}

    def get(self, name: str) -> Runtime:
        """The installed runtime. Raises RuntimeMissing."""
        return self._directory.get(name)

    async def ensure(self, name: str) -> None:
        """Return when the runtime is there, or cannot be had; `get` then says which."""
        try:
            self._directory.get(name)
        except RuntimeMissing:
            installing = self._installing.get(name)
            if installing is None and not self._has_just_failed(name):
                installing = asyncio.get_running_loop().create_task(self._install(name), name=f"install {name}")
                self._installing[name] = installing
                installing.add_done_callback(lambda _: self._installing.pop(name, None))
            if installing is not None:
                await asyncio.shield(installing)

    def _has_just_failed(self, name: str) -> bool:
        return self._failed_at.get(name, float("-inf")) + _PAUSE_SECONDS > asyncio.get_running_loop().time()

    async def _install(self, name: str) -> None:
        try:
            await asyncio.to_thread(self._directory.add, name, _SOURCE)
        except (ImportFailed, UnknownIdentifier, RuntimeMissing, OSError) as error:
            self._failed_at[name] = asyncio.get_running_loop().time()
            _log.warning("the runtime %s could not be installed: %s", name, error)

    async def close(self) -> None:
        """Let a running installation end: half-built ones are swept by the next start anyway."""
        for installing in tuple(self._installing.values()):
            installing.cancel()
