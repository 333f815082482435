"""Runs without root, by an interpreter that such a user may read: opens the driver at PLACE/state, runs each command of
the JSON list on standard input in a sandbox and prints, as JSON, what holds and what the commands said.

Standard library and lamplighter.sandboxes only.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.sandbox import Bind, SandboxSpec


async def main(place: Path, commands: list[list[str]]) -> None:
    driver = await NamespaceDriver.open(place / "state", blanks=1)
    answers = []
    for number, argv in enumerate(commands):
        sandbox = await driver.start(
            SandboxSpec(
                sandbox_id=f"s{number}",
                root=place / "root",
                binds=(Bind(Path("/usr"), "/usr"), Bind(place / "code", "/var/task")),
                layers=(place / "layers/one", place / "layers/two"),
                argv=tuple(argv),
                env={"PATH": "/usr/bin"},
                memory_bytes=128 << 20,
                cpu_fraction=0.5,
                tmp_bytes=16 << 20,
                processes=64,
            )
        )
        exit_ = await asyncio.wait_for(sandbox.runtime.wait(), 30)
        await sandbox.kill()
        output = b""
        while part := os.read(sandbox.output_fd, 65536):
            output += part
        answers.append({"code": exit_.code, "signal": exit_.signal, "output": output.decode(errors="replace")})
    isolation = {feature.name: feature.holds for feature in driver.isolation}
    await driver.close()
    print(json.dumps({"uid": os.getuid(), "isolation": isolation, "answers": answers}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.load(sys.stdin)))
