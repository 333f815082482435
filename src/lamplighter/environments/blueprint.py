"""How the execution environments of one function version are built: its configuration, runtime, code and layers.

A blueprint is prepared once for each version (code unpacked, runtime found) and then describes as many sandboxes as
are wanted. Must not know drivers or lifecycles.
"""

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lamplighter.environments.faults import RUNTIME_INVALID_ENTRYPOINT, Fault, process_ended
from lamplighter.environments.mounts import file_system_binds
from lamplighter.environments.platform_log import Subject
from lamplighter.environments.variables import RUNTIME_API_ADDRESS, Credentials, metadata_variables, variables
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.sandboxes.file_systems import FileSystems
from lamplighter.sandboxes.memory_images.images import MemoryImage, MemoryImages
from lamplighter.sandboxes.runtimes.runtime import Runtime
from lamplighter.sandboxes.sandbox import Bind, ProcessExit, SandboxSpec

ON_DEMAND = "on-demand"
SNAP_START = "snap-start"
_MIB = 1024 * 1024
_VAR_TASK = "/var/task"
_BOOTSTRAPS = ("/var/task/bootstrap", "/opt/bootstrap")


class CredentialSource(Protocol):
    """Where a function's credentials come from."""

    def credentials(self, configuration: FunctionConfiguration) -> Credentials: ...


class PlaceholderCredentials:
    """Well-formed keys that open nothing: roles cannot be assumed yet. SDKs find them and sign with them."""

    def credentials(self, configuration: FunctionConfiguration) -> Credentials:
        return Credentials("ASIA0000000000000000", "placeholder/execution/role/secret/key000", "placeholder-session")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that the environments of one version have in common."""

    configuration: FunctionConfiguration
    runtime: Runtime
    package: Path
    layers: tuple[Path, ...]
    credentials: CredentialSource
    mib_per_core: int = 1769
    processes: int = 1024
    open_files: int = 1024
    initialization_type: str = ON_DEMAND
    extensions: tuple[str, ...] = ()
    image: MemoryImage | None = None  # what the runtime is made of, instead of a start from nothing
    taking: MemoryImages | None = None  # SnapStart: its own image is to be taken once it is initialised
    file_systems: tuple[Bind, ...] = ()
    server_env: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_template(self) -> bool:
        return self.taking is not None

    @property
    def is_restored(self) -> bool:
        """Whether the function itself is initialised in the image already."""
        return self.image is not None and self.initialization_type == SNAP_START

    @property
    def subject(self) -> Subject:
        configuration = self.configuration
        return Subject(
            configuration.name,
            configuration.version,
            configuration.memory_size,
            configuration.region,
            configuration.runtime or "",
            self.runtime.version,
        )

    def init_seconds(self, limits: Limits) -> float:
        """How long init may take. What nobody waits for may take longer."""
        if self.initialization_type == ON_DEMAND:
            return limits.init_timeout_seconds
        return max(limits.prepared_init_seconds, self.configuration.timeout)

    def log_stream(self, now: float, environment_id: str) -> str:
        """`2026/11/21/[$LATEST]<32 hex digits>`; a shared log group has the function's name in it too."""
        configuration = self.configuration
        day = datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
        name = "" if configuration.log_group == f"/aws/lambda/{configuration.name}" else configuration.name
        return f"{day}/{name}[{configuration.version}]{environment_id}"

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that starts the runtime.

        A managed runtime's goes behind AWS_LAMBDA_EXEC_WRAPPER where the function sets one. An OS-only runtime's is
        the function's own bootstrap, executed without a detour; Lambda wraps none of those either.
        """
        if self._is_os_only:
            return (self._bootstrap() or _BOOTSTRAPS[0],)
        argv = self.runtime.command(self.configuration.handler or "", self.configuration.memory_size)
        wrapper = (self.configuration.environment or {}).get("AWS_LAMBDA_EXEC_WRAPPER", "")
        return (wrapper, *argv) if wrapper else argv

    @property
    def _is_os_only(self) -> bool:
        return self.runtime.name.startswith("provided")

    def _bootstrap(self) -> str | None:
        """Where the function's bootstrap lies inside: its package first, then the layers."""
        if (self.package / "bootstrap").is_file():
            return _BOOTSTRAPS[0]
        return _BOOTSTRAPS[1] if any((layer / "bootstrap").is_file() for layer in self.layers) else None

    def missing_entrypoint(self) -> Fault | None:
        """Lambda says so before starting anything."""
        if self._is_os_only and self._bootstrap() is None:
            names = " ".join(_BOOTSTRAPS)
            return Fault(RUNTIME_INVALID_ENTRYPOINT, f"Couldn't find valid bootstrap(s): [{names}]")
        return None

    def ended(self, ended: ProcessExit) -> Fault:
        """What the end of the runtime's process means."""
        is_wrapped = not self._is_os_only and self.argv[0] != self.runtime.argv[0]
        if ended.exec_errno and is_wrapped:
            # On Lambda a shell executes the wrapper: a missing one is the shell's exit status.
            return process_ended(ProcessExit(127 if ended.exec_errno == errno.ENOENT else 126, None), "")
        return process_ended(ended, self.argv[0])

    def spec(
        self, sandbox_id: str, log_stream: str, metadata_token: str = "", runtime_api: str = RUNTIME_API_ADDRESS
    ) -> SandboxSpec:
        configuration = self.configuration
        spec = SandboxSpec(
            sandbox_id=sandbox_id,
            root=self.runtime.root,
            binds=(*self.runtime.binds, Bind(self.package, _VAR_TASK), *self.file_systems),
            layers=self.layers,
            argv=self.argv,
            env={
                **self.server_env,
                **variables(
                    configuration,
                    self.runtime.env,
                    log_stream,
                    self.credentials.credentials(configuration),
                    runtime_api,
                    self.initialization_type,
                ),
                **metadata_variables(metadata_token, runtime_api),
            },
            cwd=_VAR_TASK,
            memory_bytes=configuration.memory_size * _MIB,
            cpu_fraction=configuration.memory_size / self.mib_per_core,
            tmp_bytes=configuration.ephemeral_size * _MIB,
            processes=self.processes,
            open_files=self.open_files,
            is_held=bool(self.extensions),
            is_connected=True,
        )
        if self.taking is not None:
            return self.taking.taking(spec, self.runtime.argv[0], "snap-start", configuration.handler or "")
        return spec if self.image is None else self.image.applied(spec, configuration.handler or "")


class Packages(Protocol):
    """Code packages on disk by digest, unpacked once."""

    async def unpack(self, digest: str) -> Path: ...


class Runtimes(Protocol):
    """Installed runtimes by Lambda's identifier; raises RuntimeMissing."""

    def get(self, name: str) -> Runtime: ...


class Blueprints:
    """Prepares the blueprint of a function version."""

    def __init__(
        self,
        runtimes: Runtimes,
        packages: Packages,
        credentials: CredentialSource | None = None,
        *,
        mib_per_core: int = 1769,
        file_systems: FileSystems | None = None,
        server_env: Mapping[str, str] | None = None,
    ) -> None:
        self._runtimes = runtimes
        self._packages = packages
        self._credentials = credentials or PlaceholderCredentials()
        self._mib_per_core = mib_per_core
        self._file_systems = file_systems or FileSystems({})
        self._server_env = server_env or {}

    async def prepare(self, configuration: FunctionConfiguration) -> Blueprint:
        """Raises RuntimeMissing, what unpacking raises, or AWS's error for a file system that cannot be mounted."""
        runtime = self._runtimes.get(configuration.runtime or "")
        package = await self._packages.unpack(configuration.code.digest)
        layers = [await self._packages.unpack(layer.code.digest) for layer in configuration.layers]
        return Blueprint(
            configuration,
            runtime,
            package,
            tuple(layers),
            self._credentials,
            mib_per_core=self._mib_per_core,
            extensions=external_extensions(layers),
            file_systems=await file_system_binds(configuration, self._file_systems),
            server_env=self._server_env,
        )


def external_extensions(layers: Iterable[Path]) -> tuple[str, ...]:
    """The names of the files that layers bring to /opt/extensions, in the order in which Lambda starts them."""
    found = set[str]()
    for layer in layers:
        folder = layer / "extensions"
        if folder.is_dir():
            found |= {entry.name for entry in folder.iterdir() if not entry.is_dir()}
    return tuple(sorted(found))
