"""One execution environment: a sandbox, the Runtime API it speaks, and the invokes it is given one after another.

The table in `machine` decides what may follow what; this module carries it out. Must not know pools, routing or how
many environments there are.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Protocol

from lamplighter.environments import faults
from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.event import Outcome
from lamplighter.environments.faults import Fault
from lamplighter.environments.live_sandbox import LiveSandbox
from lamplighter.environments.machine import State, Trigger, after, is_allowed
from lamplighter.environments.output import LogSink, LogTail
from lamplighter.environments.platform_log import Report, platform_log
from lamplighter.environments.response_stream import CollectedResponse, relay
from lamplighter.environments.runtime_api.answers import Answering, answer_stream
from lamplighter.environments.runtime_api.listener import RuntimeApiListener
from lamplighter.environments.runtime_api.next import send_event
from lamplighter.environments.ticket import Ticket
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.kernel.limits import Limits
from lamplighter.sandboxes.sandbox import ProcessExit, SandboxDriver
from lamplighter.wire.http_request_stream import RequestStream


class Logs(Protocol):
    """Opens the log stream of an environment."""

    def open(self, account_id: str, region: str, log_group: str, log_stream: str) -> LogSink: ...


class Owner(Protocol):
    """The pool, told when the environment's readiness changes."""

    def environment_ready(self, environment: "Environment") -> None:
        """The runtime polls: the next invoke can be handed over."""
        ...

    def environment_responded(self, environment: "Environment", duration_ms: float) -> None:
        """An invoke is answered; the runtime has not polled yet."""
        ...

    def environment_gone(self, environment: "Environment") -> None:
        """Not to be used any more."""
        ...

    def environment_ended(self, environment: "Environment") -> None:
        """Its processes, memory and mounts are gone too."""
        ...


@dataclass(frozen=True, slots=True)
class Platform:
    """What every environment uses."""

    driver: SandboxDriver
    logs: Logs
    clock: Clock
    ids: Ids
    limits: Limits
    background: Background


class Environment:
    """Begins in STARTING; `initialise` once, then `invoke` whenever it is READY, until `shut_down` or an accident."""

    def __init__(self, blueprint: Blueprint, platform: Platform, owner: Owner) -> None:
        self.id = platform.ids.hex(32)
        self.state = State.STARTING
        self.request_id = ""
        self.idle_since = 0.0
        self.response_limit = platform.limits.response_payload_bytes
        self._blueprint = blueprint
        self._platform = platform
        self._clock = platform.clock
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._live: LiveSandbox | None = None
        self._ready: asyncio.Future[Fault | None] | None = None
        self._parked: list[Answering] = []
        self._ticket: Ticket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._deadline_ms = 0
        self._init_ms: float | None = None
        self._memory_mib = 0
        self._tail = LogTail(platform.limits.log_tail_bytes)
        configuration = blueprint.configuration
        self.log_stream = blueprint.log_stream(self._clock.now(), self.id)
        self._sink = platform.logs.open(
            configuration.account_id, configuration.region, configuration.log_group, self.log_stream
        )
        self._platform_log = platform_log(blueprint.subject, configuration.log_format, configuration.system_log_level)

    def _move(self, trigger: Trigger) -> None:
        self.state = after(self.state, trigger)

    # --- init

    async def initialise(self) -> Fault | None:
        """Start the sandbox and wait for the first /next. None when the environment is ready.

        After a fault the environment can still take one invoke, which starts it again. Raises SandboxFailed.
        """
        now = self._clock.now()
        for line in self._platform_log.init_start(now):
            self._sink.write(int(now * 1000), line)
        return await self._initialise("init", self._platform.limits.init_timeout_seconds)

    async def _initialise(self, phase: str, limit_seconds: float) -> Fault | None:
        started = self._clock.monotonic()
        fault = self._blueprint.missing_entrypoint() or await self._boot(limit_seconds)
        duration_ms = (self._clock.monotonic() - started) * 1000
        if fault is None:
            self._init_ms = duration_ms if phase == "init" else None
            return None
        if is_allowed(self.state, Trigger.FAIL):
            self._move(Trigger.FAIL)
        await self._discard_sandbox()
        if self.state is not State.INIT_FAILED:
            return fault
        error_type = None if fault.is_timeout else fault.error_type
        now = self._clock.now()
        self._write(now, self._platform_log.init_report(now, duration_ms, phase, error_type))
        return fault

    async def _boot(self, limit_seconds: float) -> Fault | None:
        ready: asyncio.Future[Fault | None] = self._loop.create_future()
        self._ready = ready
        timer = self._loop.call_later(limit_seconds, self._settle_init, faults.timed_out(limit_seconds))
        try:
            sandbox = await self._platform.driver.start(self._blueprint.spec(self.id, self.log_stream))
            listener = RuntimeApiListener(self, self._clock)
            self._live = LiveSandbox(sandbox, listener, self._on_line, self._runtime_ended, self._platform.background)
            if self.state is not State.STARTING:
                return Fault(faults.SANDBOX_FAILURE, "The execution environment was shut down")
            self._move(Trigger.SANDBOX_STARTED)
            await self._live.serve()
            return await ready
        finally:
            timer.cancel()
            self._ready = None

    def _settle_init(self, fault: Fault | None) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(fault)

    async def _discard_sandbox(self) -> None:
        live, self._live = self._live, None
        self._parked.clear()
        if live is not None:
            self._memory_mib = live.memory_peak_mib()
            await live.close()

    # --- invoke

    def invoke(self, ticket: Ticket, started: float | None = None) -> None:
        """Hand the event to the waiting runtime. The ticket gets the outcome."""
        self._move(Trigger.INVOKE)
        event = ticket.event
        now = self._clock.now()
        self._started = self._clock.monotonic() if started is None else started
        remaining = event.timeout_seconds if started is None else self._remaining(event.timeout_seconds)
        self._ticket = ticket
        self.request_id = event.request_id
        self._deadline_ms = int((now + remaining) * 1000)
        self._timer = self._loop.call_later(remaining, self._expire)
        self._write(now, self._platform_log.start(now, event.request_id))
        self._hand_over()

    def _remaining(self, timeout_seconds: float) -> float:
        return max(0.0, timeout_seconds - (self._clock.monotonic() - self._started))

    def _hand_over(self) -> None:
        """Answer a waiting poll. A runtime that hung up its poll gets the event when it polls again."""
        while self._parked and self._ticket is not None:
            exchange = self._parked.pop(0)
            if not exchange.is_gone:
                send_event(exchange, self._ticket.event, self._deadline_ms)
                return

    async def invoke_after_failed_init(self, ticket: Ticket) -> None:
        """AWS's suppressed init: start again on the invoke's own time, report no init duration."""
        event = ticket.event
        self._move(Trigger.RETRY_INIT)
        self._started = started = self._clock.monotonic()
        self.request_id = event.request_id
        self._ticket = ticket
        fault = await self._initialise("invoke", event.timeout_seconds)
        if fault is None and self.state is State.READY:
            self.invoke(ticket, started)
            return
        now = self._clock.now()
        self._write(now, self._platform_log.start(now, event.request_id))
        fault = fault or Fault(faults.SANDBOX_FAILURE, "The execution environment was shut down")
        if is_allowed(self.state, Trigger.SHUT_DOWN):
            self._move(Trigger.SHUT_DOWN)
        self._conclude_fault(fault)
        self._begin_end()

    def _expire(self) -> None:
        self._timer = None
        if self._ticket is not None:
            self._fail(faults.timed_out(self._ticket.event.timeout_seconds))
        elif self.state is State.RESPONDED:
            # It has answered, but it does not ask for the next event either: the time is its invoke's all the same.
            self._move(Trigger.FAIL)
            self._begin_end()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, fault: Fault) -> None:
        """The environment cannot go on: answer the invoke it was working on, then end."""
        self._move(Trigger.FAIL)
        if self._ticket is not None:
            self._conclude_fault(fault)
        self._begin_end()

    def _conclude_fault(self, fault: Fault) -> None:
        status = "timeout" if fault.is_timeout else "failure"
        self._conclude(fault.payload(self.request_id), fault.error_type, status)

    def _conclude(
        self, payload: bytes, error_type: str | None, status: str, content_type: str = "application/json"
    ) -> float:
        """Write END and REPORT behind the function's own lines, then answer the caller."""
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            return 0.0
        event = ticket.event
        duration_ms = round((self._clock.monotonic() - self._started) * 1000, 2)
        if status == "timeout":
            duration_ms = event.timeout_seconds * 1000
        if self._live is not None:
            self._live.drain_output()
            self._memory_mib = self._live.memory_peak_mib()
        init_ms, self._init_ms = self._init_ms, None
        # Since 2025-08 AWS bills the init of every function.
        billed_ms = math.ceil(duration_ms + round(init_ms or 0.0, 2))
        report = Report(
            event.request_id, duration_ms, billed_ms, self._memory_mib, init_ms, status, error_type, event.trace_header
        )
        now = self._clock.now()
        self._write(now, self._platform_log.end(now, report))
        tail = self._tail.take() if event.wants_log_tail else b""
        self._tail.clear()
        ticket.succeed(
            Outcome(payload, error_type, duration_ms, billed_ms, init_ms, self._memory_mib, tail, content_type)
        )
        return duration_ms

    # --- what the runtime does (runtime_api.Peer)

    def runtime_polled(self, exchange: Answering) -> None:
        before = self.state
        self._move(Trigger.NEXT)
        self._parked.append(exchange)
        if before is State.INVOKING:
            self._hand_over()
        elif before is State.RESPONDED:
            self._stop_timer()
            self._owner.environment_ready(self)
        elif before is not State.READY:
            if self._live is not None:
                self._live.limit_cpu()
            self._settle_init(None)

    def runtime_responded(self, payload: bytes, content_type: str) -> None:
        self._move(Trigger.RESPONSE)
        self._owner.environment_responded(self, self._conclude(payload, None, "success", content_type))

    def runtime_streams(self, body: RequestStream, content_type: str, exchange: Answering) -> None:
        ticket = self._ticket
        self._move(Trigger.RESPONSE_BEGUN)
        if ticket is not None:
            relaying = self._relay(ticket, body, content_type, exchange)
            self._platform.background.spawn(relaying, f"stream of {self.request_id}")

    async def _relay(self, ticket: Ticket, body: RequestStream, content_type: str, exchange: Answering) -> None:
        collected = CollectedResponse()
        if ticket.event.wants_stream:
            end = await relay(body, ticket.open_stream(content_type), self._platform.limits.streamed_response_bytes)
        else:
            end = await relay(body, collected, self.response_limit)
        if self._ticket is not ticket:
            return  # its time was up, or the runtime has died
        self._move(Trigger.RESPONSE_ENDED)
        answer_stream(exchange, end.error_type, self.response_limit)
        payload = collected.payload() if end.error_type is None else end.error_body
        status = "success" if end.error_type is None else "error"
        self._owner.environment_responded(self, self._conclude(payload, end.error_type, status, content_type))

    def runtime_reported_error(self, payload: bytes, content_type: str, error_type: str) -> None:
        self._move(Trigger.ERROR)
        self._owner.environment_responded(self, self._conclude(payload, error_type, "error", content_type))

    def runtime_responded_too_much(self) -> None:
        if self.state is not State.INVOKING:
            return
        fault = faults.response_too_large(self.response_limit)
        self._move(Trigger.ERROR)
        duration_ms = self._conclude(fault.payload(self.request_id), fault.error_type, "error")
        self._owner.environment_responded(self, duration_ms)

    def runtime_failed_init(self, payload: bytes, error_type: str) -> None:
        self._move(Trigger.INIT_ERROR)
        self._settle_init(Fault(error_type, "", payload))

    def _runtime_ended(self, live: LiveSandbox, ended: ProcessExit) -> None:
        if live is not self._live:
            return
        if self.state is State.INIT:
            self._settle_init(self._blueprint.ended(ended))
        elif is_allowed(self.state, Trigger.FAIL):
            self._fail(self._blueprint.ended(ended))

    # --- logs

    def _on_line(self, line: str) -> None:
        self._sink.write(int(self._clock.now() * 1000), line)
        self._tail.add(line)

    def _write(self, now: float, lines: tuple[str, ...]) -> None:
        timestamp_ms = int(now * 1000)
        for line in lines:
            self._sink.write(timestamp_ms, line)
            self._tail.add(line)

    # --- end

    def shut_down(self) -> None:
        """End the environment now; an invoke still running is answered as a sandbox failure. Idempotent."""
        if not is_allowed(self.state, Trigger.SHUT_DOWN):
            return
        self._move(Trigger.SHUT_DOWN)
        fault = Fault(faults.SANDBOX_FAILURE, "The execution environment was shut down")
        if self._ready is not None:
            self._settle_init(fault)
            if self._ticket is not None:
                # The retried init sees the fault, concludes the invoke and ends the environment.
                return
        if self._ticket is not None:
            self._conclude_fault(fault)
        self._begin_end()

    def _begin_end(self) -> None:
        self._stop_timer()
        self._owner.environment_gone(self)
        self._platform.background.spawn(self._end(), f"end environment {self.id}")

    async def _end(self) -> None:
        try:
            await self._discard_sandbox()
        finally:
            self._sink.close()
            self._move(Trigger.END)
            self._owner.environment_ended(self)
