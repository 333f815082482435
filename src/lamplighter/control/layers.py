"""Layers: publish, get, list, delete; and what a function's Layers member refers to.

Must not know how layers are mounted.
"""

from collections.abc import Sequence

from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.answers import last_modified
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import lambda_arn
from lamplighter.resources.functions.model import LayerReference
from lamplighter.resources.functions.rules import check_code_storage
from lamplighter.resources.functions.table import Reader, add_usage, get_usage
from lamplighter.resources.layers import rules
from lamplighter.resources.layers.model import LayerRecord, LayerVersion
from lamplighter.resources.layers.table import (
    delete_layer_version,
    get_layer,
    get_layer_version,
    list_layer_versions,
    list_layers,
    put_layer,
    put_layer_version,
)
from lamplighter.storage.storage import Transaction


class LayerOperations:
    """PublishLayerVersion, GetLayerVersion(ByArn), ListLayers, ListLayerVersions, DeleteLayerVersion."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PublishLayerVersion")
    async def publish_layer_version(self, request: Request, context: RequestContext) -> Response:
        account_id, region, name = address_layer(request["LayerName"], context, "lambda:PublishLayerVersion")
        code = await self._plane.code.take_zip(request["Content"])

        def decide(transaction: Transaction) -> LayerVersion:
            layer = get_layer(transaction, account_id, region, name) or LayerRecord(name=name)
            version = LayerVersion(
                account_id=account_id,
                region=region,
                name=name,
                version=layer.next_version,
                created_at=context.now,
                code=code,
                description=request.get("Description") or "",
                license_info=request.get("LicenseInfo"),
                runtimes=_given(request, "CompatibleRuntimes"),
                architectures=_given(request, "CompatibleArchitectures"),
            )
            used = get_usage(transaction, account_id, region).code_bytes
            check_code_storage(used, code.size, self._plane.limits)
            put_layer(transaction, account_id, region, LayerRecord(name=name, next_version=layer.next_version + 1))
            put_layer_version(transaction, version)
            add_usage(transaction, account_id, region, code_bytes=code.size)
            return version

        return self._answer(await self._plane.storage.transact(decide), context)

    @operation("GetLayerVersion")
    async def get_layer_version(self, request: Request, context: RequestContext) -> Response:
        rules.check_number(request["VersionNumber"])
        scope = address_layer(request["LayerName"], context, "lambda:GetLayerVersion", request["VersionNumber"])
        return self._answer(_require(self._plane.storage, (*scope, request["VersionNumber"])), context)

    @operation("GetLayerVersionByArn")
    async def get_layer_version_by_arn(self, request: Request, context: RequestContext) -> Response:
        address = rules.layer_version(request["Arn"])
        if address is None:
            raise rules.version_not_found()
        rules.check_reachable(
            address[0], request["Arn"], context.account_id, context.principal.arn, "lambda:GetLayerVersion"
        )
        context.authorise("lambda:GetLayerVersion", request["Arn"])
        return self._answer(_require(self._plane.storage, address), context)

    @operation("ListLayers")
    async def list_layers(self, request: Request, context: RequestContext) -> Response:
        """Each layer with its newest version that suits; layers without one are not shown."""
        context.authorise("lambda:ListLayers", "*")
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found: list[LayerVersion] = []
        for layer in list_layers(self._plane.storage, context.account_id, context.region, after=after):
            found += self._suitable(request, context.account_id, context.region, layer.name)[:1]
            if len(found) > size:
                break
        return pagination.answer_page(
            "Layers",
            found,
            size,
            key=lambda version: version.name,
            show=lambda version: {
                "LayerName": version.name,
                "LayerArn": version.layer_arn,
                "LatestMatchingVersion": _item(version),
            },
        )

    @operation("ListLayerVersions")
    async def list_layer_versions(self, request: Request, context: RequestContext) -> Response:
        """The newest first; a layer that is not there has none."""
        scope = address_layer(request["LayerName"], context, "lambda:ListLayerVersions")
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = self._suitable(request, *scope)
        if after is not None:
            found = [version for version in found if version.version < int(after)]
        return pagination.answer_page(
            "LayerVersions", found, size, key=lambda version: str(version.version), show=_item
        )

    @operation("DeleteLayerVersion")
    async def delete_layer_version(self, request: Request, context: RequestContext) -> Response:
        """Functions that use the version keep it. AWS says nothing when there is no such version."""
        rules.check_number(request["VersionNumber"])
        scope = address_layer(request["LayerName"], context, "lambda:DeleteLayerVersion", request["VersionNumber"])

        def decide(transaction: Transaction) -> None:
            version = get_layer_version(transaction, *scope, request["VersionNumber"])
            if version is not None:
                delete_layer_version(transaction, version)
                add_usage(transaction, version.account_id, version.region, code_bytes=-version.code.size)
                transaction.delete("policies", version.arn)

        await self._plane.storage.transact(decide)
        return {}

    def _suitable(self, request: Request, account_id: str, region: str, name: str) -> list[LayerVersion]:
        runtime, architecture = request.get("CompatibleRuntime"), request.get("CompatibleArchitecture")
        versions = list_layer_versions(self._plane.storage, account_id, region, name)
        return [version for version in versions if version.suits(runtime, architecture)]

    def _answer(self, version: LayerVersion, context: RequestContext) -> Response:
        link = self._plane.links.make(version.code.digest, context.now)
        return {
            **_item(version),
            "Description": version.description,
            "LayerArn": version.layer_arn,
            "Content": {
                "Location": f"{context.endpoint}{link}",
                "CodeSha256": version.code.sha256,
                "CodeSize": version.code.size,
            },
        }


def address_layer(text: str, context: RequestContext, action: str, version: int | None = None) -> tuple[str, str, str]:
    """Account, region and name of the layer meant, after the permission check."""
    account_id, region, name = rules.layer_name(text, account_id=context.account_id, region=context.region)
    arn = lambda_arn(region, account_id, "layer", name)
    arn = arn if version is None else f"{arn}:{version}"
    rules.check_reachable(account_id, arn, context.account_id, context.principal.arn, action)
    context.authorise(action, arn)
    return account_id, region, name


def refer_to_layers(reader: Reader, arns: Sequence[str], context: RequestContext) -> tuple[LayerReference, ...]:
    """The layer versions that a function's Layers member names, each with its own copy of the code reference."""
    rules.check_used_together(arns, context.region)
    references = []
    for arn in arns:
        address = rules.layer_version(arn)
        if address is not None:
            rules.check_reachable(address[0], arn, context.account_id, context.principal.arn, "lambda:GetLayerVersion")
        version = None if address is None else get_layer_version(reader, *address)
        if version is None:
            raise rules.version_unknown_to_function(arn)
        context.authorise("lambda:GetLayerVersion", arn)
        references.append(LayerReference(arn=arn, code=version.code))
    return tuple(references)


def _require(reader: Reader, address: tuple[str, str, str, int]) -> LayerVersion:
    version = get_layer_version(reader, *address)
    if version is None:
        raise rules.version_not_found()
    return version


def _given(request: Request, member: str) -> tuple[str, ...] | None:
    return None if request.get(member) is None else tuple(request[member])


def _item(version: LayerVersion) -> Response:
    """The version in a list, where AWS leaves out a description that is empty."""
    answer = {
        "LayerVersionArn": version.arn,
        "Version": version.version,
        "Description": version.description or None,
        "CreatedDate": last_modified(version.created_at),
        "CompatibleRuntimes": None if version.runtimes is None else list(version.runtimes),
        "CompatibleArchitectures": None if version.architectures is None else list(version.architectures),
        "LicenseInfo": version.license_info,
    }
    return {member: value for member, value in answer.items() if value is not None}
