"""Events from 202 to their end, on real storage: retried, put back, ended, dropped, told; never lost or crowded out."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lamplighter.aws.errors import (
    AwsError,
    RecursiveInvocationException,
    RequestEntityTooLargeException,
    ResourceConflictException,
    ResourceNotFoundException,
    ServiceException,
    TooManyRequestsException,
)
from lamplighter.aws_client.client import CallRefused
from lamplighter.aws_client.endpoints import EndpointMissing
from lamplighter.invocation.asynchronous.acceptance import EVENTS
from lamplighter.invocation.asynchronous.delivery import Delivery
from lamplighter.invocation.asynchronous.events import DELIVERIES
from lamplighter.invocation.request import InvokeRequest, InvokeResult
from lamplighter.wire.http_client import CallFailed
from tests.unit.invocation.async_house import AsyncHouse, fail, open_house, succeed

QUEUE = "arn:aws:sqs:eu-west-1:000000000000:q"
OTHER = "arn:aws:sqs:eu-west-1:000000000000:other"


def raising(*errors: AwsError) -> Callable[[InvokeRequest], InvokeResult]:
    """Raise one after the other, then succeed."""
    left = list(errors)

    def answer(request: InvokeRequest) -> InvokeResult:
        if left:
            raise left.pop(0)
        return succeed(request)

    return answer


def condition(house: AsyncHouse) -> str:
    (_, body) = house.sent[-1]
    return str(json.loads(body)["requestContext"]["condition"])


async def test_an_event_runs_at_once_and_is_gone(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.add("f")
        house.run()
        await house.send("f", b'{"n":1}', "request-1")
        await house.until(lambda: house.figures.ended["Success"] == 1)

        (asked,) = house.door.asked
        assert (asked.request_id, asked.payload, asked.invocation_type) == ("request-1", b'{"n":1}', "RequestResponse")
        assert (house.storage.queue_size(EVENTS), house.events.backlog.total) == (0, 0)


async def test_a_failing_event_is_tried_after_one_and_two_minutes_under_its_own_request_id(tmp_path: Path) -> None:
    async with open_house(tmp_path, fail) as house:
        house.add("f", settings={"DeadLetterConfig": {"TargetArn": QUEUE}})
        await house.configure("f", on_failure=OTHER)
        house.run()
        await house.send("f")
        for number, seconds in ((1, 59.9), (2, 119.9)):
            await house.until(lambda number=number: house.figures.retried == number)  # type: ignore[misc]  # bound now
            await house.settled()
            await house.pass_time(seconds)
            await house.settled()
            assert len(house.door.asked) == number
            await house.pass_time(0.2)
            await house.until(lambda number=number: len(house.door.asked) == number + 1)  # type: ignore[misc]  # bound now
        await house.until(lambda: len(house.sent) == 2)

        assert {asked.request_id for asked in house.door.asked} == {"id"}
        told = {delivery.target: (delivery.attributes, body) for delivery, body in house.sent}
        assert told[QUEUE] == ({"RequestID": "id", "ErrorCode": "200", "ErrorMessage": "no"}, b"{}")
        context = json.loads(told[OTHER][1])["requestContext"]
        assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 3)


async def test_throttles_and_system_errors_cost_no_retries(tmp_path: Path) -> None:
    errors = [TooManyRequestsException("Rate Exceeded.")] * 3 + [ServiceException("x"), ResourceConflictException("x")]
    async with open_house(tmp_path, raising(*errors)) as house:
        house.add("f")
        await house.configure("f", maximum_retry_attempts=0, on_success=QUEUE)
        house.run()
        await house.send("f")
        for number, seconds in enumerate((1, 2, 4, 8, 16), start=1):
            await house.until(lambda number=number: house.figures.put_back == number)  # type: ignore[misc]  # bound now
            await house.settled()
            await house.pass_time(seconds + 0.001)
        await house.until(lambda: len(house.sent) == 1)

        assert condition(house) == "Success"
        assert json.loads(house.sent[0][1])["requestContext"]["approximateInvokeCount"] == 1


async def test_an_event_ends_when_it_is_too_old_without_being_run_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, raising(*[TooManyRequestsException("Rate Exceeded.")] * 99)) as house:
        house.add("f", settings={"DeadLetterConfig": {"TargetArn": QUEUE}})
        await house.configure("f", maximum_event_age_seconds=60)
        house.run()
        await house.send("f")
        await house.until(lambda: house.figures.put_back == 1)
        await house.settled()
        await house.pass_time(60)
        await house.until(lambda: len(house.sent) == 1)

        assert len(house.door.asked) == 1
        assert house.figures.ended == {"EventAgeExceeded": 1}
        assert house.sent[0][0].attributes["ErrorCode"] == "429"


async def test_a_function_that_is_switched_off_is_not_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.add("f", reserved=0)
        await house.configure("f", on_failure=QUEUE)
        house.run()
        await house.send("f")
        await house.until(lambda: len(house.sent) == 1)

        assert house.door.asked == []
        assert condition(house) == "ZeroReservedConcurrency"


@pytest.mark.parametrize("error", [RecursiveInvocationException("loop"), RequestEntityTooLargeException("big")])
async def test_an_event_that_is_refused_for_ever_is_not_tried_again(tmp_path: Path, error: AwsError) -> None:
    async with open_house(tmp_path, raising(error)) as house:
        house.add("f")
        await house.configure("f", on_failure=QUEUE)
        house.run()
        await house.send("f")
        await house.until(lambda: len(house.sent) == 1)

        assert condition(house) == "RetriesExhausted"


async def test_events_of_a_deleted_function_are_dropped_and_counted(tmp_path: Path) -> None:
    async with open_house(tmp_path, raising(ResourceNotFoundException("gone"))) as house:
        house.add("f")
        await house.send("f")
        house.functions.known.clear()
        house.run()
        await house.until(lambda: house.figures.dropped["gone"] == 1)

        assert (house.storage.queue_size(EVENTS), house.events.backlog.total) == (0, 0)


async def test_a_poisoned_entry_stops_nobody(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.add("f")
        await house.storage.transact(lambda tx: tx.enqueue(EVENTS, b"no event", due_at=0, group="poison"))
        house.events.backlog.add("poison")
        await house.send("f")
        house.run()
        await house.until(lambda: house.figures.ended["Success"] == 1 and house.figures.dropped["unreadable"] == 1)


async def test_an_unexpected_error_puts_the_event_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def explode(request: InvokeRequest) -> InvokeResult:
        if len(house.door.asked) == 1:
            raise ZeroDivisionError
        return succeed(request)

    async with open_house(tmp_path, explode) as house:
        house.add("f")
        house.run()
        await house.send("f")
        await house.until(lambda: "could not be handled" in caplog.text)
        await house.settled()
        await house.pass_time(3)
        await house.until(lambda: house.figures.ended["Success"] == 1)


async def test_too_large_a_payload_is_refused_and_the_largest_is_not(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.add("f")
        house.run()
        largest = b'"' + b"x" * 1_048_574 + b'"'
        with pytest.raises(RequestEntityTooLargeException) as refused:
            await house.send("f", largest + b" ")
        assert refused.value.message == (
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
        )
        await house.send("f", largest)
        await house.until(lambda: house.figures.ended["Success"] == 1)

        assert house.door.asked[0].payload == largest
        assert house.storage.list("event_payloads", "") == []


async def test_a_full_queue_refuses_the_flood_and_takes_the_others(tmp_path: Path) -> None:
    async with open_house(tmp_path, queue_limit=10) as house:
        house.add("flood")
        house.add("calm")
        for number in range(5):
            await house.send("flood", request_id=str(number))
        with pytest.raises(TooManyRequestsException) as refused:
            await house.send("flood")
        assert refused.value.members["retryAfterSeconds"] == "5"
        await house.send("calm")
        house.run()
        await house.until(lambda: house.figures.ended["Success"] == 6)
        assert house.figures.refused == 1


async def test_a_flood_of_one_function_does_not_keep_another_waiting(tmp_path: Path) -> None:
    async with open_house(tmp_path, concurrency=8) as house:
        house.add("flood")
        house.add("calm")
        house.door.gate.clear()
        house.run()
        for number in range(100):
            await house.send("flood", request_id=str(number))
        await house.until(lambda: len(house.door.asked) >= 4)
        await house.send("calm")
        await house.until(lambda: house.door.asked[-1].function_name == "calm")

        assert len(house.door.asked) == 5
        house.door.gate.set()
        await house.until(lambda: house.figures.ended["Success"] == 101)
        assert len({asked.request_id for asked in house.door.asked}) == 101


async def test_what_was_in_hand_when_the_server_died_runs_in_the_next_life(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.add("f")
        house.door.gate.clear()
        house.run()
        for number in range(3):
            await house.send("f", request_id=str(number))
        await house.until(lambda: len(house.door.asked) == 3)
        for dispatch in (house.events.dispatch, house.deliveries.dispatch):
            await dispatch.drain(0)  # nothing is settled, as after a kill
    async with open_house(tmp_path) as house:
        assert house.events.backlog.total == 3
        house.add("f")
        house.run()
        await house.until(lambda: house.figures.ended["Success"] == 3)
        assert sorted(asked.request_id for asked in house.door.asked) == ["0", "1", "2"]


async def test_a_drain_lets_running_events_finish_and_starts_none(tmp_path: Path) -> None:
    async with open_house(tmp_path, concurrency=4) as house:
        house.add("f")
        house.door.gate.clear()
        house.run()
        for number in range(10):
            await house.send("f", request_id=str(number))
        await house.until(lambda: len(house.door.asked) == 2)
        house.events.dispatch.close_door()
        await house.send("f", request_id="late")
        house.door.gate.set()

        assert await house.events.dispatch.drain(10) == 0

        assert len(house.door.ended) == 2
        assert house.storage.queue_size(EVENTS) == house.events.backlog.total == 9


@pytest.mark.parametrize("turns", range(6))
async def test_a_dispatch_ends_when_it_is_cancelled_while_it_wakes(tmp_path: Path, turns: int) -> None:
    async with open_house(tmp_path) as house:
        running = asyncio.create_task(house.events.dispatch.run())
        await house.until(lambda: house.events.dispatch.take_place("g"))  # it has begun
        house.events.dispatch.leave_place("g")
        for _ in range(20):
            await asyncio.sleep(0)  # it rests
        house.events.dispatch.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()

        done, _ = await asyncio.wait([running], timeout=10)

        assert done == {running}


@pytest.mark.parametrize(
    "trouble",
    [CallFailed("down"), EndpointMissing("sqs"), CallRefused("InternalError", "", 500), CallRefused("X", "", 400)],
)
async def test_a_target_in_trouble_delays_its_own_deliveries_only(tmp_path: Path, trouble: Exception) -> None:
    is_down = True

    def send(delivery: Delivery, body: bytes) -> None:
        if is_down and delivery.target == QUEUE:
            raise trouble

    async with open_house(tmp_path, send=send) as house:
        house.add("f")
        house.add("g")
        await house.configure("f", on_success=QUEUE)
        await house.configure("g", on_success=OTHER)
        house.run()
        await house.send("f")
        await house.until(lambda: house.figures.delivery_failures == 1)
        await house.send("g")
        await house.until(lambda: [delivery.target for delivery, _ in house.sent] == [OTHER])
        await house.settled()
        assert house.deliveries.waiting == house.storage.queue_size(DELIVERIES) == 1
        is_down = False
        await house.pass_time(1.001)
        await house.until(lambda: [delivery.target for delivery, _ in house.sent] == [OTHER, QUEUE])
        await house.until(lambda: house.storage.queue_size(DELIVERIES) == 0)
        await house.until(lambda: house.deliveries.waiting == 0)


async def test_a_message_that_can_never_be_taken_is_dropped_and_counted(tmp_path: Path) -> None:
    def send(delivery: Delivery, body: bytes) -> None:
        raise CallRefused("InvalidMessageContents", "no", 400)

    async with open_house(tmp_path, send=send) as house:
        house.add("f")
        await house.configure("f", on_success=QUEUE)
        house.run()
        await house.send("f")
        await house.until(lambda: house.figures.undeliverable == 1)
        await house.until(lambda: house.storage.queue_size(DELIVERIES) == 0)
