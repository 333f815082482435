"""The one door: every invoke of every function, from every front door, comes through `Invocation.invoke`.

Resolve the version, check its state, admit, place, wait for the outcome. Must not know the wire, nor how environments
are kept.
"""

import dataclasses
import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from lamplighter.aws.errors import (
    InvalidRuntimeException,
    NotImplementedException,
    RecursiveInvocationException,
    ResourceConflictException,
    ServiceException,
    SnapStartException,
    SnapStartNotReadyException,
    SnapStartTimeoutException,
)
from lamplighter.environments.capacity import Ready
from lamplighter.environments.environment import RestoreFailed
from lamplighter.environments.event import InvokeEvent, Outcome
from lamplighter.environments.pool import NoCapacity, VersionGone
from lamplighter.environments.ticket import Ticket
from lamplighter.invocation.admission import Admission
from lamplighter.invocation.lineage import MOST_INVOKES, continued, fingerprint, has_lineage, opening
from lamplighter.invocation.payload import checked_payload, decoded_context
from lamplighter.invocation.request import FunctionDirectory, InvokeRequest, InvokeResult, ResolvedFunction
from lamplighter.invocation.streaming import FunctionStream
from lamplighter.invocation.throttling import ACCOUNT_LIMIT, CALLER_RATE, throttled
from lamplighter.invocation.trace import trace_header
from lamplighter.kernel.clock import Clock, SystemClock
from lamplighter.kernel.ids import Ids, RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.rules import takes_snapshot
from lamplighter.resources.functions.tenancy import check_tenant, most_environments
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing
from lamplighter.sandboxes.sandbox import SandboxFailed

_READY_STATES = ("Active",)


class Placement(Protocol):
    """Execution environments, by function version."""

    def submit(self, configuration: FunctionConfiguration, ticket: Ticket) -> None: ...

    def has_room_for_tenant(self, configuration: FunctionConfiguration, tenant_id: str, most: int) -> bool: ...

    def ready(self, configuration: FunctionConfiguration) -> Ready | None:
        """The provisioned environments that invokes of this version may count on; None where there are none."""
        ...


class BegunInvoke(Protocol):
    """An invoke under way, of whatever kind."""

    def when_ended(self, tell: Callable[[], None]) -> None: ...

    def result(self) -> InvokeResult: ...


class EventAcceptor(Protocol):
    """Takes asynchronous events: answers only when the event is stored durably."""

    def can_begin(self, request: InvokeRequest) -> bool:
        """Whether `begin_accept` may be used; where something has to be waited for first only `accept_event` may."""
        ...

    def begin_accept(self, request: InvokeRequest, resolved: ResolvedFunction) -> BegunInvoke: ...

    async def accept_event(self, request: InvokeRequest, resolved: ResolvedFunction) -> InvokeResult: ...


class Invoking:
    """A synchronous invoke under way."""

    __slots__ = ("_configuration", "_ticket", "when_ended")

    def __init__(self, ticket: Ticket, configuration: FunctionConfiguration) -> None:
        self._ticket = ticket
        self._configuration = configuration
        # Its argument is called when the function has answered or an answer has become impossible.
        self.when_ended = ticket.when_answered

    def result(self) -> InvokeResult:
        """What came of it, or AWS's error."""
        configuration = self._configuration
        try:
            result = _result(self._ticket.outcome(), configuration)
        except (NoCapacity, VersionGone, RuntimeMissing, SandboxFailed, RestoreFailed) as error:
            raise _refusal(error) from error
        if self._ticket.stream is None:
            return result
        stream = FunctionStream(self._ticket.stream, lambda ended: _result(ended, configuration))
        return msgspec.structs.replace(result, stream=stream)


class Invocation:
    """`invoke` answers when the function has."""

    def __init__(
        self,
        directory: FunctionDirectory,
        placement: Placement,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        admission: Admission | None = None,
        events: EventAcceptor | None = None,
        draw: Callable[[], float] | None = None,
    ) -> None:
        self._directory = directory
        self._placement = placement
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._limits = limits or Limits()
        self._admission = admission or Admission(self._limits, clock=clock)
        self._events = events
        # Alias weights need an even draw, not a secret one.
        self._draw = draw or random.Random().random  # noqa: S311

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        """Run the function, or refuse with AWS's error. Giving up the wait does not stop the invoke."""
        if not request.is_attempt:
            self._admission.admit_call(request.account_id, request.region)
        if request.invocation_type == "DryRun":
            resolved = self._resolve(request)
            checked_payload(request.payload)
            return InvokeResult(status_code=204, executed_version=resolved.configuration.version)
        if request.invocation_type == "Event":
            resolved = self._resolve(request)
            checked_payload(request.payload)
            return await self._accept_event(request, resolved)
        ticket, configuration = self._submit(request)
        await ticket.wait()
        return Invoking(ticket, configuration).result()

    def begin(self, request: InvokeRequest) -> Invoking:
        """Begin a RequestResponse invoke for a caller who waits without a task. Raises AWS's error."""
        self._admission.admit_call(request.account_id, request.region)
        return Invoking(*self._submit(request))

    def begin_event(self, request: InvokeRequest) -> BegunInvoke | None:
        """Begin to accept an event for a caller who waits without a task; None when only `invoke` can do it."""
        if self._events is None or not self._events.can_begin(request):
            return None
        self._admission.admit_call(request.account_id, request.region)
        resolved = self._resolve(request)
        checked_payload(request.payload)
        return self._events.begin_accept(request, resolved)

    def _submit(self, request: InvokeRequest) -> tuple[Ticket, FunctionConfiguration]:
        resolved = self._resolve(request)
        configuration = resolved.configuration
        payload = checked_payload(request.payload)
        if request.tenant_id:
            self._admit_tenant(request.tenant_id, resolved)
        function = (configuration.account_id, configuration.region, configuration.name)
        trace = trace_header(request.trace_header, self._clock.now(), self._ids)
        if has_lineage(request.trace_header):
            trace, times_before = continued(trace, fingerprint(*function))
            if times_before >= MOST_INVOKES and not resolved.may_recurse:
                raise _recursion()
        else:
            trace += opening(*function)
        event = self._event(request, configuration, payload, trace)
        release = self._admission.admit(
            function,
            resolved.reserved_concurrency,
            version=configuration.version,
            ready=self._placement.ready(configuration),
            is_paced=not request.is_attempt,
        )
        ticket = Ticket(event, release)
        self._placement.submit(configuration, ticket)
        return ticket, configuration

    def _admit_tenant(self, tenant_id: str, resolved: ResolvedFunction) -> None:
        reserved = resolved.reserved_concurrency
        most = most_environments(self._limits.concurrent_executions if reserved is None else reserved)
        if not self._placement.has_room_for_tenant(resolved.configuration, tenant_id, most):
            raise throttled(CALLER_RATE)

    def _resolve(self, request: InvokeRequest) -> ResolvedFunction:
        resolved = self._directory.resolve(request.account_id, request.region, request.function_name, request.qualifier)
        if resolved.additional_versions:
            chosen = resolved.choose(self._draw())
            resolved = dataclasses.replace(resolved, configuration=chosen, additional_versions=())
        state = resolved.configuration.state
        if state == "Pending" and takes_snapshot(resolved.configuration):
            raise SnapStartNotReadyException(
                "Lambda is initializing your function. It will be ready to invoke once your function state becomes "
                "ACTIVE."
            )
        if state not in _READY_STATES:
            raise ResourceConflictException(
                "The operation cannot be performed at this time. "
                f"The function is currently in the following state: {state}"
            )
        if request.tenant_id or resolved.configuration.settings:
            check_tenant(resolved.configuration, request.tenant_id)
        return resolved

    def _event(
        self, request: InvokeRequest, configuration: FunctionConfiguration, payload: bytes, trace: str
    ) -> InvokeEvent:
        arn = request.invoked_arn
        if not arn:
            arn = f"{configuration.arn}:{request.qualifier}" if request.qualifier else configuration.arn
        return InvokeEvent(
            request_id=request.request_id,
            payload=payload,
            invoked_arn=arn,
            trace_header=trace,
            timeout_seconds=configuration.timeout,
            client_context=decoded_context(request.client_context) if request.client_context else "",
            tenant_id=request.tenant_id or "",
            wants_log_tail=request.wants_log_tail,
            wants_stream=request.wants_stream,
        )

    async def _accept_event(self, request: InvokeRequest, resolved: ResolvedFunction) -> InvokeResult:
        if self._events is None:
            raise NotImplementedException("Asynchronous invocation (InvocationType Event) is not implemented yet.")
        return await self._events.accept_event(request, resolved)


def _recursion() -> RecursiveInvocationException:
    return RecursiveInvocationException(
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources "
        "and stopped your function's invocation."
    )


def _refusal(error: Exception) -> Exception:
    """What the caller is told when no environment could be had; details stay in the server's log."""
    match error:
        case NoCapacity():
            return throttled(ACCOUNT_LIMIT)
        case VersionGone():
            return ResourceConflictException("The function was updated or deleted while the invoke waited.")
        case RestoreFailed(fault=fault) if fault.is_timeout:
            return SnapStartTimeoutException("Lambda couldn't restore the snapshot within the timeout limit.")
        case RestoreFailed():
            return SnapStartException(
                "The afterRestore() runtime hook encountered an error. For more information, check the Amazon "
                "CloudWatch logs."
            )
        case RuntimeMissing():
            return InvalidRuntimeException(str(error))
        case _:
            return ServiceException("The execution environment could not be started.")


def _result(outcome: Outcome, configuration: FunctionConfiguration) -> InvokeResult:
    return InvokeResult(
        status_code=200,
        payload=outcome.payload,
        content_type=outcome.content_type,
        function_error=None if outcome.error_type is None else "Unhandled",
        executed_version=configuration.version,
        log_tail=outcome.log_tail or None,
    )
