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
    root filesystem; `{handler}` in it stands for the function's handler. `env` holds the runtime's own variables
    (LANG, PATH, LD_LIBRARY_PATH, PYTHONPATH, NODE_PATH, AWS_EXECUTION_ENV ...). `source` tells where it came from:
    host or debian.
    """

    name: str
    version: str
    source: str
    root: Path
    binds: tuple[Bind, ...] = ()
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    may_be_zygote: bool = False


class RuntimeMissing(Exception):
    """The identifier is one of Lambda's, but this machine has no such runtime installed; says how to add it."""
