"""Tells the data plane which versions want how many initialised environments, and what has come of it.

What is wanted is in storage; whenever a function changes, its wishes are worked out anew. Must not know how
environments are kept.
"""

from typing import Protocol

from lamplighter.resources.aliases.table import list_aliases
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.table import get_version
from lamplighter.resources.provisioned_concurrency import rules
from lamplighter.resources.provisioned_concurrency.model import Provisioned
from lamplighter.resources.provisioned_concurrency.table import list_configs, list_functions
from lamplighter.storage.storage import Storage


class ProvisionedEnvironments(Protocol):
    """The environments that are kept initialised, by function version."""

    def provision(self, configuration: FunctionConfiguration, count: int) -> None:
        """Keep so many from now on; 0 lets all of them go."""
        ...

    def provisioned(self, configuration: FunctionConfiguration) -> Provisioned: ...


class NoEnvironments:
    """Where nothing runs functions: whatever is asked for stays in progress."""

    def provision(self, configuration: FunctionConfiguration, count: int) -> None:
        return

    def provisioned(self, configuration: FunctionConfiguration) -> Provisioned:
        return Provisioned()


class Provisioning:
    """`begin` once, then `refresh` after every change of a function."""

    def __init__(self, storage: Storage, environments: ProvisionedEnvironments) -> None:
        self._storage = storage
        self._environments = environments
        self._kept: dict[FunctionName, dict[str, FunctionConfiguration]] = {}

    def begin(self) -> None:
        """Bring about what an earlier life of the server was asked for."""
        for name in list_functions(self._storage):
            self._refresh(name)

    def refresh(self, account_id: str, region: str, name: str) -> None:
        self._refresh(FunctionName(account_id, region, name))

    def _refresh(self, name: FunctionName) -> None:
        plan = self._plan(name)
        kept = self._kept.pop(name, {})
        wanted = self._active(name, plan) if plan else {}
        for version, configuration in kept.items():
            if version not in wanted:
                self._environments.provision(configuration, 0)
        for version, configuration in wanted.items():
            self._environments.provision(configuration, sum(count for _, count in plan[version]))
        if wanted:
            self._kept[name] = wanted

    def come_of(self, name: FunctionName, qualifier: str) -> Provisioned:
        """What has come of the configuration of one qualifier."""
        plan = self._plan(name)
        versions = self._active(name, plan)
        found = {version: self._environments.provisioned(configuration) for version, configuration in versions.items()}
        return rules.come_of(qualifier, plan, found)

    def _plan(self, name: FunctionName) -> rules.Plan:
        configs = list_configs(self._storage, name)
        if not configs:
            return {}
        aliases = {alias.name: alias for alias in list_aliases(self._storage, name.account_id, name.region, name.name)}
        return rules.plan(configs, aliases)

    def _active(self, name: FunctionName, plan: rules.Plan) -> dict[str, FunctionConfiguration]:
        """The versions that can run; the others are looked at again when they settle."""
        found = {
            version: get_version(self._storage, name.account_id, name.region, name.name, int(version))
            for version in plan
        }
        return {
            version: configuration
            for version, configuration in found.items()
            if configuration is not None and configuration.state == "Active"
        }
