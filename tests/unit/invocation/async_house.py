"""Asynchronous invocation on real storage, with a clock that is moved by hand and a door that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamplighter.aws.errors import ResourceNotFoundException
from lamplighter.invocation.asynchronous.deliveries import Deliveries
from lamplighter.invocation.asynchronous.delivery import Delivery
from lamplighter.invocation.asynchronous.events import AsyncEvents, AsyncSettings
from lamplighter.invocation.asynchronous.figures import AsyncFigures
from lamplighter.invocation.asynchronous.payloads import Payloads
from lamplighter.invocation.request import InvokeRequest, InvokeResult, ResolvedFunction
from lamplighter.kernel.clock import ManualClock
from lamplighter.kernel.ids import CountedIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.event_invoke.model import EventInvokeConfig
from lamplighter.resources.event_invoke.table import put_config
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.sqlite.engine import SqliteStorage
from tests.unit.environments.configurations import configuration

ACCOUNT = "000000000000"
REGION = "eu-west-1"


@dataclass
class ToldDoor:
    """Answers each invoke with what `answer` returns or raises, once `gate` is open."""

    answer: Callable[[InvokeRequest], InvokeResult]
    asked: list[InvokeRequest] = field(default_factory=list)
    ended: list[InvokeRequest] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        self.asked.append(request)
        await self.gate.wait()
        self.ended.append(request)
        return self.answer(request)


@dataclass
class Functions:
    """A directory of whatever is in `known`."""

    known: dict[str, ResolvedFunction] = field(default_factory=dict)

    def resolve(self, account_id: str, region: str, name: str, qualifier: str | None) -> ResolvedFunction:
        if name not in self.known:
            raise ResourceNotFoundException(f"Function not found: {name}")
        return self.known[name]


def succeed(request: InvokeRequest) -> InvokeResult:
    return InvokeResult(payload=request.payload)


def fail(request: InvokeRequest) -> InvokeResult:
    return InvokeResult(payload=b'{"errorMessage":"no"}', function_error="Unhandled")


@dataclass
class AsyncHouse:
    storage: SqliteStorage
    clock: ManualClock
    door: ToldDoor
    functions: Functions
    events: AsyncEvents
    deliveries: Deliveries
    figures: AsyncFigures
    sent: list[tuple[Delivery, bytes]]
    running: list["asyncio.Task[None]"] = field(default_factory=list)

    def add(self, name: str, *, reserved: int | None = None, **members: Any) -> None:
        made = configuration(name=name, **members)
        self.functions.known[name] = ResolvedFunction(configuration=made, reserved_concurrency=reserved)

    async def configure(self, name: str, **members: Any) -> None:
        config = EventInvokeConfig(function_arn=name, modified_at=0.0, **members)
        await self.storage.transact(lambda tx: put_config(tx, ACCOUNT, REGION, name, "$LATEST", config))

    async def send(self, name: str, payload: bytes = b"{}", request_id: str = "id") -> None:
        request = InvokeRequest(
            request_id=request_id,
            account_id=ACCOUNT,
            region=REGION,
            function_name=name,
            invocation_type="Event",
            payload=payload,
        )
        await self.events.accept_event(request, self.functions.known[name])

    def run(self) -> None:
        for dispatch in (self.events.dispatch, self.deliveries.dispatch):
            self.running.append(asyncio.create_task(dispatch.run()))

    async def close(self) -> None:
        self.door.gate.set()
        for dispatch in (self.events.dispatch, self.deliveries.dispatch):
            await dispatch.drain(5)
        for running in self.running:
            running.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        await self.storage.close()

    async def pass_time(self, seconds: float) -> None:
        """Virtual seconds; the loops look at once."""
        self.clock.advance(seconds)
        self.events.dispatch.wake()
        self.deliveries.dispatch.wake()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  # any condition, of objects that know nothing of tests
                await asyncio.sleep(0.002)

    async def settled(self) -> None:
        """Nothing is being handled."""
        await self.until(lambda: self.events.dispatch.running == 0 and self.deliveries.dispatch.running == 0)


@asynccontextmanager
async def open_house(
    directory: Path,
    answer: Callable[[InvokeRequest], InvokeResult] = succeed,
    send: Callable[[Delivery, bytes], None] | None = None,
    **settings: Any,
) -> AsyncIterator[AsyncHouse]:
    """`send` may raise what a target raises. The door's gate is open; the loops run once `run` is called."""
    storage = SqliteStorage.open(directory / "storage")
    clock, figures = ManualClock(), AsyncFigures()
    sent: list[tuple[Delivery, bytes]] = []
    payloads = Payloads(BlobStore(directory / "payloads"), storage)

    async def deliver(delivery: Delivery, body: bytes) -> None:
        if send is not None:
            send(delivery, body)
        sent.append((delivery, body))

    deliveries = Deliveries(
        storage=storage, payloads=payloads, send=deliver, clock=clock, time_scale=1.0, figures=figures
    )
    functions, door = Functions(), ToldDoor(answer)
    door.gate.set()
    events = AsyncEvents(
        storage=storage,
        payloads=payloads,
        directory=functions,
        clock=clock,
        ids=CountedIds(),
        limits=Limits(),
        settings=AsyncSettings(**settings),
        figures=figures,
        outcomes_stored=deliveries.stored,
    )
    events.door = door
    house = AsyncHouse(storage, clock, door, functions, events, deliveries, figures, sent)
    try:
        yield house
    finally:
        await house.close()
