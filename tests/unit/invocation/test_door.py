"""The one door: who may pass, what the environment is told, what the caller gets back."""

import asyncio
import base64
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from lamplighter.aws.errors import (
    AwsError,
    InvalidParameterValueException,
    InvalidRequestContentException,
    InvalidRuntimeException,
    NotImplementedException,
    RecursiveInvocationException,
    ResourceConflictException,
    ServiceException,
    TooManyRequestsException,
)
from lamplighter.environments.capacity import Ready
from lamplighter.environments.event import InvokeEvent, Outcome
from lamplighter.environments.pool import NoCapacity
from lamplighter.environments.ticket import Ticket
from lamplighter.invocation.door import Invocation
from lamplighter.invocation.lineage import fingerprint
from lamplighter.invocation.request import InvokeRequest, ResolvedFunction
from lamplighter.kernel.clock import ManualClock
from lamplighter.kernel.ids import CountedIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.resolution import WeightedVersion
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing
from lamplighter.sandboxes.sandbox import SandboxFailed
from tests.unit.environments.configurations import configuration

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:probe"
PROBE = fingerprint("000000000000", "eu-west-1", "probe")

PER_TENANT = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}


@dataclass
class Served:
    """A placement that answers at once, or keeps the tickets when there is no `answer`."""

    answer: Callable[[Ticket], None] | None = None
    tickets: list[tuple[FunctionConfiguration, Ticket]] = field(default_factory=list)
    provisioned: Ready | None = None

    has_room: bool = True
    most: int = 0

    def has_room_for_tenant(self, configuration: FunctionConfiguration, tenant_id: str, most: int) -> bool:
        self.most = most
        return self.has_room

    def ready(self, configuration: FunctionConfiguration) -> Ready | None:
        return self.provisioned

    def submit(self, configuration: FunctionConfiguration, ticket: Ticket) -> None:
        self.tickets.append((configuration, ticket))
        if self.answer is not None:
            self.answer(ticket)

    @property
    def event(self) -> InvokeEvent:
        return self.tickets[-1][1].event


@dataclass
class Known:
    resolved: ResolvedFunction

    def resolve(self, account_id: str, region: str, name: str, qualifier: str | None) -> ResolvedFunction:
        return self.resolved


def echo(ticket: Ticket) -> None:
    ticket.succeed(Outcome(ticket.event.payload, log_tail=b"tail" if ticket.event.wants_log_tail else b""))


def failing(error: Exception) -> Callable[[Ticket], None]:
    return lambda ticket: ticket.fail(error)


def door(
    placement: Served, resolved: ResolvedFunction | None = None, draw: Callable[[], float] | None = None, **members: Any
) -> Invocation:
    known = Known(resolved or ResolvedFunction(configuration=configuration(timeout=7, **members)))
    return Invocation(known, placement, clock=ManualClock(), ids=CountedIds(), draw=draw)


def request(**members: Any) -> InvokeRequest:
    fields = {"request_id": "id", "account_id": "000000000000", "region": "eu-west-1", "function_name": "probe"}
    return InvokeRequest(**{**fields, **members})


async def test_an_invoke_returns_what_the_function_answered() -> None:
    placement = Served(echo)
    result = await door(placement).invoke(request(payload=b'{"n": 1}', wants_log_tail=True))
    assert (result.status_code, result.payload, result.function_error) == (200, b'{"n": 1}', None)
    assert (result.executed_version, result.log_tail) == ("$LATEST", b"tail")
    event = placement.event
    assert (event.request_id, event.payload, event.timeout_seconds) == ("id", b'{"n": 1}', 7)
    assert event.invoked_arn == ARN
    assert event.trace_header == (
        f"Root=1-684ee180-000000000000000000000000;Parent=0000000000000001;Sampled=0;Lineage=1:{PROBE}:0"
    )


async def test_what_the_caller_says_about_itself_reaches_the_runtime() -> None:
    placement = Served(echo)
    context = base64.b64encode(b'{"custom": {}}').decode()
    await door(placement, settings=PER_TENANT).invoke(
        request(qualifier="live", client_context=context, tenant_id="blue", trace_header="Root=1-x-y;Sampled=1")
    )
    event = placement.event
    assert event.invoked_arn == f"{ARN}:live"
    assert (event.client_context, event.tenant_id) == ('{"custom": {}}', "blue")
    assert event.trace_header == f"Root=1-x-y;Sampled=1;Lineage=1:{PROBE}:0"


@pytest.mark.parametrize(("settings", "tenant"), [(PER_TENANT, None), (PER_TENANT, ""), ({}, "blue")])
async def test_a_tenant_is_named_exactly_where_tenants_are_isolated(settings: dict[str, Any], tenant: str) -> None:
    placement = Served(echo)
    for kind in ("RequestResponse", "Event", "DryRun"):
        with pytest.raises(InvalidParameterValueException, match="tenan"):
            await door(placement, settings=settings).invoke(request(tenant_id=tenant, invocation_type=kind))
    assert placement.tickets == []


async def test_more_environments_of_tenants_than_the_quota_are_refused_as_aws_does() -> None:
    placement = Served(echo, has_room=False)
    with pytest.raises(TooManyRequestsException) as refused:
        await door(placement, settings=PER_TENANT).invoke(request(tenant_id="blue"))
    assert refused.value.message == "Rate exceeded"
    assert placement.most == 2500


async def test_a_function_error_is_unhandled_and_still_a_success_of_the_api() -> None:
    placement = Served(lambda ticket: ticket.succeed(Outcome(b"{}", "Runtime.ExitError")))
    result = await door(placement).invoke(request())
    assert (result.status_code, result.function_error) == (200, "Unhandled")


@pytest.mark.parametrize("state", ["Pending", "Failed", "Inactive"])
async def test_a_function_that_is_not_active_is_refused(state: str) -> None:
    with pytest.raises(ResourceConflictException) as refused:
        await door(Served(echo), state=state).invoke(request())
    assert refused.value.message == (
        f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
    )


async def test_a_payload_that_is_not_json_never_reaches_an_environment() -> None:
    placement = Served(echo)
    with pytest.raises(InvalidRequestContentException):
        await door(placement).invoke(request(payload=b"not json"))
    assert placement.tickets == []


async def test_a_dry_run_runs_nothing() -> None:
    placement = Served(echo)
    result = await door(placement).invoke(request(invocation_type="DryRun"))
    assert (result.status_code, result.payload) == (204, b"")
    assert placement.tickets == []


async def test_an_event_is_refused_rather_than_lost_while_there_is_no_queue() -> None:
    with pytest.raises(NotImplementedException):
        await door(Served(echo)).invoke(request(invocation_type="Event"))


async def test_reserved_concurrency_is_never_exceeded_by_one_and_given_back_when_the_invoke_ends() -> None:
    placement = Served()
    entrance = door(placement, ResolvedFunction(configuration=configuration(), reserved_concurrency=2))
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(entrance.invoke(request())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequestsException):
            await entrance.invoke(request())
        placement.tickets[0][1].succeed(Outcome(b"1"))
        await running[0]
        running.append(group.create_task(entrance.invoke(request())))
        await asyncio.sleep(0)
        for _, ticket in placement.tickets[1:]:
            ticket.succeed(Outcome(b"2"))
    assert len(placement.tickets) == 3


async def test_a_caller_who_gives_up_leaves_the_invoke_running_and_counted() -> None:
    placement = Served()
    entrance = door(placement, ResolvedFunction(configuration=configuration(), reserved_concurrency=1))
    impatient = asyncio.get_running_loop().create_task(entrance.invoke(request()))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    with pytest.raises(TooManyRequestsException):
        await entrance.invoke(request())
    placement.tickets[0][1].succeed(Outcome(b"nobody listens"))
    placement.answer = echo
    assert (await entrance.invoke(request())).payload == b"{}"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NoCapacity(), TooManyRequestsException),
        (RuntimeMissing("The runtime ruby3.3 is not installed on this server."), InvalidRuntimeException),
        (SandboxFailed("no namespaces: /secret/path"), ServiceException),
    ],
)
async def test_trouble_with_environments_becomes_aws_errors_and_gives_the_place_back(
    error: Exception, told: type[AwsError]
) -> None:
    placement = Served(failing(error))
    entrance = door(placement, ResolvedFunction(configuration=configuration(), reserved_concurrency=1))
    for _ in range(2):
        with pytest.raises(told) as refused:
            await entrance.invoke(request())
        assert "/secret/path" not in refused.value.message


async def test_weights_choose_the_version_by_the_draw() -> None:
    one, two = configuration(version="1"), configuration(version="2")
    resolved = ResolvedFunction(
        configuration=one, alias="live", additional_versions=(WeightedVersion(two, 0.1),), reserved_concurrency=5
    )
    versions = []
    draws = iter((0.0, 0.0999, 0.1, 0.9999))
    for _ in range(4):
        result = await door(Served(echo), resolved, lambda: next(draws)).invoke(request(qualifier="live"))
        versions.append(result.executed_version)
    assert versions == ["2", "2", "1", "1"]


async def test_weights_are_statistically_exact() -> None:
    placement = Served(echo)
    resolved = ResolvedFunction(
        configuration=configuration(version="1"),
        additional_versions=(WeightedVersion(configuration(version="2"), 0.1),),
    )
    draws = iter(number / 2000 for number in range(2000))
    entrance = door(placement, resolved, lambda: next(draws))
    for _ in range(2000):
        await entrance.invoke(request())
    assert sum(chosen.version == "2" for chosen, _ in placement.tickets) == 200


def test_requests_and_results_are_frozen() -> None:
    with pytest.raises(AttributeError):
        request().payload = b""  # type: ignore[misc]  # that is the test
    assert msgspec.structs.replace(request(), payload=b"1").payload == b"1"


async def test_a_weighted_alias_shares_invokes_out_as_its_weights_say() -> None:
    one, two = configuration(version="1"), configuration(version="2")
    resolved = ResolvedFunction(configuration=one, alias="live", additional_versions=(WeightedVersion(two, 0.1),))
    placement = Served(echo)
    known = Known(resolved)
    entrance = Invocation(known, placement, limits=Limits(requests_per_environment=1000), draw=random.Random(5).random)
    shares = Counter(entrance.begin(request(qualifier="live")).result().executed_version for _ in range(20_000))
    deviation = math.sqrt(20_000 * 0.9 * 0.1)
    assert abs(shares["1"] - 18_000) <= 3 * deviation
    assert shares["1"] + shares["2"] == 20_000
    assert Counter(version.version for version, _ in placement.tickets) == shares


@pytest.mark.parametrize(("weight", "version"), [(0.0, "1"), (1.0, "2")])
async def test_a_weight_of_none_or_all_leaves_nothing_to_chance(weight: float, version: str) -> None:
    one, two = configuration(version="1"), configuration(version="2")
    resolved = ResolvedFunction(configuration=one, alias="live", additional_versions=(WeightedVersion(two, weight),))
    draws = iter((0.0, 0.5, 1 - 2**-53))
    entrance = door(Served(echo), resolved, lambda: next(draws))
    for _ in range(3):
        assert (await entrance.invoke(request())).executed_version == version


async def test_a_refused_client_context_leaves_no_place_taken() -> None:
    entrance = door(Served(echo), ResolvedFunction(configuration=configuration(), reserved_concurrency=1))
    for _ in range(2):
        with pytest.raises(InvalidRequestContentException):
            await entrance.invoke(request(client_context="not base64"))
    await entrance.invoke(request())


async def test_provisioned_environments_are_counted_apart() -> None:
    placement = Served(provisioned=Ready(2, 2))
    resolved = ResolvedFunction(configuration=configuration(version="1"), reserved_concurrency=2)
    entrance = door(placement, resolved)
    begun = [entrance.begin(request()) for _ in range(2)]
    with pytest.raises(TooManyRequestsException):
        entrance.begin(request())
    placement.tickets[0][1].succeed(Outcome(b"1"))
    assert begun[0].result().executed_version == "1"
    entrance.begin(request())


# --- loops


async def test_the_seventeenth_invoke_in_a_chain_is_stopped() -> None:
    placement = Served(echo)
    entrance = door(placement)
    header = ""
    for count in range(16):
        await entrance.invoke(request(trace_header=header))
        header = placement.event.trace_header
        assert header.endswith(f";Lineage={count + 1}:{PROBE}:{count}")
    for _ in range(2):
        with pytest.raises(RecursiveInvocationException) as stopped:
            await entrance.invoke(request(trace_header=header))
    assert (stopped.value.status, stopped.value.members) == (400, {"Type": "User"})
    assert len(placement.tickets) == 16
    await entrance.invoke(request())


async def test_a_function_that_may_recurse_goes_on() -> None:
    placement = Served(echo)
    entrance = door(placement, ResolvedFunction(configuration=configuration(), may_recurse=True))
    await entrance.invoke(request(trace_header=f"Root=1-x-y;Lineage=255:{PROBE}:40"))
    assert placement.event.trace_header == f"Root=1-x-y;Lineage=255:{PROBE}:41"


async def test_a_stopped_invoke_takes_no_place() -> None:
    entrance = door(Served(echo), ResolvedFunction(configuration=configuration(), reserved_concurrency=1))
    with pytest.raises(RecursiveInvocationException):
        await entrance.invoke(request(trace_header=f"Lineage=16:{PROBE}:15"))
    await entrance.invoke(request())
