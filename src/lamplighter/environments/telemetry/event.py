"""One telemetry event, and what becomes of it under each schema that an extension may subscribe with.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html and, for the older Logs API,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html. Pure.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

PLATFORM, FUNCTION, EXTENSION = "platform", "function", "extension"

TELEMETRY_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
LOGS_SCHEMAS = ("2020-08-15", "2021-03-18")

# The Logs API knows fewer events; two have other names there.
_LOGS_TYPES = {
    "platform.start": "platform.start",
    "platform.report": "platform.report",
    "platform.extension": "platform.extension",
    "platform.telemetrySubscription": "platform.logsSubscription",
    "platform.logsDropped": "platform.logsDropped",
}
_LOGS_RUNTIME_DONE = "2021-03-18"


class TelemetryEvent(msgspec.Struct, frozen=True):
    """`type` is platform.*, function or extension; `record` an object, or the line of a log."""

    time: str
    type: str
    record: Any  # any JSON value

    @property
    def category(self) -> str:
        return self.type.partition(".")[0]


def iso_time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def render(event: TelemetryEvent, schema: str) -> list[bytes]:
    """The event as JSON, as often as the schema wants to see it."""
    if schema in TELEMETRY_SCHEMAS or event.category != PLATFORM:
        return [msgspec.json.encode(event)]
    return [msgspec.json.encode(one) for one in _for_logs_api(event, schema)]


def _for_logs_api(event: TelemetryEvent, schema: str) -> list[TelemetryEvent]:
    if event.type == "platform.runtimeDone":
        return _done_for_logs_api(event, schema)
    known = _LOGS_TYPES.get(event.type)
    if known is None:
        return []
    record = event.record
    if known == "platform.start":
        record = {"requestId": record["requestId"], "version": record["version"]}
    elif known == "platform.report":
        record = {"requestId": record["requestId"], "metrics": record["metrics"]}
        end = TelemetryEvent(event.time, "platform.end", {"requestId": record["requestId"]})
        return [end, TelemetryEvent(event.time, known, record)]
    return [TelemetryEvent(event.time, known, record)]


def _done_for_logs_api(event: TelemetryEvent, schema: str) -> list[TelemetryEvent]:
    told = []
    record = event.record
    if record["status"] not in ("success", "error"):
        text = f"RequestId: {record['requestId']} Process exited before completing request"
        if record["status"] == "timeout":
            text = f"RequestId: {record['requestId']} Task timed out"
        told.append(TelemetryEvent(event.time, "platform.fault", text))
    if schema == _LOGS_RUNTIME_DONE:
        status = "failure" if record["status"] == "error" else record["status"]
        done = {"requestId": record["requestId"], "status": status}
        told.append(TelemetryEvent(event.time, event.type, done))
    return told
