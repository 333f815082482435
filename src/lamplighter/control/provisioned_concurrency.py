"""Provisioned concurrency: put, get, list, delete. Must not know how environments are kept initialised."""

from datetime import UTC, datetime

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.limits import Limits
from lamplighter.resources.aliases.table import get_alias, list_aliases
from lamplighter.resources.functions.model import FunctionRecord
from lamplighter.resources.functions.names import LATEST, FunctionName, is_alias
from lamplighter.resources.functions.table import Reader, get_usage
from lamplighter.resources.functions.tenancy import refuse_with_tenants
from lamplighter.resources.provisioned_concurrency import rules
from lamplighter.resources.provisioned_concurrency.model import Provisioned, ProvisionedConfig
from lamplighter.resources.provisioned_concurrency.table import (
    claimed_concurrency,
    delete_config,
    get_config,
    list_configs,
    put_config,
)
from lamplighter.storage.storage import Transaction


class ProvisionedConcurrencyOperations:
    """The four operations on provisioned concurrency configurations."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PutProvisionedConcurrencyConfig")
    async def put_provisioned_concurrency_config(self, request: Request, context: RequestContext) -> Response:
        """The answer says IN_PROGRESS, even of what is there already."""
        name = address_function(request, context, "lambda:PutProvisionedConcurrencyConfig")
        rules.check_target(name.qualifier)
        config = ProvisionedConfig(
            account_id=name.account_id,
            region=name.region,
            function_name=name.name,
            qualifier=name.qualifier or LATEST,
            requested=request["ProvisionedConcurrentExecutions"],
            modified_at=context.now,
        )

        def decide(transaction: Transaction) -> None:
            record = _require(transaction, name)
            refuse_with_tenants(record.latest, "Provisioned concurrency")
            _check_version(transaction, record, name)
            _check_concurrency(transaction, record, config, self._plane.limits)
            _check_overlap(transaction, name, config)
            put_config(transaction, config)

        await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return {**_answer(config, self._come_of(config)), "Status": rules.IN_PROGRESS, "StatusReason": None}

    @operation("GetProvisionedConcurrencyConfig")
    async def get_provisioned_concurrency_config(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetProvisionedConcurrencyConfig")
        rules.check_subject(name.qualifier)
        _require(self._plane.storage, name)
        config = get_config(self._plane.storage, name, name.qualifier or LATEST)
        if config is None:
            raise rules.no_config()
        return _answer(config, self._come_of(config))

    @operation("ListProvisionedConcurrencyConfigs")
    async def list_provisioned_concurrency_configs(self, request: Request, context: RequestContext) -> Response:
        named = address_function(request, context, "lambda:ListProvisionedConcurrencyConfigs")
        name = FunctionName(named.account_id, named.region, named.name)
        require_function(self._plane.storage, name)
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = list_configs(self._plane.storage, name, after=after, limit=size + 1)
        return pagination.answer_page(
            "ProvisionedConcurrencyConfigs",
            found,
            size,
            key=lambda config: config.qualifier,
            show=lambda config: {"FunctionArn": config.function_arn, **_answer(config, self._come_of(config))},
        )

    @operation("DeleteProvisionedConcurrencyConfig")
    async def delete_provisioned_concurrency_config(self, request: Request, context: RequestContext) -> Response:
        """AWS says nothing when the version or alias has none."""
        name = address_function(request, context, "lambda:DeleteProvisionedConcurrencyConfig")
        rules.check_subject(name.qualifier)

        def decide(transaction: Transaction) -> None:
            _require(transaction, name)
            delete_config(transaction, name, name.qualifier or LATEST)

        await self._plane.storage.transact(decide)
        self._plane.directory.forget(name.account_id, name.region, name.name)
        return {}

    def _come_of(self, config: ProvisionedConfig) -> Provisioned:
        name = FunctionName(config.account_id, config.region, config.function_name)
        return self._plane.provisioning.come_of(name, config.qualifier)


def _require(reader: Reader, name: FunctionName) -> FunctionRecord:
    """The function, with the version or alias that is named; AWS has words of its own for an alias."""
    if is_alias(name.qualifier):
        if get_alias(reader, name.account_id, name.region, name.name, name.qualifier or "") is None:
            raise rules.alias_not_found(name.qualified_arn)
        return require_function(reader, name)
    record = require_function(reader, name)
    require_version(reader, record, name)
    return record


def _check_version(reader: Reader, record: FunctionRecord, name: FunctionName) -> None:
    version = require_version(reader, record, name)
    if version.version == LATEST:
        raise rules.unpublished()
    rules.check_snap_start(version.settings.get("SnapStart", {}).get("ApplyOn", "None"))


def _check_concurrency(reader: Reader, record: FunctionRecord, config: ProvisionedConfig, limits: Limits) -> None:
    """Within the function's reservation where there is one, else within what the account has left."""
    name = FunctionName(config.account_id, config.region, config.function_name)
    others = sum(other.requested for other in list_configs(reader, name) if other.qualifier != config.qualifier)
    if record.reserved_concurrency is not None:
        rules.check_reserved(config.requested, others, record.reserved_concurrency)
        return
    claimed = claimed_concurrency(reader, name.account_id, name.region, besides=name.name) + others
    reserved = get_usage(reader, name.account_id, name.region).reserved_concurrency
    rules.check_unreserved(config.requested, limits.concurrent_executions - reserved - claimed, limits)


def _check_overlap(reader: Reader, name: FunctionName, config: ProvisionedConfig) -> None:
    aliases = {alias.name: alias for alias in list_aliases(reader, name.account_id, name.region, name.name)}
    provisioned = frozenset(other.qualifier for other in list_configs(reader, name))
    rules.check_overlap(config.qualifier, provisioned, aliases)


def _answer(config: ProvisionedConfig, provisioned: Provisioned) -> Response:
    status = rules.status(config.requested, provisioned)
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": provisioned.ready,
        "AllocatedProvisionedConcurrentExecutions": provisioned.ready,
        "Status": status,
        "StatusReason": provisioned.failure if status == rules.FAILED else None,
        "LastModified": f"{datetime.fromtimestamp(config.modified_at, UTC):%Y-%m-%dT%H:%M:%S}+0000",
    }
