"""What every family of operations is built from, and the few steps that several of them share.

`app` fills it once. Must not know any single operation.
"""

from dataclasses import dataclass

from lamplighter.control.capacity_reconciler import CapacityReconciler
from lamplighter.control.code import CodeStore
from lamplighter.control.code_links import CodeLinks
from lamplighter.control.mapping_reconciler import MappingReconciler
from lamplighter.control.provisioning import Provisioning
from lamplighter.control.reconciler import Reconciler, VersionKey
from lamplighter.control.roles import Roles
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.resources.aliases.table import get_alias
from lamplighter.resources.functions.directory import StoredFunctionDirectory
from lamplighter.resources.functions.model import FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.names import LATEST, FunctionName, is_version, not_found
from lamplighter.resources.functions.table import Reader, get_function, get_version
from lamplighter.storage.storage import Storage

_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """The parts that operations work with. `url_domain` is what function URLs end with; None: as the endpoint does."""

    storage: Storage
    directory: StoredFunctionDirectory
    reconciler: Reconciler
    mappings: MappingReconciler
    provisioning: Provisioning
    capacity: CapacityReconciler
    code: CodeStore
    roles: Roles
    links: CodeLinks
    ids: Ids
    limits: Limits
    url_domain: str | None = None

    async def wait_created(self, name: FunctionName) -> None:
        """Let a creation under way end first. AWS refuses meanwhile, for seconds; ours is a matter of milliseconds."""
        record = get_function(self.storage, name.account_id, name.region, name.name)
        if record is not None and record.latest.state == "Pending":
            await self.wait_settled(name)

    async def wait_settled(self, name: FunctionName) -> None:
        """Let whatever is under way for $LATEST end first."""
        await self.reconciler.wait_settled(latest_key(name), _PATIENCE_SECONDS)

    async def wait_settled_version(self, configuration: FunctionConfiguration) -> None:
        """Let whatever is under way for this version end first."""
        await self.reconciler.wait_settled(_version_key(configuration), _PATIENCE_SECONDS)

    def reconcile(self, configuration: FunctionConfiguration) -> None:
        """After the commit: tell who caches the version, and who settles it."""
        self.directory.changed(configuration)
        if not configuration.is_settled:
            self.reconciler.schedule(_version_key(configuration))


def _version_key(configuration: FunctionConfiguration) -> VersionKey:
    version = None if configuration.version == LATEST else int(configuration.version)
    return VersionKey(configuration.account_id, configuration.region, configuration.name, version)


def latest_key(name: FunctionName) -> VersionKey:
    return VersionKey(name.account_id, name.region, name.name)


def require_function(reader: Reader, name: FunctionName) -> FunctionRecord:
    """The function itself, whatever qualifier is asked for."""
    record = get_function(reader, name.account_id, name.region, name.name)
    if record is None:
        raise not_found(name)
    return record


def require_version(reader: Reader, record: FunctionRecord, name: FunctionName) -> FunctionConfiguration:
    """The configuration that the qualifier stands for: $LATEST, a version, or an alias's first version."""
    qualifier = name.qualifier or LATEST
    if qualifier != LATEST and not is_version(qualifier):
        alias = get_alias(reader, name.account_id, name.region, name.name, qualifier)
        if alias is None:
            raise not_found(name)
        qualifier = alias.version
    if qualifier == LATEST:
        return record.latest
    found = get_version(reader, name.account_id, name.region, name.name, int(qualifier))
    if found is None:
        raise not_found(name)
    return found
