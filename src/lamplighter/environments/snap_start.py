"""SnapStart: a published version is initialised once, and its environments are made of the memory of that process.

Where no image can be taken (another language, extensions, threads, a wrapper) the version is initialised once all the
same, to learn whether it can be, and its environments start plainly, with the hooks around /restore/next run in each.
Images do not outlive the server: what is missing is taken again when the version is next used.
"""

import dataclasses
import logging

from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import SNAP_START, Blueprint
from lamplighter.environments.environment import Environment, Platform
from lamplighter.environments.faults import RUNTIME_INVALID_ENTRYPOINT, SANDBOX_TIMED_OUT, Fault
from lamplighter.environments.freezer import Freezer
from lamplighter.environments.journal import Logs
from lamplighter.environments.pool import VersionKey, version_key
from lamplighter.environments.ticket import Ticket
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.sandboxes.memory_images.compiler import ImagesUnavailable
from lamplighter.sandboxes.memory_images.images import ImageRefused, MemoryImage, MemoryImages
from lamplighter.sandboxes.sandbox import SandboxDriver, SandboxFailed

_log = logging.getLogger(__name__)
_MIB = 1024 * 1024
_CLOSE_SECONDS = 10.0
# Beside what the function's memory limit covers: the pages of programs and libraries.
_PROGRAM_BYTES = 256 * _MIB
_CODES = {
    SANDBOX_TIMED_OUT: "FunctionError.InitTimeout",
    RUNTIME_INVALID_ENTRYPOINT: "FunctionError.InvalidEntryPoint",
}


class InitFailed(Exception):
    """The version cannot be initialised. `code` is AWS's reason code."""

    def __init__(self, fault: Fault) -> None:
        text = fault.message or (fault.body or b"").decode(errors="replace") or fault.error_type
        super().__init__(f"{fault.error_type}: {text}"[:1000])
        self.code = _CODES.get(fault.error_type, "FunctionError.RuntimeInitError")


class SnapStart:
    """`initialise` a version when it is published, `equip` its blueprints, forget it when it is gone."""

    def __init__(
        self, driver: SandboxDriver, images: MemoryImages | None, logs: Logs, clock: Clock, ids: Ids, limits: Limits
    ) -> None:
        self._images = images
        self._background = Background()
        self._platform = Platform(driver, logs, clock, ids, limits, self._background, Freezer(0))
        self._made: dict[VersionKey, MemoryImage | None] = {}  # None: there is none to be had, or it is being made

    async def initialise(self, blueprint: Blueprint) -> None:
        """Raises InitFailed, or SandboxFailed when it was the platform's fault."""
        key = version_key(blueprint.configuration)
        self._forget(blueprint.configuration.qualified_arn)
        self._made[key] = None
        image = await _Template(blueprint, self._platform, self._images).initialise()
        if key in self._made:
            self._made[key] = image
        elif image is not None:
            image.remove()

    def equip(self, blueprint: Blueprint) -> Blueprint:
        """The blueprint of the next environment of a version that takes part."""
        key = version_key(blueprint.configuration)
        if key not in self._made:
            self._background.spawn(self._initialise_again(blueprint), f"image of {blueprint.configuration.name}")
        return dataclasses.replace(blueprint, initialization_type=SNAP_START, image=self._made.get(key))

    async def _initialise_again(self, blueprint: Blueprint) -> None:
        """After a restart of the server: this version was initialised before."""
        try:
            await self.initialise(blueprint)
        except (InitFailed, SandboxFailed) as error:
            _log.warning("no image of %s: %s", blueprint.configuration.qualified_arn, error)

    def version_changed(self, qualified_arn: str, content_revision: str | None) -> None:
        if content_revision is None:
            self._forget(qualified_arn)

    def _forget(self, qualified_arn: str) -> None:
        for key in [key for key in self._made if _arn_of(key) == qualified_arn]:
            image = self._made.pop(key)
            if image is not None:
                image.remove()

    async def close(self) -> None:
        await self._background.close(_CLOSE_SECONDS)
        self._made.clear()


def _arn_of(key: VersionKey) -> str:
    account_id, region, name, version = key[:4]
    return f"arn:aws:lambda:{region}:{account_id}:function:{name}:{version}"


class _Template:
    """The one environment that a version is initialised in; it never gets an invoke."""

    def __init__(self, blueprint: Blueprint, platform: Platform, images: MemoryImages | None) -> None:
        self._images = images if _can_be_taken(blueprint) else None
        self._platform = platform
        self._configuration = blueprint.configuration
        self._blueprint = dataclasses.replace(
            blueprint, initialization_type=SNAP_START, image=None, taking=self._images
        )

    async def initialise(self) -> MemoryImage | None:
        if self._images is not None:
            try:
                await self._images.open()
            except ImagesUnavailable as missing:
                _log.warning("no SnapStart images: %s", missing)
                self._images = None
                self._blueprint = dataclasses.replace(self._blueprint, taking=None)
        environment = Environment(self._blueprint, self._platform, self)
        try:
            fault = await environment.initialise()
            if fault is not None:
                raise InitFailed(fault)
            return await self._take(environment)
        finally:
            environment.shut_down()

    async def _take(self, environment: Environment) -> MemoryImage | None:
        if self._images is None:
            return None
        limit = self._configuration.memory_size * _MIB + _PROGRAM_BYTES
        try:
            return await self._images.fetch(environment, limit)
        except ImageRefused as refused:
            _log.warning("%s is initialised anew in each environment: %s", self._configuration.qualified_arn, refused)
            return None

    # What an environment tells whoever keeps it (environment.Owner): this one is on its own.

    def environment_ready(self, environment: Environment) -> None: ...

    def environment_responded(self, environment: Environment, duration_ms: float) -> None: ...

    def invoke_returned(self, ticket: Ticket) -> None: ...

    def environment_gone(self, environment: Environment) -> None: ...

    def environment_ended(self, environment: Environment) -> None: ...


def _can_be_taken(blueprint: Blueprint) -> bool:
    """An interpreter of Python alone in its sandbox, started without a detour."""
    is_wrapped = "AWS_LAMBDA_EXEC_WRAPPER" in (blueprint.configuration.environment or {})
    return blueprint.runtime.may_be_zygote and not blueprint.extensions and not is_wrapped
