"""Functions: create, get, list, delete.

Operations write what is wanted in one transaction; the reconciler does the rest. Must not know how functions run.
"""

from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import InvalidParameterValueException, ResourceConflictException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.answers import configuration_answer, listed_answer
from lamplighter.control.capacity_providers import check_capacity_provider
from lamplighter.control.code import refer_to_image, resolve_image
from lamplighter.control.code_signing import check_deployment, require_for_function
from lamplighter.control.deletion import delete_dependents, delete_dependents_of
from lamplighter.control.layers import refer_to_layers
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.control.publishing import publish
from lamplighter.control.settings import configure
from lamplighter.identity.context import RequestContext
from lamplighter.resources.aliases.table import list_aliases
from lamplighter.resources.code_signing.table import bind_function
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.names import LATEST, FunctionName, check_new_name, is_alias, is_version
from lamplighter.resources.functions.table import (
    Reader,
    add_usage,
    delete_function,
    delete_version,
    get_function,
    get_usage,
    get_version,
    list_functions,
    list_versions,
    put_function,
    put_version,
)
from lamplighter.resources.tags.rules import check_tags
from lamplighter.resources.tags.table import get_tags, put_tags
from lamplighter.storage.storage import Transaction


class FunctionOperations:
    """CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("CreateFunction")
    async def create_function(self, request: Request, context: RequestContext) -> Response:
        """Write the function as Pending; with Publish, version 1 as well."""
        name = address_function(request, context, "lambda:CreateFunction")
        check_new_name(name.name)
        tags = check_tags({}, request.get("Tags") or {}, self._plane.limits.tags_per_resource)
        configuration = await self._first_configuration(name, request, context)
        signing = request.get("CodeSigningConfigArn") or None
        record = FunctionRecord(latest=rules.begin_creation(configuration), code_signing_config_arn=signing)
        version: FunctionConfiguration | None = None
        if request.get("Publish"):
            ids = self._plane.ids
            revision = record.latest.revision_id
            record, version = publish(record, description=None, version_revision=ids.uuid(), latest_revision=revision)

        def decide(transaction: Transaction) -> None:
            _refuse_existing(transaction, name)
            added = configuration.code.size * (1 if version is None else 2)
            used = get_usage(transaction, name.account_id, name.region).code_bytes
            rules.check_code_storage(used, added, self._plane.limits)
            put_function(transaction, record)
            if version is not None:
                put_version(transaction, version)
            put_tags(transaction, name.arn, tags)
            require_for_function(transaction, signing)
            check_capacity_provider(transaction, request)
            bind_function(transaction, name.name, None, signing)
            add_usage(transaction, name.account_id, name.region, functions=1, code_bytes=added)

        await self._plane.storage.transact(decide)
        for written in (record.latest, version):
            if written is not None:
                self._plane.reconcile(written)
        return configuration_answer(version or record.latest)

    async def _first_configuration(
        self, name: FunctionName, request: Request, context: RequestContext
    ) -> FunctionConfiguration:
        """Everything is checked before the code is stored, and existence before everything that is costly."""
        _refuse_existing(self._plane.storage, name)
        require_for_function(self._plane.storage, request.get("CodeSigningConfigArn") or None)
        check_deployment(self._plane.storage, request.get("CodeSigningConfigArn") or None)
        check_capacity_provider(self._plane.storage, request)
        image_uri = _image_uri(request)
        blank = FunctionConfiguration(
            account_id=name.account_id,
            region=name.region,
            name=name.name,
            revision_id=self._plane.ids.uuid(),
            content_revision=self._plane.ids.uuid(),
            modified_at=context.now,
            package_type=request.get("PackageType") or "Zip",
            role=request["Role"],
            code=CodeReference(digest="", sha256="", size=0),
            image_uri=image_uri,
            log_group=f"/aws/lambda/{name.name}",
        )
        layers = refer_to_layers(self._plane.storage, request.get("Layers") or (), context)
        configured = configure(replace(blank, layers=layers), request, self._plane.limits)
        await self._plane.roles.check(configured.role, name.account_id, name.region)
        if image_uri is not None:
            return replace(configured, code=refer_to_image(image_uri))
        code = await self._plane.code.take_zip(request["Code"])
        rules.check_layers(code, layers, self._plane.limits)
        return replace(configured, code=code)

    @operation("GetFunction")
    async def get_function(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetFunction")
        record = require_function(self._plane.storage, name)
        configuration = require_version(self._plane.storage, record, name)
        answer: Response = {
            "Configuration": configuration_answer(configuration, arn=name.qualified_arn),
            "Code": self._code_location(configuration, context),
        }
        tags = get_tags(self._plane.storage, name.arn)
        if tags:
            answer["Tags"] = tags
        if record.reserved_concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": record.reserved_concurrency}
        return answer

    @operation("GetFunctionConfiguration")
    async def get_function_configuration(self, request: Request, context: RequestContext) -> Response:
        name = address_function(request, context, "lambda:GetFunctionConfiguration")
        record = require_function(self._plane.storage, name)
        configuration = require_version(self._plane.storage, record, name)
        return configuration_answer(configuration, arn=name.qualified_arn)

    @operation("ListFunctions")
    async def list_functions(self, request: Request, context: RequestContext) -> Response:
        """By name; with FunctionVersion=ALL, each function's versions follow its $LATEST."""
        context.authorise("lambda:ListFunctions", "*")
        size = pagination.page_size(request)
        after = pagination.read_marker(request)
        if request.get("FunctionVersion") == "ALL":
            found = self._all_versions(context, after, size + 1)
            return pagination.answer_page(
                "Functions", found, size, key=_list_key, show=lambda item: listed_answer(item, qualified=True)
            )
        records = list_functions(self._plane.storage, context.account_id, context.region, after=after, limit=size + 1)
        return pagination.answer_page(
            "Functions",
            records,
            size,
            key=lambda record: record.latest.name,
            show=lambda record: listed_answer(record.latest, qualified=False),
        )

    def _all_versions(self, context: RequestContext, after: str | None, count: int) -> list[FunctionConfiguration]:
        """Up to `count` versions behind the marker `after`, which is a name and the last version shown of it."""
        storage = self._plane.storage
        scope = (context.account_id, context.region)
        found: list[FunctionConfiguration] = []
        if after is not None:
            after, _, last = after.partition("/")
            behind = None if last == LATEST else int(last)
            found += list_versions(storage, *scope, after, after=behind, limit=count)
        while len(found) < count:
            records = list_functions(storage, *scope, after=after, limit=count)
            if not records:
                break
            for record in records:
                after = record.latest.name
                found.append(record.latest)
                found += list_versions(storage, *scope, after, limit=count)
                if len(found) >= count:
                    break
        return found[:count]

    @operation("DeleteFunction")
    async def delete_function(self, request: Request, context: RequestContext) -> Response:
        """The whole function, or the version that the qualifier names."""
        name = address_function(request, context, "lambda:DeleteFunction")
        if is_alias(name.qualifier):
            raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
        if name.qualifier is not None and not is_version(name.qualifier):
            raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
        for gone in await self._plane.storage.transact(lambda transaction: _delete(transaction, name)):
            self._plane.directory.deleted(gone)
        return {"StatusCode": 204}

    def _code_location(self, configuration: FunctionConfiguration, context: RequestContext) -> dict[str, Any]:
        if configuration.image_uri is not None:
            return {
                "RepositoryType": "ECR",
                "ImageUri": configuration.image_uri,
                "ResolvedImageUri": resolve_image(configuration.image_uri, configuration.code),
            }
        link = self._plane.links.make(configuration.code.digest, context.now)
        return {"RepositoryType": "S3", "Location": f"{context.endpoint}{link}"}


def _image_uri(request: Request) -> str | None:
    """The image of a function that has one; AWS refuses an image for Zip and a missing one for Image."""
    package_type, uri = request.get("PackageType") or "Zip", request["Code"].get("ImageUri")
    if package_type == "Image" and not uri:
        raise InvalidParameterValueException("Please provide ImageUri when creating a function with packageType Image.")
    if package_type == "Zip" and uri:
        raise InvalidParameterValueException(
            "Please do not provide ImageUri when creating a function with packageType Zip."
        )
    return uri or None


def _refuse_existing(reader: Reader, name: FunctionName) -> None:
    if get_function(reader, name.account_id, name.region, name.name) is not None:
        raise ResourceConflictException(f"Function already exist: {name.name}")


def _list_key(configuration: FunctionConfiguration) -> str:
    return f"{configuration.name}/{configuration.version}"


def _delete(transaction: Transaction, name: FunctionName) -> list[FunctionConfiguration]:
    scope = (name.account_id, name.region, name.name)
    record = require_function(transaction, FunctionName(*scope))
    if name.qualifier is None:
        gone = delete_function(transaction, *scope)
        delete_dependents(transaction, record)
        freed = sum(version.code.size for version in gone)
        add_usage(
            transaction,
            name.account_id,
            name.region,
            functions=-1,
            code_bytes=-freed,
            reserved_concurrency=-(record.reserved_concurrency or 0),
        )
        return gone
    version = get_version(transaction, *scope, int(name.qualifier))
    if version is None:
        return []
    referring = [
        alias.name
        for alias in list_aliases(transaction, *scope)
        if name.qualifier == alias.version or name.qualifier in alias.weights
    ]
    if referring:
        raise ResourceConflictException(
            f"Unable to delete version because the following aliases reference it: [{', '.join(referring)}]"
        )
    delete_version(transaction, version)
    delete_dependents_of(transaction, name, name.qualifier)
    add_usage(transaction, name.account_id, name.region, code_bytes=-version.code.size)
    return [version]
