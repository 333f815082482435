"""Who waits on a full machine is refused in time, but nobody for whom an environment is starting."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.capacity import Capacity, SpareMemory
from lamplighter.environments.environment import Platform
from lamplighter.environments.event import InvokeEvent
from lamplighter.environments.freezer import Freezer
from lamplighter.environments.keep_alive import KeepAlive
from lamplighter.environments.machine_memory import Memory
from lamplighter.environments.pool import NoCapacity, Pool, VersionKey
from lamplighter.environments.ticket import Ticket
from lamplighter.kernel.clock import SystemClock
from lamplighter.kernel.ids import RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.sandboxes.process.driver import ProcessDriver
from tests.e2e.function_house import KeptLogs
from tests.unit.environments.configurations import configuration


@dataclass
class House:
    """A machine, with room for one environment unless said otherwise."""

    capacity: Capacity = field(default_factory=lambda: Capacity(1))
    cores: int = 2
    queue_seconds: float = 0.05
    is_short_of_room: bool = False

    def keep_alive(self, key: VersionKey) -> KeepAlive:
        return KeepAlive(600.0)

    def make_room(self, memory_mib: int) -> bool:
        return False

    def room_was_made(self) -> None: ...

    def environment_ended(self, pool: Pool) -> None: ...

    def pool_is_empty(self, pool: Pool) -> None: ...


async def test_the_invoke_that_an_environment_starts_for_outlasts_those_for_which_none_does(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def prepare(_: FunctionConfiguration) -> Blueprint:
        await release.wait()
        raise LookupError("the start has come to its end")

    background = Background()
    driver = await ProcessDriver.open(tmp_path, with_bubblewrap=False)
    platform = Platform(driver, KeptLogs(), SystemClock(), RandomIds(), Limits(), background, Freezer(0.0))
    pool = Pool(configuration(), prepare, platform, House())
    tickets = [Ticket(InvokeEvent(str(number), b"{}", "arn", "", 3), lambda: None) for number in range(3)]
    for ticket in tickets:
        pool.submit(ticket)
    for ticket in tickets[1:]:
        await asyncio.wait_for(ticket.wait(), 30)
        with pytest.raises(NoCapacity):
            ticket.outcome()
    assert not tickets[0].is_answered

    release.set()
    await asyncio.wait_for(tickets[0].wait(), 30)
    with pytest.raises(LookupError):
        tickets[0].outcome()
    await background.close(1)
    await driver.close()


async def test_who_waits_for_memory_is_served_soon_after_there_is_some(tmp_path: Path) -> None:
    """Memory of the machine comes back unannounced: nobody of ours gave it."""
    looks: list[Memory] = []

    def read() -> Memory:
        looks.append(Memory(10_000, 0 if len(looks) < 2 else 10_000))
        return looks[-1]

    async def prepare(_: FunctionConfiguration) -> Blueprint:
        raise LookupError("the start has begun")

    background = Background()
    driver = await ProcessDriver.open(tmp_path, with_bubblewrap=False)
    platform = Platform(driver, KeptLogs(), SystemClock(), RandomIds(), Limits(), background, Freezer(0.0))
    spare = SpareMemory(read, 0.9, asyncio.get_running_loop().time)
    pool = Pool(configuration(), prepare, platform, House(Capacity(10, None, spare), queue_seconds=3600))
    ticket = Ticket(InvokeEvent("1", b"{}", "arn", "", 3), lambda: None)
    pool.submit(ticket)
    await asyncio.wait_for(ticket.wait(), 60)
    with pytest.raises(LookupError):
        ticket.outcome()
    assert len(looks) == 3
    await background.close(1)
    await driver.close()
