"""A server in small, to be killed: opens a network and a driver, keeps one connected sandbox, and waits."""

import asyncio
import os
import sys
from pathlib import Path

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.network import open_network
from lamplighter.sandboxes.network_plan import EgressPolicy
from tests.live_sandboxes import PYTHON, House, read_line


async def main(place: Path) -> None:
    network = await open_network(EgressPolicy(mode="nat", resolver="none"), place / "state")
    driver = await NamespaceDriver.open(place / "state", blanks=1, network=network)
    source = "import time; print('up', flush=True); time.sleep(600)"
    files = place / f"of-{os.getpid()}"
    files.mkdir(mode=0o755)
    sandbox = await driver.start(House(driver, files).spec(PYTHON, "-c", source, is_connected=True))
    assert await read_line(sandbox.output_fd) == "up"
    print("connected", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
