"""Event source mappings: create, get, list, update, delete. They write what is wanted; `mapping_reconciler` settles it.

Whether the source exists is not asked here: sources are reached by whoever polls them. Must not know pollers.
"""

from msgspec.structs import replace

from lamplighter.aws.errors import ResourceNotFoundException
from lamplighter.aws.operation import Request, Response, operation
from lamplighter.control import pagination
from lamplighter.control.addressing import check_own_account
from lamplighter.control.plane import ControlPlane, require_function, require_version
from lamplighter.identity.context import RequestContext
from lamplighter.kernel.arn import Arn
from lamplighter.resources.event_source_mappings import rules
from lamplighter.resources.event_source_mappings.model import EventSourceMapping
from lamplighter.resources.event_source_mappings.table import (
    MappingKey,
    find_same,
    get_mapping,
    key_of,
    list_mappings,
    put_mapping,
)
from lamplighter.resources.functions.names import FunctionName, locate_function
from lamplighter.resources.functions.table import Reader
from lamplighter.resources.functions.tenancy import refuse_with_tenants
from lamplighter.resources.tags.rules import check_tags
from lamplighter.resources.tags.table import put_tags
from lamplighter.storage.storage import Transaction

_MOST_ITEMS = 100
_LOOKED_THROUGH_AT_ONCE = 500
_PATIENCE_SECONDS = 15.0


class EventSourceMappingOperations:
    """Create-, Get-, List-, Update- and DeleteEventSourceMapping."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._reconciler = plane.mappings

    @operation("CreateEventSourceMapping")
    async def create_event_source_mapping(self, request: Request, context: RequestContext) -> Response:
        """The source is judged before the function is looked for, as on AWS."""
        kind = rules.recognise(request)
        uuid = self._plane.ids.uuid()
        members = rules.first_members(kind, request, uuid, context.now)
        name = _locate(request, context, "lambda:CreateEventSourceMapping")
        context.authorise("lambda:CreateEventSourceMapping", "*", **_about(name.qualified_arn))
        tags = check_tags({}, request.get("Tags") or {}, self._plane.limits.tags_per_resource)
        mapping = EventSourceMapping(
            account_id=context.account_id,
            region=context.region,
            uuid=uuid,
            kind=kind.name,
            function_arn=name.qualified_arn,
            is_enabled=request.get("Enabled", True) is not False,
            state_transition_reason=kind.reason,
            last_processing_result=kind.result,
            modified_at=context.now,
            revision_id=self._plane.ids.uuid(),
            members=members,
        )

        def decide(transaction: Transaction) -> None:
            _require_function(transaction, name)
            _refuse_same(transaction, mapping, name)
            put_mapping(transaction, mapping)
            put_tags(transaction, mapping.arn, tags)

        await self._plane.storage.transact(decide)
        self._reconciler.schedule(key_of(mapping))
        return _answer(mapping)

    @operation("GetEventSourceMapping")
    async def get_event_source_mapping(self, request: Request, context: RequestContext) -> Response:
        mapping = _require(self._plane.storage, _address(request, context))
        context.authorise("lambda:GetEventSourceMapping", mapping.arn, **_about(mapping.function_arn))
        return _answer(mapping)

    @operation("ListEventSourceMappings")
    async def list_event_source_mappings(self, request: Request, context: RequestContext) -> Response:
        """By UUID; with EventSourceArn or FunctionName, those that have exactly these."""
        context.authorise("lambda:ListEventSourceMappings", "*")
        function_arn = None
        if request.get("FunctionName"):
            function_arn = _locate(request, context, "lambda:ListEventSourceMappings").qualified_arn
        size, after = pagination.page_size(request, _MOST_ITEMS), pagination.read_marker(request)
        found = self._matching(context, after, size + 1, request.get("EventSourceArn"), function_arn)
        return pagination.answer_page(
            "EventSourceMappings", found, size, key=lambda mapping: mapping.uuid, show=_answer
        )

    def _matching(
        self, context: RequestContext, after: str | None, count: int, source: str | None, function_arn: str | None
    ) -> list[EventSourceMapping]:
        """Up to `count` mappings behind the UUID `after` that have this source and function, where given."""
        found: list[EventSourceMapping] = []
        while len(found) < count:
            looked = list_mappings(
                self._plane.storage, context.account_id, context.region, after=after, limit=_LOOKED_THROUGH_AT_ONCE
            )
            if not looked:
                break
            after = looked[-1].uuid
            found += [
                mapping
                for mapping in looked
                if (not source or mapping.members.get("EventSourceArn") == source)
                and (not function_arn or mapping.function_arn == function_arn)
            ]
        return found[:count]

    @operation("UpdateEventSourceMapping")
    async def update_event_source_mapping(self, request: Request, context: RequestContext) -> Response:
        key = _address(request, context)
        mapping = _require(self._plane.storage, key)
        name = None
        if request.get("FunctionName"):
            name = _locate(request, context, "lambda:UpdateEventSourceMapping")
        wanted = mapping.function_arn if name is None else name.qualified_arn
        context.authorise("lambda:UpdateEventSourceMapping", mapping.arn, **_about(wanted))
        await self._reconciler.wait_settled(key, _PATIENCE_SECONDS)
        revision_id = self._plane.ids.uuid()

        def decide(transaction: Transaction) -> EventSourceMapping:
            before = _require(transaction, key)
            enabled = request.get("Enabled")
            mapping = replace(
                before,
                state=rules.begin(before, rules.asked_for(before, enabled=enabled)),
                is_enabled=before.is_enabled if enabled is None else enabled,
                function_arn=before.function_arn if name is None else name.qualified_arn,
                members=rules.changed_members(before, request),
                modified_at=context.now,
                revision_id=revision_id,
            )
            if name is not None:
                _require_function(transaction, name)
                _refuse_same(transaction, mapping, name)
            put_mapping(transaction, mapping)
            return mapping

        mapping = await self._plane.storage.transact(decide)
        self._reconciler.schedule(key)
        return _answer(mapping)

    @operation("DeleteEventSourceMapping")
    async def delete_event_source_mapping(self, request: Request, context: RequestContext) -> Response:
        """It is gone when whoever polls for it has let go."""
        key = _address(request, context)
        mapping = _require(self._plane.storage, key)
        context.authorise("lambda:DeleteEventSourceMapping", mapping.arn, **_about(mapping.function_arn))
        await self._reconciler.wait_settled(key, _PATIENCE_SECONDS)
        revision_id = self._plane.ids.uuid()

        def decide(transaction: Transaction) -> EventSourceMapping:
            before = _require(transaction, key)
            mapping = replace(
                before, state=rules.begin(before, "delete"), modified_at=context.now, revision_id=revision_id
            )
            put_mapping(transaction, mapping)
            put_tags(transaction, mapping.arn, {})
            return mapping

        mapping = await self._plane.storage.transact(decide)
        self._reconciler.schedule(key)
        return _answer(mapping)


class TaggableEventSourceMapping:
    """Event source mappings, for the operations on tags."""

    prefix = "event-source-mapping:"

    def check(self, reader: Reader, arn: Arn, text: str) -> None:
        uuid = arn.resource.removeprefix(self.prefix)
        if get_mapping(reader, MappingKey(arn.account_id, arn.region, uuid)) is None:
            raise ResourceNotFoundException(f"Event source mapping not found: {text}")

    def touch(self, transaction: Transaction, arn: Arn, revision_id: str) -> None:
        """Tags do not modify the mapping."""


def _address(request: Request, context: RequestContext) -> MappingKey:
    return MappingKey(context.account_id, context.region, request["UUID"])


def _locate(request: Request, context: RequestContext, action: str) -> FunctionName:
    """The function that the request names, of the caller's account. What is permitted is the mapping, not this."""
    name = locate_function(request["FunctionName"], None, account_id=context.account_id, region=context.region)
    check_own_account(name.account_id, context, action, name.qualified_arn)
    return name


def _about(function_arn: str) -> dict[str, str]:
    """The condition key that AWS lets policies on mappings ask for."""
    return {"lambda:FunctionArn": function_arn}


def _require(reader: Reader, key: MappingKey) -> EventSourceMapping:
    mapping = get_mapping(reader, key)
    if mapping is None:
        raise rules.not_found()
    return mapping


def _require_function(reader: Reader, name: FunctionName) -> None:
    """These operations have words of their own for a function, version or alias that is not there."""
    try:
        record = require_function(reader, name)
        require_version(reader, record, name)
    except ResourceNotFoundException as missing:
        raise rules.no_function() from missing
    refuse_with_tenants(record.latest, "An event source mapping")


def _refuse_same(reader: Reader, mapping: EventSourceMapping, name: FunctionName) -> None:
    existing = find_same(reader, mapping)
    if existing is not None:
        raise rules.exists(mapping, name.name, existing)


def _answer(mapping: EventSourceMapping) -> Response:
    answer: Response = {
        "UUID": mapping.uuid,
        "EventSourceMappingArn": mapping.arn,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.modified_at,
        "State": mapping.state,
        "StateTransitionReason": mapping.state_transition_reason,
        **mapping.members,
    }
    if mapping.last_processing_result is not None:
        answer["LastProcessingResult"] = mapping.last_processing_result
    return answer
