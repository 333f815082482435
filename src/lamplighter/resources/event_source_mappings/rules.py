"""What a request to create or update an event source mapping makes of it, and what AWS refuses. Pure.

Wordings recorded on AWS (2025-11): the unrecognised source, DestinationConfig, the missing function. Others are those
that users quote in public; where none is known, the rule is AWS's and the words are ours.
"""

from collections.abc import Mapping
from typing import Any

from lamplighter.aws.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from lamplighter.aws.operation import Request
from lamplighter.resources.event_patterns.syntax import PatternRefused, read_pattern
from lamplighter.resources.event_source_mappings.model import SETTLED, TRANSITIONS, EventSourceMapping
from lamplighter.resources.event_source_mappings.sources import KINDS, SELF_MANAGED_KAFKA, SQS, SQS_FIFO, SourceKind
from lamplighter.resources.event_source_mappings.sources import recognise as recognise_arn

_SMALL_BATCH = 10
_LEAST_RECORD_AGE = 60
_MOST_FILTERS = 10
_LEAST_QUEUE_POLLERS = 2
# Members of a request that are not the source's configuration.
_ABOUT_THE_MAPPING = frozenset({"FunctionName", "Enabled", "Tags", "UUID", "EventSourceArn"})
_CONSUMER_GROUPS = ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig")
# An empty value of these means that there is none.
_REMOVABLE = frozenset({"KMSKeyArn", "MetricsConfig", "ScalingConfig", "ProvisionedPollerConfig", "LoggingConfig"})


def recognise(request: Request) -> SourceKind:
    """The kind of source that a request to create a mapping names."""
    arn = request.get("EventSourceArn")
    if request.get("SelfManagedEventSource") and not arn:
        return SELF_MANAGED_KAFKA
    kind = recognise_arn(arn) if arn and not request.get("SelfManagedEventSource") else None
    if kind is None:
        raise InvalidParameterValueException("Unrecognized event source.")
    return kind


def first_members(kind: SourceKind, request: Request, uuid: str, now: float) -> dict[str, Any]:
    """A new mapping's members, checked: what the request gives, and the kind's defaults for the rest."""
    _check_taken(kind, request)
    for member in kind.needs:
        if not request.get(member):
            raise InvalidParameterValueException(f"Required '{member[0].lower()}{member[1:]}' parameter is missing.")
    _check_position(kind, request, now)
    members = _merge(kind.defaults, request)
    if request.get("EventSourceArn"):
        members["EventSourceArn"] = request["EventSourceArn"]
    for member in _CONSUMER_GROUPS:
        if member in kind.takes:
            members[member] = {"ConsumerGroupId": uuid, **members.get(member, {})}
    if "DocumentDBEventSourceConfig" in members:
        members["DocumentDBEventSourceConfig"] = {"FullDocument": "Default", **members["DocumentDBEventSourceConfig"]}
    if members.get("StartingPosition") != "AT_TIMESTAMP":
        members.pop("StartingPositionTimestamp", None)
    _check_members(kind, members)
    return members


def changed_members(mapping: EventSourceMapping, request: Request) -> dict[str, Any]:
    """The members after an update, checked. What the request leaves out stays."""
    kind = KINDS[mapping.kind]
    _check_taken(kind, request)
    members = _merge(mapping.members, request)
    for member in _CONSUMER_GROUPS:
        if member in members:
            before = mapping.members.get(member, {})
            members[member] = {**before, **members[member]}
            if members[member].get("ConsumerGroupId") != before.get("ConsumerGroupId"):
                raise InvalidParameterValueException("ConsumerGroupId cannot be updated.")
    _check_members(kind, members)
    return members


def begin(mapping: EventSourceMapping, asked: str) -> str:
    """The state that `asked` (update, enable, disable, delete) leads to."""
    state = TRANSITIONS.get((mapping.state, asked))
    if state is None:
        verb = "delete" if asked == "delete" else "update"
        raise ResourceInUseException(f"Cannot {verb} the event source mapping because it is in use.")
    return state


def asked_for(mapping: EventSourceMapping, *, enabled: bool | None) -> str:
    """What an update asks for, given its Enabled member."""
    if enabled is None or enabled == mapping.is_enabled or mapping.state not in SETTLED:
        return "update"
    return "enable" if enabled else "disable"


# Any: the API's own nested structures, already validated against AWS's model.
def _merge(before: Mapping[str, Any], request: Request) -> dict[str, Any]:
    given = {name: value for name, value in request.items() if name not in _ABOUT_THE_MAPPING and value is not None}
    members = {**before, **given}
    if "DestinationConfig" in members:
        destination = (members["DestinationConfig"].get("OnFailure") or {}).get("Destination")
        members["DestinationConfig"] = {"OnFailure": {"Destination": destination} if destination else {}}
    if not (members.get("FilterCriteria") or {}).get("Filters"):
        members.pop("FilterCriteria", None)
    return {member: value for member, value in members.items() if value or member not in _REMOVABLE}


def _check_taken(kind: SourceKind, request: Request) -> None:
    if (request.get("DestinationConfig") or {}).get("OnSuccess"):
        raise _unsupported("DestinationConfig")
    for member, value in request.items():
        if value is not None and member not in _ABOUT_THE_MAPPING and member not in kind.takes:
            if member == "StartingPosition" and kind in (SQS, SQS_FIFO):
                raise InvalidParameterValueException("StartingPosition is not valid for SQS event sources.")
            raise _unsupported(member)
    if (request.get("SelfManagedKafkaEventSourceConfig") or {}).get("ConsumptionMode"):
        raise _unsupported("ConsumptionMode")


def _unsupported(member: str) -> InvalidParameterValueException:
    """AWS quotes members and begins them with a small letter, with these exceptions."""
    shown = {"DestinationConfig": "DestinationConfig", "ConsumptionMode": "'ConsumptionMode'"}.get(
        member, f"'{member[0].lower()}{member[1:]}'"
    )
    return InvalidParameterValueException(f"Unsupported {shown} parameter for given event source mapping type.")


def _check_position(kind: SourceKind, request: Request, now: float) -> None:
    if not kind.positions:
        return
    position = request.get("StartingPosition")
    if position is None:
        raise InvalidParameterValueException(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    if position not in kind.positions:
        raise InvalidParameterValueException(f"Unsupported starting position for arn type: {request['EventSourceArn']}")
    if position == "AT_TIMESTAMP":
        timestamp = request.get("StartingPositionTimestamp")
        if timestamp is None:
            raise InvalidParameterValueException("Need to specify a timestamp")
        if timestamp > now:
            raise InvalidParameterValueException("StartingPositionTimestamp must not be in the future.")


def _check_members(kind: SourceKind, members: Mapping[str, Any]) -> None:
    """What the members must be to each other."""
    _check_batch(kind, members)
    _check_filters(members)
    _check_access(kind, members)
    _check_pollers(kind, members)
    age = members.get("MaximumRecordAgeInSeconds", -1)
    if -1 < age < _LEAST_RECORD_AGE:
        raise InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1 or at least {_LEAST_RECORD_AGE} seconds."
        )
    for metric in (members.get("MetricsConfig") or {}).get("Metrics") or ():
        if metric not in kind.metrics:
            raise _unsupported("MetricsConfig")


def _check_batch(kind: SourceKind, members: Mapping[str, Any]) -> None:
    size, window = members["BatchSize"], members.get("MaximumBatchingWindowInSeconds", 0)
    if kind is SQS_FIFO and window > 0:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues")
    if size > kind.batch_limit:
        raise InvalidParameterValueException(
            f"Batch size must be less than or equal to {kind.batch_limit} for FIFO queues."
        )
    if kind is SQS and size > _SMALL_BATCH and window == 0:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def _check_filters(members: Mapping[str, Any]) -> None:
    filters = (members.get("FilterCriteria") or {}).get("Filters") or ()
    if len(filters) > _MOST_FILTERS:
        raise InvalidParameterValueException(f"A mapping can have at most {_MOST_FILTERS} filters.")
    for given in filters:
        try:
            read_pattern(given.get("Pattern") or "")
        except PatternRefused as refused:
            raise InvalidParameterValueException("Invalid filter pattern definition.") from refused


def _check_access(kind: SourceKind, members: Mapping[str, Any]) -> None:
    for access in members.get("SourceAccessConfigurations") or ():
        if access.get("Type") not in kind.access:
            raise InvalidParameterValueException(
                f"Unsupported SourceAccessConfiguration type {access.get('Type')} for given event source mapping type."
            )


def _check_pollers(kind: SourceKind, members: Mapping[str, Any]) -> None:
    pollers = members.get("ProvisionedPollerConfig")
    if not pollers:
        return
    if members.get("ScalingConfig", {}).get("MaximumConcurrency"):
        raise InvalidParameterValueException(
            "ScalingConfig and ProvisionedPollerConfig cannot be used for the same event source mapping."
        )
    least, most = pollers.get("MinimumPollers"), pollers.get("MaximumPollers")
    if kind in (SQS, SQS_FIFO) and any(
        figure is not None and figure < _LEAST_QUEUE_POLLERS for figure in (least, most)
    ):
        raise InvalidParameterValueException(
            f"MinimumPollers and MaximumPollers must be at least {_LEAST_QUEUE_POLLERS} for SQS event sources."
        )
    if least is not None and most is not None and least > most:
        raise InvalidParameterValueException("MinimumPollers must be less than or equal to MaximumPollers.")


# --- refusals


def not_found() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")


def no_function() -> InvalidParameterValueException:
    return InvalidParameterValueException("Function does not exist")


def exists(mapping: EventSourceMapping, function_name: str, existing: str) -> ResourceConflictException:
    """SQS has words of its own."""
    source = mapping.members.get("EventSourceArn") or mapping.identity[1]
    if mapping.kind in (SQS.name, SQS_FIFO.name):
        return ResourceConflictException(
            f'An event source mapping with SQS arn (" {source} ") and function (" {function_name} ") already exists. '
            f"Please update or delete the existing mapping with UUID {existing}"
        )
    return ResourceConflictException(
        f'The event source arn (" {source} ") and function (" {function_name} ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {existing}"
    )
