"""The control plane put together from storage and the like: what `app` calls, and the contract tests.

Must not know frontends nor how functions run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lamplighter.control.capacity_reconciler import CapacityReconciler
from lamplighter.control.code import CodeStore, NoObjectSource, ObjectSource
from lamplighter.control.code_links import CodeLinks
from lamplighter.control.invoke import Door
from lamplighter.control.mapping_reconciler import MappingReconciler
from lamplighter.control.operations import build_operations
from lamplighter.control.plane import ControlPlane
from lamplighter.control.provisioning import NoEnvironments, ProvisionedEnvironments, Provisioning
from lamplighter.control.reconciler import CodeUnusable, Prepare, Reconciler, SettlingTimes
from lamplighter.control.roles import Roles, UnknownRoles
from lamplighter.environments.snap_start import InitFailed
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.directory import StoredFunctionDirectory
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import LATEST
from lamplighter.resources.functions.table import capacity_provider_of, get_usage
from lamplighter.resources.provisioned_concurrency.table import claimed_concurrency
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing
from lamplighter.sandboxes.sandbox import SandboxFailed
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.packages import PackageStore
from lamplighter.storage.storage import Storage
from lamplighter.storage.zip_extractor import PackageLimits, PackageRefused, inspect

_NO_INSTANCES = "This server has no managed instances: the capacity provider cannot place execution environments."


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlParts:
    """What the control plane is built from. `link_secret` signs download links; `times` None means our own pace.
    `initialise` prepares what the data plane would otherwise do at the first invoke, and readies SnapStart versions.
    """

    storage: Storage
    blobs: BlobStore
    packages: PackageStore
    ids: Ids
    limits: Limits
    link_secret: bytes
    objects: ObjectSource | None = None
    roles: Roles | None = None
    times: SettlingTimes | None = None
    initialise: Callable[[FunctionConfiguration], Awaitable[None]] | None = None
    url_domain: str | None = None
    environments: ProvisionedEnvironments | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """The control plane: `run()` must run beside the listeners."""

    plane: ControlPlane

    @property
    def directory(self) -> StoredFunctionDirectory:
        return self.plane.directory

    def claimed_concurrency(self, account_id: str, region: str) -> int:
        """What an account's reservations and provisioned environments hold of its concurrency."""
        storage = self.plane.storage
        reserved = get_usage(storage, account_id, region).reserved_concurrency
        return reserved + claimed_concurrency(storage, account_id, region)

    async def run(self) -> None:
        """Until cancelled: bring about what operations ask for."""
        self.plane.provisioning.begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.plane.reconciler.run(), name="reconciler")
            group.create_task(self.plane.mappings.run(), name="mapping reconciler")
            group.create_task(self.plane.capacity.run(), name="capacity reconciler")

    def operations(self, door: Door) -> Sequence[object]:
        """For an OperationRegistry."""
        return build_operations(self.plane, door)


def build_control(parts: ControlParts) -> Control:
    directory = StoredFunctionDirectory(parts.storage)
    provisioning = Provisioning(parts.storage, parts.environments or NoEnvironments())
    directory.subscribe_to_functions(provisioning.refresh)
    limits = PackageLimits(unzipped_bytes=parts.limits.unzipped_code_bytes)

    return Control(
        ControlPlane(
            storage=parts.storage,
            directory=directory,
            reconciler=Reconciler(parts.storage, directory, _preparation(parts), parts.ids, parts.times),
            mappings=MappingReconciler(parts.storage),
            provisioning=provisioning,
            capacity=CapacityReconciler(parts.storage),
            code=CodeStore(
                parts.blobs,
                lambda data: inspect(data, limits),
                parts.objects or NoObjectSource(),
                parts.limits,
            ),
            roles=parts.roles or UnknownRoles(),
            links=CodeLinks(parts.link_secret),
            ids=parts.ids,
            limits=parts.limits,
            url_domain=parts.url_domain,
        )
    )


def _preparation(parts: ControlParts) -> Prepare:
    async def prepare(configuration: FunctionConfiguration) -> None:
        """Unpack what the version runs from; an image is not ours to unpack."""
        if configuration.version != LATEST and capacity_provider_of(configuration) is not None:
            raise CodeUnusable(_NO_INSTANCES, "InsufficientCapacity")
        digests = [layer.code.digest for layer in configuration.layers]
        if configuration.image_uri is None:
            digests.append(configuration.code.digest)
        try:
            for digest in digests:
                await parts.packages.unpack(digest)
        except PackageRefused as refused:
            raise CodeUnusable(str(refused)) from refused
        if parts.initialise is not None:
            await _initialise(parts.initialise, configuration)

    return prepare


async def _initialise(initialise: Prepare, configuration: FunctionConfiguration) -> None:
    """What is expected of a version with SnapStart before it is Active; others are merely readied."""
    try:
        await initialise(configuration)
    except InitFailed as failed:
        raise CodeUnusable(str(failed), failed.code) from failed
    except RuntimeMissing as missing:
        raise CodeUnusable(str(missing), "InvalidRuntime") from missing
    except SandboxFailed as failed:
        raise CodeUnusable(str(failed), "InternalError") from failed
