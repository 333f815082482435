"""Compiles take.c and revive.c once per source and keeps them in a directory. Must not know what they do."""

import asyncio
import hashlib
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lamplighter.sandboxes.namespaces.compiler import find_compiler

_SOURCES = Path(__file__).with_name("native")
_FLAGS = (
    *("-std=gnu17", "-O2", "-Wall", "-Wextra", "-nostdlib", "-ffreestanding", "-fno-stack-protector"),
    *("-fno-tree-loop-distribute-patterns", "-fcf-protection=none"),
)
# An address that no program, library or stack is given: see OUR_START in revive.c.
_REVIVE = ("-fPIE", "-static", "-no-pie", "-Wl,-Ttext-segment=0x1000000000", "-Wl,--build-id=none")
_TAKE = ("-fPIC", "-shared")


class ImagesUnavailable(Exception):
    """This machine cannot take memory images; says why."""


@dataclass(frozen=True, slots=True)
class Tools:
    """`take` is loaded by the process whose image is wanted, `revive` is executed to become it."""

    take: Path
    revive: Path


async def compile_tools(directory: Path) -> Tools:
    """Raises ImagesUnavailable."""
    if platform.machine() != "x86_64":
        raise ImagesUnavailable(f"memory images are written for x86_64, this machine is {platform.machine()}")
    return await asyncio.to_thread(_compile_tools, directory)


def _compile_tools(directory: Path) -> Tools:
    directory.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sorted(_SOURCES.iterdir()))).hexdigest()[:16]
    tools = Tools(directory / f"take-{digest}.so", directory / f"revive-{digest}")
    for source, flags, target in (("take.c", _TAKE, tools.take), ("revive.c", _REVIVE, tools.revive)):
        if not target.exists():
            _compile(_SOURCES / source, flags, target)
    return tools


def _compile(source: Path, flags: tuple[str, ...], target: Path) -> None:
    compiler = find_compiler()
    if compiler is None:
        raise ImagesUnavailable("there is no C compiler (apt-get install gcc libc6-dev, or pip install ziglang)")
    draft = target.with_suffix(".new")
    command = [*compiler, *_FLAGS, *flags, "-o", str(draft), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImagesUnavailable(f"{source.name} did not compile with {compiler[0]}: {done.stderr[-1000:]}")
    draft.chmod(0o755)
    draft.rename(target)
