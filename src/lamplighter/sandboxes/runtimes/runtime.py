"""What a runtime is: the root filesystem, binds, bootstrap and environment that run one `Runtime` identifier.

Must not know how a runtime came to be (host interpreter, Debian packages, later container images).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamplighter.sandboxes.sandbox import Bind


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One installed runtime.

    `name` is Lambda's identifier (python3.12, nodejs22.x, provided.al2023). `argv` is the bootstrap command inside the
    root filesystem; `{handler}` in it stands for the function's handler, `{heap}` for the KiB that a heap may take.
    `env` holds the runtime's own variables (LANG, PATH, LD_LIBRARY_PATH, PYTHONPATH, NODE_PATH, AWS_EXECUTION_ENV ...).
    `source` tells where it came from: host, debian, or the directory it was copied from.
    """

    name: str
    version: str
    source: str
    root: Path
    binds: tuple[Bind, ...] = ()
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    may_be_zygote: bool = False

    def command(self, handler: str, memory_mib: int) -> tuple[str, ...]:
        """What starts this runtime for a function with this handler and memory."""
        heap = str(heap_kib(memory_mib))
        return tuple(part.replace("{handler}", handler).replace("{heap}", heap) for part in self.argv)


def heap_kib(memory_mib: int) -> int:
    """Lambda's rule for a heap: all memory but a tenth (160 MiB at most) and a twentieth (80 MiB at most)."""
    memory = memory_mib * 1024
    return memory - min(round(memory / 10), 160 * 1024) - min(round(memory / 20), 80 * 1024)


class RuntimeMissing(Exception):
    """The identifier is one of Lambda's, but this machine has no such runtime installed; says how to add it."""
