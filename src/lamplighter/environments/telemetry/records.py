"""The records of the platform's own events, in the shapes that the Telemetry API and JSON logs share.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html. Pure.
"""

from typing import Any

from lamplighter.environments.event import InvokeEvent
from lamplighter.environments.extensions.extension import Extension
from lamplighter.environments.platform_log import Report, Subject
from lamplighter.environments.telemetry.event import iso_time

# Any: JSON objects.
Record = dict[str, Any]

_MIB = 1024 * 1024


def init_start(subject: Subject, initialization_type: str, phase: str, instance_id: str) -> Record:
    return {
        "initializationType": initialization_type,
        "phase": phase,
        "runtimeVersion": subject.runtime_label,
        "runtimeVersionArn": subject.runtime_arn,
        "functionName": subject.function_name,
        "functionVersion": subject.version,
        "instanceId": instance_id,
        "instanceMaxMemory": subject.memory_mib * _MIB,
    }


def init_runtime_done(initialization_type: str, phase: str, status: str, error_type: str = "") -> Record:
    return {"initializationType": initialization_type, "phase": phase, "status": status} | _error(error_type)


def init_report(initialization_type: str, phase: str, status: str, duration_ms: float, error_type: str = "") -> Record:
    record = {
        "initializationType": initialization_type,
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": round(duration_ms, 3)},
    }
    return record | _error(error_type)


def extension(told: Extension) -> Record:
    return {"name": told.name, "state": told.state_name, "events": list(told.events)} | _error(told.error_type)


def start(event: InvokeEvent, version: str) -> Record:
    return {"requestId": event.request_id, "version": version} | _tenant(event.tenant_id) | _tracing(event.trace_header)


def runtime_done(report: Report, started: float, latency_ms: float, produced_bytes: int) -> Record:
    """`started` is when the event was handed over, `latency_ms` how long the first byte of the response took."""
    duration = round(report.duration_ms, 3)
    metrics: Record = {"durationMs": duration}
    record: Record = {"requestId": report.request_id, "status": status_of(report)}
    if report.status in ("success", "error"):
        metrics["producedBytes"] = produced_bytes
        latency = round(latency_ms, 3)
        record["spans"] = [
            {"name": "responseLatency", "start": iso_time(started), "durationMs": latency},
            {
                "name": "responseDuration",
                "start": iso_time(started + latency_ms / 1000),
                "durationMs": round(max(0.0, duration - latency), 3),
            },
        ]
    about = _error(report.error_type or "") | _tenant(report.tenant_id) | _tracing(report.trace_header)
    return record | {"metrics": metrics} | about


def _tenant(tenant_id: str) -> Record:
    return {"tenantId": tenant_id} if tenant_id else {}


def report_of(report: Report, memory_mib: int) -> Record:
    metrics: Record = {
        "durationMs": round(report.duration_ms, 3),
        "billedDurationMs": report.billed_ms,
        "memorySizeMB": memory_mib,
        "maxMemoryUsedMB": report.memory_used_mib,
    }
    if report.init_ms is not None:
        metrics["initDurationMs"] = round(report.init_ms, 3)
    record = {"requestId": report.request_id, "status": status_of(report), "metrics": metrics}
    return record | _error(report.error_type or "") | _tracing(report.trace_header)


def status_of(report: Report) -> str:
    """Lambda calls it a failure only when the sandbox itself is to blame."""
    if report.status == "failure" and not (report.error_type or "").startswith("Sandbox."):
        return "error"
    return report.status


def _error(error_type: str) -> Record:
    return {"errorType": error_type} if error_type else {}


def _tracing(trace_header: str) -> Record:
    if not trace_header:
        return {}
    fields = dict(part.split("=", 1) for part in trace_header.split(";") if "=" in part)
    tracing = {"type": "X-Amzn-Trace-Id", "value": trace_header}
    if "Parent" in fields:
        tracing["spanId"] = fields["Parent"]
    return {"tracing": tracing}
