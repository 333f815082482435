"""sandboxes: the driver alone. How long a start takes, how many a second, what an idle one costs, freezing.

A start of an interpreter is set against the same interpreter as a bare subprocess, in turns. No runtime client and no
server: what scenario `cold` measures lies on top.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.statistics_of_pairs import judged, percentile, ratio
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.sandbox import Bind, Sandbox, SandboxDriver, SandboxSpec

STARTS = 40
BURST = 200
DENSITY = 300
IDLE = "import time; print(1, flush=True); time.sleep(3600)"


class Ground:
    """A root filesystem around the interpreter that runs this, and specs on it."""

    def __init__(self, folder: Path, driver: SandboxDriver) -> None:
        self.driver = driver
        self._root = folder / "root"
        self._count = 0
        for name in ("usr", "proc", "dev", "tmp", "opt", "var/task", "var/lang"):
            (self._root / name).mkdir(parents=True)
        for name in ("bin", "lib", "lib64"):
            (self._root / name).symlink_to(f"usr/{name}")

    def spec(self, *argv: str) -> SandboxSpec:
        self._count += 1
        return SandboxSpec(
            sandbox_id=f"b{self._count}",
            root=self._root,
            binds=(Bind(Path("/usr"), "/usr"), Bind(Path(sys.base_prefix), "/var/lang")),
            argv=argv,
            env={"PATH": "/var/lang/bin:/usr/bin", "LD_LIBRARY_PATH": "/var/lang/lib"},
            memory_bytes=256 << 20,
            cpu_fraction=1.0,
            tmp_bytes=512 << 20,
        )

    @asynccontextmanager
    async def sandbox(self, *argv: str) -> AsyncIterator[Sandbox]:
        sandbox = await self.driver.start(self.spec(*argv))
        try:
            yield sandbox
        finally:
            await end(sandbox)


async def end(sandbox: Sandbox) -> None:
    await sandbox.kill()
    os.close(sandbox.output_fd)


def figures(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    marks = {"min": 0.0, "p25": 0.25, "median": 0.5, "p90": 0.9}
    return {name: round(percentile(ordered, fraction), 2) for name, fraction in marks.items()}


async def ready(ground: Ground, pause: float) -> float:
    """Milliseconds from the request to a started program (a shell that waits)."""
    await asyncio.sleep(pause)
    started = time.perf_counter()
    async with ground.sandbox("/bin/sh", "-c", "read line"):
        return (time.perf_counter() - started) * 1000


async def python_inside(ground: Ground) -> float:
    await asyncio.sleep(0.03)
    started = time.perf_counter()
    async with ground.sandbox("/var/lang/bin/python3", "-c", "pass") as sandbox:
        await sandbox.runtime.wait()
        return (time.perf_counter() - started) * 1000


async def python_bare() -> float:
    await asyncio.sleep(0.03)
    started = time.perf_counter()
    environment = {"PATH": "/usr/bin", "HOME": "/nonexistent"}
    program = f"{sys.base_prefix}/bin/python3"
    process = await asyncio.create_subprocess_exec(program, "-c", "pass", env=environment)
    await process.wait()
    return (time.perf_counter() - started) * 1000


async def burst(ground: Ground, at_once: int) -> float:
    """Sandboxes a second, started `at_once` at a time and ended."""
    gate = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with gate, ground.sandbox("/bin/true"):
            return

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(BURST)))
    return BURST / (time.perf_counter() - started)


async def density(ground: Ground) -> dict[str, float]:
    """What idle sandboxes cost: memory of the machine for each, and freezing."""
    before = available_kib()
    sandboxes = [
        await ground.driver.start(ground.spec("/var/lang/bin/python3", "-I", "-S", "-c", IDLE)) for _ in range(DENSITY)
    ]
    await asyncio.sleep(1)
    cost = (before - available_kib()) / DENSITY
    freezing, thawing = [], []
    for sandbox in sandboxes:
        freezing.append(_timed(sandbox.freeze))
        thawing.append(_timed(sandbox.thaw))
    ending = time.perf_counter()
    await asyncio.gather(*(end(sandbox) for sandbox in sandboxes))
    return {
        "alive": DENSITY,
        "kib_each": round(cost),
        "freeze_ms": figures(freezing)["median"],
        "thaw_ms": figures(thawing)["median"],
        "end_all_seconds": round(time.perf_counter() - ending, 2),
    }


def _timed(action: Any) -> float:  # Any: a method without arguments
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def available_kib() -> int:
    text = Path("/proc/meminfo").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("MemAvailable")))


def _resident_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS")))


async def measure(folder: Path, options: Options) -> dict[str, Any]:
    driver = await open_driver(None, folder / "state")
    try:
        ground = Ground(folder, driver)
        await asyncio.sleep(0.2)
        spaced = [await ready(ground, 0.03) for _ in range(STARTS)]
        inside, bare = [], []
        for _ in range(max(options.pairs, STARTS)):
            inside.append(await python_inside(ground))
            bare.append(await python_bare())
        rates = {f"at_once_{count}": round(await burst(ground, count)) for count in (1, 2, 8)}
        result: dict[str, Any] = {
            "driver": driver.name,
            "ready_ms": figures(spaced),
            "python_ms": figures(inside),
            "python_bare_ms": figures(bare),
            "python_over_bare": ratio(inside, bare),
            "starts_per_second": rates,
            "density": await density(ground),
        }
        if isinstance(driver, NamespaceDriver):
            result["spawner_kib"] = _resident_kib((await driver.spawner()).pid)
    finally:
        await driver.close()
    result["bounds"] = [
        judged("python start over a bare subprocess", result["python_over_bare"]["median"], 1.3, at_most=True),
        judged("sandbox set-ups per second", max(rates.values()), 250, at_most=False),
    ]
    return result


def run(folder: Path, options: Options) -> dict[str, Any]:
    return asyncio.run(measure(folder, options))
