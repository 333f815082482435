"""The directory of functions on the warm path: what a name and qualifier stand for, from memory.

Entries are read from storage once and dropped when the control plane says that the function changed; subscribers
learn which versions are gone or have other content. Lives in the event loop's thread. Must not know who invokes.
"""

from collections.abc import Callable

from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.aliases.table import get_alias
from lamplighter.resources.functions.model import FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.names import LATEST, FunctionName, is_version, not_found
from lamplighter.resources.functions.resolution import ResolvedFunction, WeightedVersion
from lamplighter.resources.functions.table import Reader, get_function, get_version

# Told the qualified ARN of a version and its current content revision; None when the version is gone.
VersionSubscriber = Callable[[str, str | None], None]
# Told account, region and name of a function of which anything has changed.
FunctionSubscriber = Callable[[str, str, str], None]

_MOST_FUNCTIONS = 20_000
_MOST_QUALIFIERS = 1_000


class _Entry:
    """One function: its record, and what its qualifiers have resolved to so far."""

    __slots__ = ("record", "resolved")

    def __init__(self, record: FunctionRecord) -> None:
        self.record = record
        self.resolved: dict[str, ResolvedFunction] = {}


class StoredFunctionDirectory:
    """Implements invocation.request.FunctionDirectory over storage."""

    def __init__(self, storage: Reader) -> None:
        self._storage = storage
        self._entries: dict[tuple[str, str, str], _Entry] = {}
        self._subscribers: list[VersionSubscriber] = []
        self._function_subscribers: list[FunctionSubscriber] = []

    def subscribe(self, subscriber: VersionSubscriber) -> None:
        """Call `subscriber` whenever a version's content changes or a version goes."""
        self._subscribers.append(subscriber)

    def subscribe_to_functions(self, subscriber: FunctionSubscriber) -> None:
        """Call `subscriber` whenever anything of a function has changed, its versions and aliases included."""
        self._function_subscribers.append(subscriber)

    def resolve(self, account_id: str, region: str, name: str, qualifier: str | None) -> ResolvedFunction:
        """The version that `qualifier` stands for. Raises ResourceNotFoundException with AWS's words."""
        entry = self._entries.get((account_id, region, name))
        asked = qualifier or LATEST
        if entry is not None:
            found = entry.resolved.get(asked)
            if found is not None:
                return found
        else:
            entry = self._read(FunctionName(account_id, region, name, asked))
        return self._resolve(entry, FunctionName(account_id, region, name, asked))

    def changed(self, configuration: FunctionConfiguration) -> None:
        """The control plane has committed this version: forget what was known, tell the subscribers."""
        self.forget(configuration.account_id, configuration.region, configuration.name)
        self._tell(configuration.qualified_arn, configuration.content_revision)

    def deleted(self, configuration: FunctionConfiguration) -> None:
        """The control plane has deleted this version."""
        self.forget(configuration.account_id, configuration.region, configuration.name)
        self._tell(configuration.qualified_arn, None)

    def forget(self, account_id: str, region: str, name: str) -> None:
        """Something about the function changed that is no version's content: an alias, a concurrency setting."""
        self._entries.pop((account_id, region, name), None)
        for subscriber in self._function_subscribers:
            subscriber(account_id, region, name)

    def _tell(self, qualified_arn: str, content_revision: str | None) -> None:
        for subscriber in self._subscribers:
            subscriber(qualified_arn, content_revision)

    def _read(self, name: FunctionName) -> _Entry:
        record = get_function(self._storage, name.account_id, name.region, name.name)
        if record is None:
            raise not_found(name)
        if len(self._entries) >= _MOST_FUNCTIONS:
            self._entries.clear()
        entry = self._entries[name.account_id, name.region, name.name] = _Entry(record)
        return entry

    def _resolve(self, entry: _Entry, name: FunctionName) -> ResolvedFunction:
        asked = name.qualifier or LATEST
        alias = None
        if asked != LATEST and not is_version(asked):
            alias = get_alias(self._storage, name.account_id, name.region, name.name, asked)
            if alias is None:
                raise not_found(name)
        resolved = ResolvedFunction(
            configuration=self._version(entry, name, asked if alias is None else alias.version),
            alias=None if alias is None else alias.name,
            reserved_concurrency=entry.record.reserved_concurrency,
            may_recurse=entry.record.recursive_loop == "Allow",
            additional_versions=() if alias is None else self._additional(entry, name, alias),
        )
        if len(entry.resolved) >= _MOST_QUALIFIERS:
            entry.resolved.clear()
        entry.resolved[asked] = resolved
        return resolved

    def _additional(self, entry: _Entry, name: FunctionName, alias: AliasRecord) -> tuple[WeightedVersion, ...]:
        return tuple(
            WeightedVersion(self._version(entry, name, version), weight)
            for version, weight in alias.weights.items()
            if weight > 0
        )

    def _version(self, entry: _Entry, name: FunctionName, version: str) -> FunctionConfiguration:
        if version == LATEST:
            return entry.record.latest
        found = get_version(self._storage, name.account_id, name.region, name.name, int(version))
        if found is None:
            raise not_found(name)
        return found
