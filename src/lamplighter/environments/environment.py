"""One execution environment: a sandbox, the Runtime API it speaks, and the invokes it is given one after another.

The table in `machine` decides what may follow what; this module carries it out. Must not know pools, routing or how
many environments there are.
"""

import asyncio
import math
import socket
from dataclasses import dataclass, replace
from typing import Protocol

from lamplighter.environments import faults
from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.companions import Companions
from lamplighter.environments.event import Outcome
from lamplighter.environments.extensions.events import invoke_event
from lamplighter.environments.faults import Fault
from lamplighter.environments.freezer import Freezer
from lamplighter.environments.journal import Journal, Logs
from lamplighter.environments.live_sandbox import LiveSandbox
from lamplighter.environments.machine import TRANSITIONS, State, Trigger, is_allowed
from lamplighter.environments.platform_log import Report
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

# A runtime that has polled so recently has not died meanwhile; after longer, the kernel is asked before an invoke.
_LIVENESS_SECONDS = 0.001


class Owner(Protocol):
    """The pool, told when the environment's readiness changes."""

    def environment_ready(self, environment: "Environment") -> None:
        """The runtime polls: the next invoke can be handed over."""
        ...

    def environment_responded(self, environment: "Environment", duration_ms: float) -> None:
        """An invoke is answered; the runtime has not polled yet."""
        ...

    def invoke_returned(self, ticket: Ticket) -> None:
        """The runtime had ended before it took the invoke: another environment must serve it."""
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
    freezer: Freezer


class RestoreFailed(Exception):
    """An environment could not be made of its version's image: an after-restore hook failed, or took too long."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message or fault.error_type)
        self.fault = fault


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
        self._restore_ms: float | None = None
        self._memory_mib = 0
        self._companions: Companions | None = None
        self._has_extensions = False
        self._held: tuple[Outcome, str] | None = None
        self._phase = "init"
        self._takers = 0  # polls that were given the event of the invoke in progress, and may have read it
        self._journal = Journal(blueprint, platform.logs, self._clock, self.id, platform.limits.log_tail_bytes)
        self.log_stream = self._journal.log_stream

    def _move(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS[self.state, trigger]

    # --- init

    async def initialise(self) -> Fault | None:
        """Start the sandbox and wait for the first /next. None when the environment is ready.

        After a fault the environment can still take one invoke, which starts it again. Raises SandboxFailed.
        """
        if self._blueprint.is_restored:
            await self._restore()
            return None
        self._journal.log_init_start()
        return await self._initialise("init", self._blueprint.init_seconds(self._platform.limits))

    async def _restore(self) -> None:
        """SnapStart: the process is made of the image of an initialised one. Raises RestoreFailed."""
        self._journal.restore_started()
        fault = await self._initialise("restore", self._platform.limits.restore_timeout_seconds)
        if fault is not None:
            raise RestoreFailed(fault)

    async def _initialise(self, phase: str, limit_seconds: float) -> Fault | None:
        self._phase = phase
        started = self._clock.monotonic()
        fault = self._blueprint.missing_entrypoint() or await self._boot(limit_seconds)
        duration_ms = (self._clock.monotonic() - started) * 1000
        if fault is None:
            self._init_ms = duration_ms if phase == "init" else None
            self._restore_ms = duration_ms if phase == "restore" else None
            self._end_init(duration_ms, None)
            return None
        if self.state is State.INIT:
            self._journal.runtime_initialised(phase, fault)
        if is_allowed(self.state, Trigger.FAIL):
            self._move(Trigger.FAIL)
        if self._live is not None:
            self._live.drain_output()
        if self.state is State.INIT_FAILED:
            self._end_init(duration_ms, fault)
        await self._end_life("timeout" if fault.is_timeout else "failure")
        return fault

    def _end_init(self, duration_ms: float, fault: Fault | None) -> None:
        if self._companions is not None:
            self._companions.tell_extensions()
        self._journal.init_ended(self._phase, duration_ms, fault)
        if self._companions is not None:
            self._companions.close_subscriptions()
            self._has_extensions = self._companions.are_there

    async def _boot(self, limit_seconds: float) -> Fault | None:
        ready: asyncio.Future[Fault | None] = self._loop.create_future()
        self._ready = ready
        timer = self._loop.call_later(limit_seconds, self._settle_init, faults.timed_out(limit_seconds))
        try:
            platform = self._platform
            spec = self._blueprint.spec(self.id, self.log_stream, platform.ids.uuid())
            self._companions = companions = Companions(
                self._blueprint,
                spec,
                self._journal,
                self,
                clock=self._clock,
                ids=platform.ids,
                background=platform.background,
            )
            self._journal.init_started(self._phase)
            sandbox = await platform.driver.start(spec)
            self._live = LiveSandbox(
                sandbox,
                RuntimeApiListener(self, self._clock, companions.apis.handle),
                self._journal.function_line,
                self._runtime_ended,
                platform.background,
                on_extension_line=self._journal.extension_line,
                is_held=spec.is_held,
            )
            if self.state is not State.STARTING:
                return Fault(faults.SANDBOX_FAILURE, "The execution environment was shut down")
            self._move(Trigger.SANDBOX_STARTED)
            await self._live.serve()
            companions.use(self._live)
            return await ready
        finally:
            timer.cancel()
            self._ready = None

    def _settle_init(self, fault: Fault | None) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(fault)

    async def _end_life(self, reason: str) -> None:
        """Lead what lives in the sandbox through its shutdown phase, then end the sandbox."""
        companions, self._companions = self._companions, None
        self._has_extensions = False
        if companions is not None:
            await companions.shut_down(reason)
        await self._discard_sandbox()
        if companions is not None:
            companions.close()

    async def _discard_sandbox(self) -> None:
        live, self._live = self._live, None
        self._parked.clear()
        if live is not None:
            self._memory_mib = live.memory_peak_mib()
            await live.close()

    # --- invoke

    def invoke(self, ticket: Ticket, started: float | None = None) -> None:
        """Hand the event to the waiting runtime. The ticket gets the outcome."""
        if self.state is State.FROZEN:
            self._thaw()
        if self._live is not None and self._live.has_ended and not ticket.is_returned:
            self._ticket = ticket
            self._give_back()
            return
        self._move(Trigger.INVOKE)
        self._takers = 0
        event = ticket.event
        now = self._clock.now()
        self._started = self._clock.monotonic() if started is None else started
        remaining = event.timeout_seconds if started is None else self._remaining(event.timeout_seconds)
        self._ticket = ticket
        self.request_id = event.request_id
        self._deadline_ms = int((now + remaining) * 1000)
        self._timer = self._loop.call_later(remaining, self._expire)
        self._journal.invoke_started(now, event)
        if self._has_extensions and self._companions is not None:
            self._companions.extensions.give_invoke(invoke_event(event, self._deadline_ms))
        self._hand_over()

    def _remaining(self, timeout_seconds: float) -> float:
        return max(0.0, timeout_seconds - (self._clock.monotonic() - self._started))

    def _hand_over(self) -> None:
        """Answer a waiting poll. A runtime that hung up its poll gets the event when it polls again."""
        has_idled = self._loop.time() - self.idle_since > _LIVENESS_SECONDS
        while self._parked and self._ticket is not None:
            exchange = self._parked.pop(0)
            if exchange.is_gone or (has_idled and exchange.is_closed_by_peer()):
                continue
            self._takers += send_event(exchange, self._ticket.event, self._deadline_ms)
            return

    def _give_back(self) -> None:
        """The runtime has ended without having seen the invoke: it suffers nothing, this environment ends."""
        ticket, self._ticket = self._ticket, None
        self._move(Trigger.FAIL)
        self._journal.clear_tail()
        self._begin_end("failure")
        if ticket is not None:
            ticket.is_returned = True
            self._owner.invoke_returned(ticket)

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
        self._journal.invoke_started(self._clock.now(), event)
        fault = fault or Fault(faults.SANDBOX_FAILURE, "The execution environment was shut down")
        if is_allowed(self.state, Trigger.SHUT_DOWN):
            self._move(Trigger.SHUT_DOWN)
        self._conclude_fault(fault)
        self._begin_end("failure")

    def _expire(self) -> None:
        self._timer = None
        if self._ticket is not None:
            self._fail(faults.timed_out(self._ticket.event.timeout_seconds))
        elif self.state is State.RESPONDED:
            # It has answered, but it does not ask for the next event either: the time is its invoke's all the same.
            self._move(Trigger.FAIL)
            self._begin_end("timeout")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, fault: Fault) -> None:
        """The environment cannot go on: answer the invoke it was working on, then end."""
        self._move(Trigger.FAIL)
        if self._ticket is not None:
            self._conclude_fault(fault)
        self._begin_end("timeout" if fault.is_timeout else "failure")

    def _conclude_fault(self, fault: Fault) -> None:
        status = "timeout" if fault.is_timeout else "failure"
        self._conclude(fault.payload(self.request_id), fault.error_type, status)

    def _respond(
        self, payload: bytes, error_type: str | None, status: str, content_type: str = "application/json"
    ) -> None:
        """The function has answered. So is the caller, unless it wants the log; the invoke ends with its extensions."""
        ticket = self._ticket
        is_held = self._has_extensions and self._companions is not None and self._companions.extensions.is_pending
        if ticket is None or not is_held:
            self._owner.environment_responded(self, self._conclude(payload, error_type, status, content_type))
            return
        report = self._report(ticket, error_type, status)
        outcome = Outcome(payload, error_type, report.duration_ms, content_type=content_type)
        self._held = outcome, status
        self._journal.runtime_done(report, self._clock.now() - report.duration_ms / 1000, len(payload))
        if not ticket.event.wants_log_tail:
            ticket.answer(outcome)
        self._owner.environment_responded(self, report.duration_ms)

    def _conclude(
        self, payload: bytes, error_type: str | None, status: str, content_type: str = "application/json"
    ) -> float:
        """Write END and REPORT behind the function's own lines, then answer the caller."""
        ticket, self._ticket = self._ticket, None
        if ticket is None:
            return 0.0
        report = self._report(ticket, error_type, status)
        init_ms, self._init_ms, self._restore_ms = self._init_ms, None, None
        held, self._held = self._held, None
        if held is None:
            if self._journal.telemetry is not None:
                self._journal.runtime_done(report, self._clock.now() - report.duration_ms / 1000, len(payload))
        else:  # whatever became of the extensions, the function's own answer stands
            payload, error_type, content_type = held[0].payload, held[0].error_type, held[0].content_type
        self._journal.invoke_ended(report)
        tail = self._journal.take_tail() if ticket.event.wants_log_tail else b""
        self._journal.clear_tail()
        ticket.succeed(
            Outcome(
                payload,
                error_type,
                report.duration_ms,
                report.billed_ms,
                init_ms,
                self._memory_mib,
                tail,
                content_type,
            )
        )
        return report.duration_ms

    def _report(self, ticket: Ticket, error_type: str | None, status: str) -> Report:
        event = ticket.event
        duration_ms = round((self._clock.monotonic() - self._started) * 1000, 2)
        if status == "timeout":
            duration_ms = event.timeout_seconds * 1000
        if self._live is not None:
            self._live.drain_output()
            self._memory_mib = self._live.memory_peak_mib()
        # Since 2025-08 AWS bills the init of every function.
        billed_ms = math.ceil(duration_ms if self._init_ms is None else duration_ms + round(self._init_ms, 2))
        if self._restore_ms is not None:
            billed_ms += math.ceil(self._restore_ms)
        return Report(
            event.request_id,
            duration_ms,
            billed_ms,
            self._memory_mib,
            self._init_ms,
            status,
            error_type,
            event.trace_header,
            tenant_id=event.tenant_id,
            restore_ms=self._restore_ms,
        )

    # --- what the runtime does (runtime_api.Peer)

    def runtime_polled(self, exchange: Answering) -> None:
        before = self.state
        if (self._has_extensions or before is State.INIT) and self._is_ahead(before):
            self._move(Trigger.NEXT_BEFORE_EXTENSIONS)
        else:
            self._move(Trigger.NEXT)
        self._parked.append(exchange)
        if before is State.INVOKING:
            self._hand_over()
        elif before in (State.INIT, State.RESTORING):
            self._runtime_initialised()
        elif before is State.RESPONDED and self.state is State.READY:
            self._stop_timer()
            self._become_idle()

    def _become_idle(self) -> None:
        self.idle_since = self._loop.time()
        self._owner.environment_ready(self)
        if self.state is State.READY:
            self._watch_idleness()

    def _watch_idleness(self) -> None:
        if self._live is not None and self._live.can_freeze:
            self._platform.freezer.watch(self)

    def _is_ahead(self, state: State) -> bool:
        """Whether the runtime polls while extensions are still at work."""
        if self._companions is None or state not in (State.INIT, State.RESPONDED):
            return False
        return self._companions.extensions.is_pending

    def _runtime_initialised(self) -> None:
        self._journal.runtime_initialised(self._phase, None)
        if self._companions is not None:
            self._companions.extensions.close_registration()
        if self.state is State.READY:
            self._become_ready()

    def _become_ready(self) -> None:
        if self._live is not None:
            self._live.limit_cpu()
        self.idle_since = self._loop.time()
        self._settle_init(None)
        self._watch_idleness()

    def event_was_not_read(self) -> None:
        self._takers -= 1

    def runtime_responded(self, payload: bytes, content_type: str) -> None:
        self._move(Trigger.RESPONSE)
        self._respond(payload, None, "success", content_type)

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
        self._respond(payload, end.error_type, status, content_type)

    def runtime_reported_error(self, payload: bytes, content_type: str, error_type: str) -> None:
        self._move(Trigger.ERROR)
        self._respond(payload, error_type, "error", content_type)

    def runtime_responded_too_much(self) -> None:
        if self.state is not State.INVOKING:
            return
        fault = faults.response_too_large(self.response_limit)
        self._move(Trigger.ERROR)
        self._respond(fault.payload(self.request_id), fault.error_type, "error")

    def runtime_awaits_restore(self) -> bool:
        self._move(Trigger.RESTORE)
        if self._blueprint.is_template:
            self._journal.runtime_initialised(self._phase, None)
            self._settle_init(None)
        return not self._blueprint.is_template

    def runtime_failed_restore(self, payload: bytes, error_type: str) -> None:
        self._settle_init(Fault(error_type, "", payload))

    async def connect(self, port: int) -> socket.socket:
        """A connection to a process in the sandbox. Raises OSError."""
        if self._live is None:
            raise ConnectionAbortedError("the sandbox is not there")
        return await self._live.connect(port)

    def runtime_failed_init(self, payload: bytes, error_type: str) -> None:
        self._move(Trigger.INIT_ERROR)
        self._settle_init(Fault(error_type, "", payload))

    def _runtime_ended(self, live: LiveSandbox, ended: ProcessExit) -> None:
        if live is not self._live:
            return
        fault = self._blueprint.ended(ended)
        if self._companions is not None and self._companions.extensions.fatal_type:
            fault = replace(fault, error_type=self._companions.extensions.fatal_type)
        ticket = self._ticket
        if self.state is State.INVOKING and not self._takers and ticket is not None and not ticket.is_returned:
            self._give_back()
        else:
            self._fail_in_any_phase(fault)

    def _fail_in_any_phase(self, fault: Fault) -> None:
        if self.state is State.FROZEN:
            self._thaw()
        if self.state in (State.STARTING, State.INIT, State.RESTORING, State.INIT_EXTENSIONS):
            self._settle_init(fault)
        elif is_allowed(self.state, Trigger.FAIL):
            self._fail(fault)

    # --- what the extensions do (companions.Owner)

    def companions_settled(self) -> None:
        held = self._held
        if held is not None:
            self._conclude(held[0].payload, held[0].error_type, held[1])
        if not is_allowed(self.state, Trigger.EXTENSIONS_READY):
            return
        before = self.state
        self._move(Trigger.EXTENSIONS_READY)
        if before is State.INIT_EXTENSIONS:
            self._become_ready()
        else:
            self._stop_timer()
            self._become_idle()

    def companion_failed(self, companions: Companions, fault: Fault) -> None:
        if companions is self._companions:
            self._fail_in_any_phase(fault)

    # --- idle, as the freezer sees it

    @property
    def is_idle(self) -> bool:
        return self.state is State.READY

    def freeze(self) -> bool:
        """Stop everything inside until the next invoke, or the end. False while something is being delivered there."""
        if self._live is None or self.state is not State.READY:
            return True
        telemetry = None if self._companions is None else self._companions.telemetry
        if telemetry is not None and telemetry.is_delivering:
            return False
        if self._live.freeze():
            self._move(Trigger.FREEZE)
            if telemetry is not None:
                telemetry.pause()
        return True

    def _thaw(self) -> None:
        self._move(Trigger.THAW)
        if self._live is not None:
            self._live.thaw()
        if self._companions is not None:
            self._companions.telemetry.resume()

    # --- end

    def shut_down(self) -> None:
        """End the environment now; an invoke still running is answered as a sandbox failure. Idempotent."""
        if not is_allowed(self.state, Trigger.SHUT_DOWN):
            return
        if self.state is State.FROZEN:
            self._thaw()
        self._move(Trigger.SHUT_DOWN)
        fault = Fault(faults.SANDBOX_FAILURE, "The execution environment was shut down")
        if self._ready is not None:
            self._settle_init(fault)
            if self._ticket is not None:
                # The retried init sees the fault, concludes the invoke and ends the environment.
                return
        if self._ticket is not None:
            self._conclude_fault(fault)
        self._begin_end("spindown")

    def _begin_end(self, reason: str) -> None:
        self._stop_timer()
        self._owner.environment_gone(self)
        self._platform.background.spawn(self._end(reason), f"end environment {self.id}")

    async def _end(self, reason: str) -> None:
        try:
            await self._end_life(reason)
        finally:
            self._journal.close()
            self._move(Trigger.END)
            self._owner.environment_ended(self)
