"""Chooses the isolation driver: namespaces with root, namespaces without, and as a last resort bare processes.

The only module that knows every driver. Must not know what is run in them.
"""

from pathlib import Path

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.sandbox import SandboxDriver, SandboxFailed

DRIVERS = ("namespaces", "process")


async def open_driver(name: str | None, state_dir: Path) -> SandboxDriver:
    """Open the driver called `name`, or the strongest one that this machine can run. Raises SandboxFailed."""
    if name not in {None, *DRIVERS}:
        raise SandboxFailed(f"There is no sandbox driver {name!r}; there are: {', '.join(DRIVERS)}.")
    return await NamespaceDriver.open(state_dir)
