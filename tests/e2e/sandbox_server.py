"""A server in small, to be killed: opens the driver at STATE, keeps COUNT sandboxes (every other one frozen) and waits.

Prints one JSON line when all are up. Started as a program by the tests of what a death leaves behind, with the folder
of a House as PLACE.
"""

import asyncio
import json
import sys
from pathlib import Path

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.sandbox import Bind, SandboxSpec


def spec(place: Path, number: int, *argv: str) -> SandboxSpec:
    return SandboxSpec(
        sandbox_id=f"s{number}",
        root=place / "root",
        binds=(Bind(Path("/usr"), "/usr"),),
        argv=argv,
        env={"PATH": "/usr/bin"},
        memory_bytes=256 << 20,
        cpu_fraction=1.0,
        tmp_bytes=512 << 20,
    )


async def main(place: Path, count: int) -> None:
    driver = await NamespaceDriver.open(place / "state", blanks=2)
    sandboxes = [
        await driver.start(spec(place, number, "/bin/sleep", f"{count}.{sys.argv[3]}")) for number in range(count)
    ]
    for sandbox in sandboxes[::2]:
        sandbox.freeze()
    spawner = await driver.spawner()
    print(json.dumps({"spawner": spawner.pid, "sandboxes": len(sandboxes)}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
