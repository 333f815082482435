"""Changes of a function: its code, its configuration.

An update is written as InProgress; the reconciler ends it. Must not know how functions run.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import address_function
from lamplighter.control.answers import configuration_answer
from lamplighter.control.capacity_providers import check_capacity_provider
from lamplighter.control.code import refer_to_image
from lamplighter.control.code_signing import check_deployment
from lamplighter.control.layers import refer_to_layers
from lamplighter.control.plane import ControlPlane, require_function
from lamplighter.control.publishing import publish
from lamplighter.control.settings import check_references, configure
from lamplighter.identity.context import RequestContext
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.table import add_usage, get_usage, put_function, put_version, with_latest
from lamplighter.storage.storage import Transaction

Change = Callable[[FunctionConfiguration], FunctionConfiguration]


class FunctionUpdateOperations:
    """UpdateFunctionCode, UpdateFunctionConfiguration."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("UpdateFunctionCode")
    async def update_function_code(self, request: Request, context: RequestContext) -> Response:
        """With DryRun, everything is checked and nothing written; with Publish, the answer is the new version."""
        name = address_function(request, context, "lambda:UpdateFunctionCode")
        check_references(request)
        await self._plane.wait_created(name)
        record = require_function(self._plane.storage, name)
        current = record.latest
        rules.check_revision(request.get("RevisionId"), current.revision_id)
        code = await self._take_code(request, current)
        check_deployment(self._plane.storage, record.code_signing_config_arn)

        def change(latest: FunctionConfiguration) -> FunctionConfiguration:
            return configure(
                replace(latest, code=code, image_uri=request.get("ImageUri") or latest.image_uri),
                {"Architectures": request["Architectures"]} if request.get("Architectures") else {},
                self._plane.limits,
            )

        if request.get("DryRun"):
            return configuration_answer(change(current))
        latest, version = await self._update(name, request, context, change)
        if version is not None:
            return configuration_answer(version, arn=version.qualified_arn)
        return configuration_answer(latest)

    @operation("UpdateFunctionConfiguration")
    async def update_function_configuration(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:UpdateFunctionConfiguration")
        await self._plane.wait_created(name)
        given = request.get("Layers")
        layers = None if given is None else refer_to_layers(self._plane.storage, given, context)
        if request.get("Role"):
            await self._plane.roles.check(request["Role"], name.account_id, name.region)

        def change(latest: FunctionConfiguration) -> FunctionConfiguration:
            changed = latest if layers is None else replace(latest, layers=layers)
            return configure(changed, request, self._plane.limits)

        latest, _ = await self._update(name, request, context, change)
        return configuration_answer(latest)

    async def _take_code(self, request: Request, current: FunctionConfiguration) -> CodeReference:
        """The new code, of the kind that the function was created with."""
        uri = request.get("ImageUri")
        if current.package_type == "Image":
            if not uri:
                raise InvalidParameterValueException(
                    "Please provide ImageUri when updating a function with packageType Image."
                )
            return refer_to_image(uri)
        if uri:
            raise InvalidParameterValueException(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        return await self._plane.code.take_zip(request)

    async def _update(
        self, name: FunctionName, request: Request, context: RequestContext, change: Change
    ) -> tuple[FunctionConfiguration, FunctionConfiguration | None]:
        """Change $LATEST in one transaction; with Publish, the version as well."""
        ids = self._plane.ids
        revision, content, published, behind = ids.uuid(), ids.uuid(), ids.uuid(), ids.uuid()

        def decide(transaction: Transaction) -> tuple[FunctionRecord, FunctionConfiguration | None]:
            record = require_function(transaction, name)
            rules.check_changeable(record.latest)
            rules.check_revision(request.get("RevisionId"), record.latest.revision_id)
            check_capacity_provider(transaction, request, record.latest)
            stamped: dict[str, Any] = {"revision_id": revision, "content_revision": content, "modified_at": context.now}
            changed = rules.begin_update(replace(change(record.latest), **stamped))
            added = changed.code.size - record.latest.code.size
            record, version = with_latest(record, changed), None
            if request.get("Publish"):
                record, version = publish(record, description=None, version_revision=published, latest_revision=behind)
                put_version(transaction, version)
                added += version.code.size
            used = get_usage(transaction, name.account_id, name.region).code_bytes
            rules.check_code_storage(used, max(added, 0), self._plane.limits)
            add_usage(transaction, name.account_id, name.region, code_bytes=added)
            put_function(transaction, record)
            return record, version

        record, version = await self._plane.storage.transact(decide)
        self._plane.reconcile(record.latest)
        if version is not None:
            self._plane.reconcile(version)
        return record.latest, version
