"""Everything that an execution environment tells: to its log stream, to the caller who wants the log's tail, and to the
telemetry subscribers inside it.

The platform's lines and the function's come here in their order. Must not know sandboxes or states.
"""

from typing import Protocol

import msgspec

from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.event import InvokeEvent
from lamplighter.environments.extensions.extension import Extension
from lamplighter.environments.faults import Fault
from lamplighter.environments.output import LogSink, LogTail
from lamplighter.environments.platform_log import Report, platform_log
from lamplighter.environments.telemetry import records
from lamplighter.environments.telemetry.hub import TelemetryHub
from lamplighter.kernel.clock import Clock


class Logs(Protocol):
    """Opens the log stream of an environment."""

    def open(self, account_id: str, region: str, log_group: str, log_stream: str) -> LogSink: ...


class Journal:
    """One environment's. `telemetry` is None while nobody inside listens."""

    def __init__(self, blueprint: Blueprint, logs: Logs, clock: Clock, environment_id: str, tail_bytes: int) -> None:
        configuration = blueprint.configuration
        self.log_stream = blueprint.log_stream(clock.now(), environment_id)
        self.telemetry: TelemetryHub | None = None
        self._clock = clock
        self._environment_id = environment_id
        self._subject = blueprint.subject
        self._initialization_type = blueprint.initialization_type
        self._is_json = configuration.log_format == "JSON"
        self._sink = logs.open(configuration.account_id, configuration.region, configuration.log_group, self.log_stream)
        self._tail = LogTail(tail_bytes)
        self._is_tail_wanted = True  # between invokes: of what comes then nobody knows yet who asks for it
        self._platform_log = platform_log(blueprint.subject, configuration.log_format, configuration.system_log_level)

    # --- lines

    def function_line(self, line: str) -> None:
        self._line(line)
        if self.telemetry is not None:
            self.telemetry.tell("function", self._log_record(line))

    def extension_line(self, line: str) -> None:
        self._line(line)
        if self.telemetry is not None:
            self.telemetry.tell("extension", self._log_record(line))

    def _line(self, line: str) -> None:
        self._sink.write(int(self._clock.now() * 1000), line)
        if self._is_tail_wanted:
            self._tail.add(line)

    def _write(self, now: float, lines: tuple[str, ...]) -> None:
        timestamp_ms = int(now * 1000)
        for line in lines:
            self._sink.write(timestamp_ms, line)
            if self._is_tail_wanted:
                self._tail.add(line)

    def _log_record(self, line: str) -> object:
        """A line of a function that logs JSON is told as an object."""
        if self._is_json and line.startswith("{"):
            try:
                return msgspec.json.decode(line, type=dict[str, object])
            except msgspec.MsgspecError:
                return line
        return line

    def take_tail(self) -> bytes:
        return self._tail.take()

    def clear_tail(self) -> None:
        if not self._is_tail_wanted:  # then it is empty
            self._is_tail_wanted = True
        else:
            self._tail.clear()

    # --- init

    def log_init_start(self) -> None:
        """INIT_START is logged once, however often init is tried. It belongs to no invoke."""
        now = self._clock.now()
        for line in self._platform_log.init_start(now):
            self._sink.write(int(now * 1000), line)

    def restore_started(self) -> None:
        now = self._clock.now()
        for line in self._platform_log.restore_start(now):
            self._sink.write(int(now * 1000), line)

    def init_started(self, phase: str) -> None:
        if self.telemetry is not None:
            record = records.init_start(self._subject, self._initialization_type, phase, self._environment_id)
            self.telemetry.tell("platform.initStart", record)

    def runtime_initialised(self, phase: str, fault: Fault | None) -> None:
        if self.telemetry is not None:
            error_type = "" if fault is None else fault.error_type
            record = records.init_runtime_done(self._initialization_type, phase, _status(fault), error_type)
            self.telemetry.tell("platform.initRuntimeDone", record)

    def init_ended(self, phase: str, duration_ms: float, fault: Fault | None) -> None:
        now = self._clock.now()
        error_type = "" if fault is None else fault.error_type
        if phase == "restore":
            self._write(now, self._platform_log.restore_report(now, duration_ms, _status(fault), error_type))
        elif fault is not None:
            told = None if fault.is_timeout else error_type
            self._write(now, self._platform_log.init_report(now, duration_ms, phase, told))
        if self.telemetry is not None:
            record = records.init_report(self._initialization_type, phase, _status(fault), duration_ms, error_type)
            self.telemetry.tell("platform.initReport", record, now)

    def extension_initialised(self, extension: Extension) -> None:
        now = self._clock.now()
        self._write(now, self._platform_log.extension(now, records.extension(extension)))
        if self.telemetry is not None:
            self.telemetry.tell("platform.extension", records.extension(extension), now)

    def subscribed(self, name: str, types: tuple[str, ...], *, is_logs_api: bool) -> None:
        now = self._clock.now()
        self._write(now, self._platform_log.subscribed(now, name, types, is_logs_api=is_logs_api))

    # --- invokes

    def invoke_started(self, now: float, event: InvokeEvent) -> None:
        self._is_tail_wanted = is_tail_wanted = event.wants_log_tail
        timestamp_ms = int(now * 1000)
        for line in self._platform_log.start(now, event.request_id, event.tenant_id):
            self._sink.write(timestamp_ms, line)
            if is_tail_wanted:
                self._tail.add(line)
        if self.telemetry is not None:
            self.telemetry.tell("platform.start", records.start(event, self._subject.version), now)

    def runtime_done(self, report: Report, started: float, produced_bytes: int) -> None:
        if self.telemetry is not None:
            record = records.runtime_done(report, started, report.duration_ms, produced_bytes)
            self.telemetry.tell("platform.runtimeDone", record)

    def invoke_ended(self, report: Report) -> None:
        now = self._clock.now()
        timestamp_ms = int(now * 1000)
        for line in self._platform_log.end(now, report):
            self._sink.write(timestamp_ms, line)
            if self._is_tail_wanted:
                self._tail.add(line)
        if self.telemetry is not None:
            self.telemetry.tell("platform.report", records.report_of(report, self._subject.memory_mib), now)

    def close(self) -> None:
        self._sink.close()


def _status(fault: Fault | None) -> str:
    if fault is None:
        return "success"
    return "timeout" if fault.is_timeout else "error"
