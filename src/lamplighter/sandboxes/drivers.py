"""Chooses the isolation driver: namespaces (with root, or without), and as a last resort plain processes.

The only module that knows every driver. Must not know what is run in them.
"""

import logging
from pathlib import Path

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.network import Network
from lamplighter.sandboxes.process.driver import ProcessDriver
from lamplighter.sandboxes.sandbox import SandboxDriver, SandboxFailed, StateInUse

_log = logging.getLogger(__name__)

DRIVERS = ("namespaces", "process")


async def open_driver(name: str | None, state_dir: Path, network: Network | None = None) -> SandboxDriver:
    """Open the driver called `name`, or the strongest one that this machine can run. Raises SandboxFailed.

    `network` connects sandboxes; the driver `process` leaves the host's network to its functions anyway.
    """
    if name not in {None, *DRIVERS}:
        raise SandboxFailed(f"There is no sandbox driver {name!r}; there are: {', '.join(DRIVERS)}.")
    if name == "process":
        return await ProcessDriver.open(state_dir)
    try:
        return await NamespaceDriver.open(state_dir, network=network)
    except StateInUse:
        raise
    except SandboxFailed as error:
        if name is not None:
            raise
        _log.warning("NO ISOLATION: functions run as plain processes, because namespaces cannot be had: %s", error)
        return await ProcessDriver.open(state_dir)
