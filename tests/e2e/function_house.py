"""Functions on a real driver with real runtimes, without storage or an API: code in, invokes out.

Used by the tests of execution environments and by nobody else.
"""

import asyncio
import dataclasses
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamplighter.aws.errors import ResourceNotFoundException
from lamplighter.environments.blueprint import Blueprint, Blueprints
from lamplighter.environments.pools import EnvironmentPools, PoolSettings
from lamplighter.invocation.door import Invocation
from lamplighter.invocation.request import InvokeRequest, InvokeResult, ResolvedFunction
from lamplighter.kernel.ids import RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.sandbox import SandboxDriver
from tests.live_sandboxes import link_launcher

ACCOUNT = "000000000000"
REGION = "us-east-1"
RUNTIMES = Path(__file__).parents[2] / ".cache" / "runtimes"


def is_root() -> bool:
    return os.geteuid() == 0


class KeptLogs:
    """Log streams in memory, by (log group, log stream)."""

    def __init__(self) -> None:
        self.streams: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def open(self, account_id: str, region: str, log_group: str, log_stream: str) -> "KeptLogs.Stream":
        return KeptLogs.Stream(self.streams.setdefault((log_group, log_stream), []))

    def messages(self) -> list[str]:
        return [message for stream in self.streams.values() for _, message in stream]

    @dataclass
    class Stream:
        """One of them."""

        events: list[tuple[int, str]]
        is_closed: bool = False

        def write(self, timestamp_ms: int, message: str) -> None:
            assert not self.is_closed
            self.events.append((timestamp_ms, message))

        def close(self) -> None:
            self.is_closed = True


@dataclass
class UnpackedPackages:
    """Packages that are directories already; the digest is the name."""

    directory: Path

    async def unpack(self, digest: str) -> Path:
        return self.directory / digest


@dataclass
class KnownFunctions:
    """A FunctionDirectory over a dictionary."""

    functions: dict[str, ResolvedFunction] = field(default_factory=dict)

    def resolve(self, account_id: str, region: str, name: str, qualifier: str | None) -> ResolvedFunction:
        found = self.functions.get(name)
        if found is None:
            raise ResourceNotFoundException(f"Function not found: {name}")
        return found


@dataclass
class FunctionHouse:
    """One server's data plane. `deploy` a function, `invoke` it."""

    directory: Path
    driver: SandboxDriver
    logs: KeptLogs
    functions: KnownFunctions
    pools: EnvironmentPools
    door: Invocation
    ids: RandomIds = field(default_factory=RandomIds)

    def deploy(
        self, files: dict[str, str], *, name: str = "probe", reserved: int | None = None, **members: Any
    ) -> FunctionConfiguration:
        """`files` by name; `members` are those of FunctionConfiguration."""
        text = json.dumps(files, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        package = self.directory / digest
        package.mkdir(exist_ok=True)
        package.chmod(0o755)
        for file_name, content in files.items():
            (package / file_name).write_text(content)
            (package / file_name).chmod(0o755)
        configuration = FunctionConfiguration(
            **{
                "account_id": ACCOUNT,
                "region": REGION,
                "name": name,
                "revision_id": self.ids.uuid(),
                "content_revision": self.ids.uuid(),
                "modified_at": 0.0,
                "state": "Active",
                "runtime": "python3.11",
                "handler": "index.handler",
                "role": f"arn:aws:iam::{ACCOUNT}:role/probe",
                "memory_size": 128,
                "code": CodeReference(digest=digest, sha256=digest, size=1),
                "log_group": f"/aws/lambda/{name}",
                **members,
            }
        )
        self.functions.functions[name] = ResolvedFunction(configuration=configuration, reserved_concurrency=reserved)
        return configuration

    async def invoke(self, payload: Any = None, *, name: str = "probe", **members: Any) -> InvokeResult:
        request = InvokeRequest(
            **{
                "request_id": self.ids.uuid(),
                "account_id": ACCOUNT,
                "region": REGION,
                "function_name": name,
                "payload": payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
                "wants_log_tail": True,
                **members,
            }
        )
        return await self.door.invoke(request)

    def change(self, name: str = "probe", **members: Any) -> FunctionConfiguration:
        """An update of the configuration, with the notification that the control plane gives."""
        known = self.functions.functions[name]
        import msgspec

        changed = msgspec.structs.replace(known.configuration, content_revision=self.ids.uuid(), **members)
        self.functions.functions[name] = dataclasses.replace(known, configuration=changed)
        self.pools.version_changed(changed.qualified_arn, changed.content_revision)
        return changed


@asynccontextmanager
async def open_house(
    directory: Path,
    *,
    driver: SandboxDriver | None = None,
    runtimes: tuple[str, ...] = ("python3.11",),
    equip: Callable[[Blueprint], Blueprint] = lambda blueprint: blueprint,
    limits: Limits | None = None,
    **settings: Any,
) -> AsyncIterator[FunctionHouse]:
    """A house on the strongest driver of this machine (or `driver`); everything is gone afterwards.

    `equip` may add to every blueprint.
    """
    known_runtimes = RuntimeDirectory(RUNTIMES)
    ensure(known_runtimes, runtimes)
    if driver is None:
        link_launcher(directory / "sandboxes")
    chosen = driver or await open_driver(None, directory / "sandboxes")
    packages = directory / "packages"
    packages.mkdir()
    for place in (directory, packages):
        place.chmod(0o755)
    logs, functions = KeptLogs(), KnownFunctions()
    prepare = _equipped(Blueprints(known_runtimes, UnpackedPackages(packages)), equip)
    pools = EnvironmentPools(
        driver=chosen, logs=logs, prepare=prepare, settings=PoolSettings(**settings), limits=limits
    )
    house = FunctionHouse(packages, chosen, logs, functions, pools, Invocation(functions, pools))
    try:
        yield house
    finally:
        await pools.close()
        if driver is None:
            await chosen.close()


def _equipped(
    blueprints: Blueprints, equip: Callable[[Blueprint], Blueprint]
) -> Callable[[FunctionConfiguration], Awaitable[Blueprint]]:
    async def prepare(configuration: FunctionConfiguration) -> Blueprint:
        return equip(await blueprints.prepare(configuration))

    return prepare


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until `condition()` holds, and fail loudly when it never does."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the condition is another part's state, it has no event
            await asyncio.sleep(0.005)
