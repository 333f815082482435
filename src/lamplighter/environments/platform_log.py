"""The lines that Lambda itself writes into a function's log: INIT_START, START, END, REPORT, INIT_REPORT.

Two renderings of the same facts, chosen by LogFormat: text exactly as Lambda prints it (tabs included), and the JSON
records of the same names (https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html). Pure.
"""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose log it is: the function version and the runtime that it runs on."""

    function_name: str
    version: str
    memory_mib: int
    region: str
    runtime: str
    runtime_version: str

    @property
    def runtime_label(self) -> str:
        """`python:3.12.v7` for python3.12 in version 3.12.7: Lambda's form, with the patch release as its number."""
        match = re.fullmatch(r"([a-z]+)([\d.]*?)(?:\.x)?(?:\.(al\d+))?", self.runtime)
        if match is None:
            return f"{self.runtime}.v0"
        family, version, base = match.groups()
        patch = re.search(r"\.(\d+)\D*$", self.runtime_version)
        return f"{family}:{base or version}.v{patch[1] if patch else 0}"

    @property
    def runtime_arn(self) -> str:
        digest = hashlib.sha256(f"{self.runtime} {self.runtime_version}".encode()).hexdigest()
        return f"arn:aws:lambda:{self.region}::runtime:{digest}"


class Report(msgspec.Struct, frozen=True):
    """What one invoke took. `status` is success, error (the function raised), failure (the runtime died) or timeout."""

    request_id: str
    duration_ms: float
    billed_ms: int
    memory_used_mib: int
    init_ms: float | None = None
    status: str = "success"
    error_type: str | None = None
    trace_header: str = ""
    tenant_id: str = ""
    restore_ms: float | None = None


class PlatformLog(Protocol):
    """One rendering. A method returns the lines of the event, each complete; none if the level hides it."""

    def init_start(self, now: float) -> tuple[str, ...]: ...

    def init_report(self, now: float, duration_ms: float, phase: str, error_type: str | None) -> tuple[str, ...]: ...

    def restore_start(self, now: float) -> tuple[str, ...]: ...

    def restore_report(self, now: float, duration_ms: float, status: str, error_type: str) -> tuple[str, ...]: ...

    def extension(self, now: float, record: Mapping[str, Any]) -> tuple[str, ...]: ...

    def subscribed(self, now: float, name: str, types: Sequence[str], *, is_logs_api: bool) -> tuple[str, ...]: ...

    def start(self, now: float, request_id: str, tenant_id: str = "") -> tuple[str, ...]: ...

    def end(self, now: float, report: Report) -> tuple[str, ...]: ...


class TextLog:
    """LogFormat Text."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._start = f" Version: {subject.version}\n"
        self._memory = f" ms\tMemory Size: {subject.memory_mib} MB\tMax Memory Used: "

    def init_start(self, now: float) -> tuple[str, ...]:
        label, arn = self._subject.runtime_label, self._subject.runtime_arn
        return (f"INIT_START Runtime Version: {label}\tRuntime Version ARN: {arn}\n",)

    def init_report(self, now: float, duration_ms: float, phase: str, error_type: str | None) -> tuple[str, ...]:
        status = "timeout" if error_type is None else f"error\tError Type: {error_type}"
        return (f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}\n",)

    def restore_start(self, now: float) -> tuple[str, ...]:
        label, arn = self._subject.runtime_label, self._subject.runtime_arn
        return (f"RESTORE_START Runtime Version: {label}\tRuntime Version ARN: {arn}\n",)

    def restore_report(self, now: float, duration_ms: float, status: str, error_type: str) -> tuple[str, ...]:
        told = "" if status == "success" else f"\tStatus: {status}"
        if status == "error":
            told += f"\tError Type: {error_type}"
        return (f"RESTORE_REPORT Restore Duration: {duration_ms:.2f} ms{told}\n",)

    def extension(self, now: float, record: Mapping[str, Any]) -> tuple[str, ...]:
        error = f"\tError Type: {record['errorType']}" if "errorType" in record else ""
        events = ",".join(record["events"])
        return (f"EXTENSION\tName: {record['name']}\tState: {record['state']}\tEvents: [{events}]{error}\n",)

    def subscribed(self, now: float, name: str, types: Sequence[str], *, is_logs_api: bool) -> tuple[str, ...]:
        kind = "LOGS" if is_logs_api else "TELEMETRY"
        told = ", ".join(word.capitalize() for word in types)
        return (f"{kind}\tName: {name}\tState: Subscribed\tTypes: [{told}]\n",)

    def start(self, now: float, request_id: str, tenant_id: str = "") -> tuple[str, ...]:
        return (f"START RequestId: {request_id}{self._start}",)

    def end(self, now: float, report: Report) -> tuple[str, ...]:
        init = "" if report.init_ms is None else f"Init Duration: {report.init_ms:.2f} ms\t"
        status = "" if report.status == "success" else _text_status(report)
        if report.restore_ms is not None:
            billed = math.ceil(report.restore_ms)
            init = f"Restore Duration: {report.restore_ms:.2f} ms\tBilled Restore Duration: {billed} ms\t"
        line = (
            f"REPORT RequestId: {report.request_id}\tDuration: {report.duration_ms:.2f} ms\tBilled Duration: "
            f"{report.billed_ms}{self._memory}{report.memory_used_mib} MB\t{init}{status}\n"
        )
        if "Sampled=1" in report.trace_header:
            line += _xray_line(report.trace_header)
        return (f"END RequestId: {report.request_id}\n", line)


def _text_status(report: Report) -> str:
    """Lambda names a status only when the environment itself failed; an exception in the handler has none."""
    if report.status == "timeout":
        return "Status: timeout"
    if report.status == "failure":
        return f"Status: error\tError Type: {report.error_type}"
    return ""


def _xray_line(trace_header: str) -> str:
    fields = dict(part.split("=", 1) for part in trace_header.split(";") if "=" in part)
    return f"XRAY TraceId: {fields.get('Root', '')}\tSegmentId: {fields.get('Parent', '')}\tSampled: true\t\n"


def _tenant(tenant_id: str) -> dict[str, str]:
    return {"tenantId": tenant_id} if tenant_id else {}


_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}


class JsonLog:
    """LogFormat JSON, filtered by SystemLogLevel."""

    def __init__(self, subject: Subject, level: str | None) -> None:
        self._subject = subject
        self._level = _LEVELS.get(level or "INFO", 1)

    def init_start(self, now: float) -> tuple[str, ...]:
        subject = self._subject
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": subject.runtime_label,
            "runtimeVersionArn": subject.runtime_arn,
            "functionName": subject.function_name,
            "functionVersion": subject.version,
        }
        return self._record(now, "INFO", "platform.initStart", record)

    def init_report(self, now: float, duration_ms: float, phase: str, error_type: str | None) -> tuple[str, ...]:
        record: dict[str, Any] = {
            "initializationType": "on-demand",
            "phase": phase,
            "status": "timeout" if error_type is None else "error",
            "metrics": {"durationMs": round(duration_ms, 3)},
        }
        if error_type is not None:
            record["errorType"] = error_type
        return self._record(now, "WARN", "platform.initReport", record)

    def restore_start(self, now: float) -> tuple[str, ...]:
        subject = self._subject
        record = {
            "runtimeVersion": subject.runtime_label,
            "runtimeVersionArn": subject.runtime_arn,
            "functionName": subject.function_name,
            "functionVersion": subject.version,
        }
        return self._record(now, "INFO", "platform.restoreStart", record)

    def restore_report(self, now: float, duration_ms: float, status: str, error_type: str) -> tuple[str, ...]:
        record: dict[str, Any] = {"status": status, "metrics": {"durationMs": round(duration_ms, 3)}}
        if status == "error":
            record["errorType"] = error_type
        level = "INFO" if status == "success" else "WARN"
        return self._record(now, level, "platform.restoreReport", record)

    def extension(self, now: float, record: Mapping[str, Any]) -> tuple[str, ...]:
        return self._record(now, "INFO", "platform.extension", record)

    def subscribed(self, now: float, name: str, types: Sequence[str], *, is_logs_api: bool) -> tuple[str, ...]:
        kind = "platform.logsSubscription" if is_logs_api else "platform.telemetrySubscription"
        return self._record(now, "INFO", kind, {"name": name, "state": "Subscribed", "types": list(types)})

    def start(self, now: float, request_id: str, tenant_id: str = "") -> tuple[str, ...]:
        record = {"requestId": request_id, "version": self._subject.version, **_tenant(tenant_id)}
        return self._record(now, "INFO", "platform.start", record)

    def end(self, now: float, report: Report) -> tuple[str, ...]:
        metrics: dict[str, float] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": self._subject.memory_mib,
            "maxMemoryUsedMB": report.memory_used_mib,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        if report.restore_ms is not None:
            metrics["restoreDurationMs"] = round(report.restore_ms, 3)
            metrics["billedRestoreDurationMs"] = math.ceil(report.restore_ms)
        done: dict[str, Any] = {"requestId": report.request_id, "status": report.status, **_tenant(report.tenant_id)}
        if report.error_type is not None:
            done["errorType"] = report.error_type
        level = "INFO" if report.status == "success" else "WARN"
        done_level = "DEBUG" if report.status == "success" else "WARN"
        return (
            *self._record(now, done_level, "platform.runtimeDone", done),
            *self._record(now, level, "platform.report", {**done, "metrics": metrics}),
        )

    def _record(self, now: float, level: str, kind: str, record: Mapping[str, Any]) -> tuple[str, ...]:
        if _LEVELS[level] < self._level:
            return ()
        time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return (msgspec.json.encode({"time": time, "type": kind, "record": record}).decode() + "\n",)


def platform_log(subject: Subject, log_format: str, system_log_level: str | None) -> PlatformLog:
    return JsonLog(subject, system_log_level) if log_format == "JSON" else TextLog(subject)
