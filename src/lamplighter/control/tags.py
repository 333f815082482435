"""Tags: TagResource, UntagResource, ListTags, for whatever kind of resource has registered.

Each kind says how its ARN is recognised and what AWS answers when there is no such resource. Must not know more about
any of them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from lamplighter.aws.errors import InvalidParameterValueException, ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control.addressing import check_reachable
from lamplighter.control.plane import ControlPlane
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import Arn
from lamplighter.resources.functions.model import FunctionRecord
from lamplighter.resources.functions.names import FunctionName, not_found
from lamplighter.resources.functions.table import Reader, get_function, put_function, with_latest
from lamplighter.resources.tags.rules import check_tags
from lamplighter.resources.tags.table import get_tags, put_tags
from lamplighter.storage.storage import Transaction

_FUNCTION_FIELDS = 2
Change = Callable[[dict[str, str]], dict[str, str]]


class TaggableKind(Protocol):
    """One kind of resource that carries tags."""

    prefix: str

    def check(self, reader: Reader, arn: Arn, text: str) -> None:
        """Refuse with AWS's words unless there is such a resource and it takes tags."""
        ...

    def touch(self, transaction: Transaction, arn: Arn, revision_id: str) -> None:
        """Its tags have changed, in the same transaction."""
        ...


class TaggableFunction:
    """Functions; versions and aliases take no tags. A change of tags is a new revision of $LATEST."""

    prefix = "function:"

    def check(self, reader: Reader, arn: Arn, text: str) -> None:
        if len(arn.resource.split(":")) > _FUNCTION_FIELDS:
            raise InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        self._record(reader, arn)

    def touch(self, transaction: Transaction, arn: Arn, revision_id: str) -> None:
        record = self._record(transaction, arn)
        put_function(transaction, with_latest(record, replace(record.latest, revision_id=revision_id)))

    def _record(self, reader: Reader, arn: Arn) -> FunctionRecord:
        name = FunctionName(arn.account_id, arn.region, arn.resource.removeprefix(self.prefix))
        record = get_function(reader, name.account_id, name.region, name.name)
        if record is None:
            raise not_found(name)
        return record


class TagOperations:
    """TagResource, UntagResource, ListTags."""

    def __init__(self, plane: ControlPlane, kinds: Sequence[TaggableKind]) -> None:
        self._plane = plane
        self._kinds = kinds

    @operation("TagResource")
    async def tag_resource(self, request: Request, context: RequestContext) -> Response:
        added: dict[str, str] = request["Tags"]
        kind, arn = self._address(request, context, "lambda:TagResource")
        if not added:
            raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
        await self._change(
            kind,
            arn,
            request["Resource"],
            lambda tags: check_tags(tags, added, self._plane.limits.tags_per_resource),
        )
        return {}

    @operation("UntagResource")
    async def untag_resource(self, request: Request, context: RequestContext) -> Response:
        kind, arn = self._address(request, context, "lambda:UntagResource")
        gone = frozenset(request["TagKeys"])
        await self._change(
            kind,
            arn,
            request["Resource"],
            lambda tags: {key: value for key, value in tags.items() if key not in gone},
        )
        return {}

    @operation("ListTags")
    async def list_tags(self, request: Request, context: RequestContext) -> Response:
        kind, arn = self._address(request, context, "lambda:ListTags")
        kind.check(self._plane.storage, arn, request["Resource"])
        return {"Tags": get_tags(self._plane.storage, request["Resource"])}

    def _address(self, request: Request, context: RequestContext, action: str) -> tuple[TaggableKind, Arn]:
        text = request["Resource"]
        arn = Arn.parse(text)
        context.authorise(action, text)
        for kind in self._kinds:
            if arn is not None and arn.resource.startswith(kind.prefix):
                check_reachable(arn, context, action, text)
                return kind, arn
        raise ResourceNotFoundException(f"Resource not found: {text}")

    async def _change(self, kind: TaggableKind, arn: Arn, text: str, change: Change) -> None:
        revision_id = self._plane.ids.uuid()

        def decide(transaction: Transaction) -> None:
            kind.check(transaction, arn, text)
            before = get_tags(transaction, text)
            after = change(before)
            if after != before:
                put_tags(transaction, text, after)
                kind.touch(transaction, arn, revision_id)

        await self._plane.storage.transact(decide)
        if kind.prefix == TaggableFunction.prefix:
            self._plane.directory.forget(arn.account_id, arn.region, arn.resource.removeprefix(kind.prefix))
