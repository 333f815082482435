"""Versions: publish $LATEST, list what was published. Must not know how functions run."""

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import address_function
from lamplighter.control.answers import configuration_answer, listed_answer
from lamplighter.control.plane import ControlPlane, require_function
from lamplighter.control.publishing import publish
from lamplighter.control.settings import check_references
from lamplighter.identity.context import RequestContext
from lamplighter.resources.functions import rules
from lamplighter.resources.functions.model import FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.names import LATEST, FunctionName
from lamplighter.resources.functions.table import (
    Reader,
    add_usage,
    get_usage,
    get_version,
    list_versions,
    put_function,
    put_version,
)
from lamplighter.storage.storage import Transaction


class VersionOperations:
    """PublishVersion, ListVersionsByFunction."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @operation("PublishVersion")
    async def publish_version(self, request: Request, context: RequestContext) -> Response:
        """The next version; when nothing changed since the last one, that one again."""
        name = address_function(request, context, "lambda:PublishVersion")
        check_references(request)
        await self._plane.wait_settled(name)
        version_revision, latest_revision = self._plane.ids.uuid(), self._plane.ids.uuid()

        def decide(transaction: Transaction) -> tuple[FunctionRecord, FunctionConfiguration]:
            record = require_function(transaction, name)
            existing = _unchanged(transaction, record, name)
            _check(request, record)
            if existing is not None:
                return record, existing
            rules.check_changeable(record.latest)
            record, version = publish(
                record,
                description=request.get("Description"),
                version_revision=version_revision,
                latest_revision=latest_revision,
            )
            usage = get_usage(transaction, name.account_id, name.region)
            rules.check_code_storage(usage.code_bytes, version.code.size, self._plane.limits)
            add_usage(transaction, name.account_id, name.region, code_bytes=version.code.size)
            put_function(transaction, record)
            put_version(transaction, version)
            return record, version

        record, version = await self._plane.storage.transact(decide)
        if version.revision_id == version_revision:
            self._plane.reconcile(record.latest)
            self._plane.reconcile(version)
        return configuration_answer(version, arn=version.qualified_arn)

    @operation("ListVersionsByFunction")
    async def list_versions_by_function(self, request: Request, context: RequestContext) -> Response:
        """$LATEST, then the published versions as they count."""
        name = address_function(request, context, "lambda:ListVersionsByFunction")
        storage = self._plane.storage
        record = require_function(storage, FunctionName(name.account_id, name.region, name.name))
        size, after = pagination.page_size(request), pagination.read_marker(request)
        found = [] if after is not None else [record.latest]
        behind = None if after in (None, LATEST) else int(after)
        found += list_versions(storage, name.account_id, name.region, name.name, after=behind, limit=size + 1)
        return pagination.answer_page(
            "Versions",
            found,
            size,
            key=lambda version: version.version,
            show=lambda version: listed_answer(version, qualified=True),
        )


def _unchanged(reader: Reader, record: FunctionRecord, name: FunctionName) -> FunctionConfiguration | None:
    """The version that $LATEST already is, if that still exists."""
    if record.published_version is None or record.published_content != record.latest.content_revision:
        return None
    return get_version(reader, name.account_id, name.region, name.name, record.published_version)


def _check(request: Request, record: FunctionRecord) -> None:
    """The guards of a publication."""
    rules.check_revision(request.get("RevisionId"), record.latest.revision_id)
    given, current = request.get("CodeSha256"), record.latest.code.sha256
    if given and given != current:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
