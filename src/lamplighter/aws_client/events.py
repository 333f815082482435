"""EventBridge: PutEvents, one event at a time. JSON protocol."""

from collections.abc import Sequence

from lamplighter.aws_client.client import AwsClient, CallRefused, Place
from lamplighter.aws_client.json_call import json_call
from lamplighter.kernel.arn import Arn

_PASSING = 500
_REFUSED = 400
_MAY_PASS = frozenset({"InternalFailure", "InternalException", "ThrottlingException"})


async def put_event(
    client: AwsClient,
    bus: Arn,
    *,
    source: str,
    detail_type: str,
    resources: Sequence[str],
    detail: str,
    trace_header: str = "",
) -> None:
    """Raises what AwsClient.call raises, also when the bus refused the one entry."""
    entry: dict[str, object] = {
        "Source": source,
        "DetailType": detail_type,
        "Resources": list(resources),
        "Detail": detail,
        "EventBusName": bus.text,
    }
    if trace_header:
        entry["TraceHeader"] = trace_header
    place = Place(bus.account_id, bus.region)
    answered = await json_call(client, "events", place, "AWSEvents.PutEvents", {"Entries": [entry]})
    if not answered.get("FailedEntryCount"):
        return
    entries = answered.get("Entries")
    failed = entries[0] if isinstance(entries, list) and entries else {}
    code = str(failed.get("ErrorCode") or "InternalFailure")
    raise CallRefused(code, str(failed.get("ErrorMessage") or ""), _PASSING if code in _MAY_PASS else _REFUSED)
