"""The execution environments of one function version: hand invokes to free ones, start more, let idle ones go.

The most recently used free environment is taken first, so that the others can expire. An invoke that finds none waits
and is served by whichever comes first, a freed environment or a started one. Where a function isolates its tenants,
each tenant has a pool of its own. Must not know other versions.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Protocol

from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.capacity import SAMPLE_SECONDS, Capacity
from lamplighter.environments.environment import Environment, Platform
from lamplighter.environments.keep_alive import KeepAlive
from lamplighter.environments.placement import SETTLING_SECONDS, Situation, decide
from lamplighter.environments.ticket import Ticket
from lamplighter.resources.functions.model import FunctionConfiguration

_log = logging.getLogger(__name__)
_MEAN_WEIGHT = 0.1
# Shorter times between uses say nothing about when to let an environment go.
_IDLE_SECONDS = 1.0


VersionKey = tuple[str, str, str, str, str, str]


def version_key(configuration: FunctionConfiguration, tenant_id: str = "") -> VersionKey:
    """What tells the environments of one content of one version, and one tenant, from all others; no ARN is needed."""
    return (
        configuration.account_id,
        configuration.region,
        configuration.name,
        configuration.version,
        configuration.content_revision,
        tenant_id,
    )


class NoCapacity(Exception):
    """The machine has no room for another environment and none became free in time."""


class VersionGone(Exception):
    """The version was changed or deleted while the invoke waited for an environment."""


class House(Protocol):
    """What a pool asks of all pools together."""

    capacity: Capacity
    cores: int
    queue_seconds: float
    is_short_of_room: bool

    def keep_alive(self, key: VersionKey) -> KeepAlive:
        """What is known about the habits of the version, whatever its content."""
        ...

    def make_room(self, memory_mib: int) -> bool:
        """Let go of idle environments of other versions until there is room, if that helps. Whether there is room."""
        ...

    def room_was_made(self) -> None: ...

    def environment_ended(self, pool: "Pool") -> None: ...

    def pool_is_empty(self, pool: "Pool") -> None: ...


class Pool:
    """`submit` an invoke; the ticket is served in its own time."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        prepare: Callable[[FunctionConfiguration], Awaitable[Blueprint]],
        platform: Platform,
        house: House,
        tenant_id: str = "",
    ) -> None:
        self.configuration = configuration
        self.tenant_id = tenant_id
        self.key = version_key(configuration, tenant_id)
        self.is_retired = False
        self._prepare = prepare
        self._platform = platform
        self._house = house
        self._keep_alive = house.keep_alive(self.key)
        self._memory_mib = configuration.memory_size
        self._loop = asyncio.get_running_loop()
        self._idle: list[Environment] = []
        self._settling: dict[Environment, float] = {}
        self._alive: set[Environment] = set()
        self._present = 0
        self._starting = 0
        self._waiting: deque[Ticket] = deque()
        self._mean_seconds: float | None = None
        self._recheck: asyncio.TimerHandle | None = None

    # --- what others see

    @property
    def idle_since(self) -> float | None:
        """When its longest idle environment became idle; None when it has none."""
        return self._idle[0].idle_since if self._idle else None

    @property
    def environments(self) -> int:
        return len(self._alive)

    @property
    def present(self) -> int:
        """Those that are starting and those that are ending are counted as well."""
        return self._present

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def is_empty(self) -> bool:
        return not (self._present or self._starting or self._waiting)

    # --- invokes

    def submit(self, ticket: Ticket) -> None:
        """Serve the ticket, now or as soon as an environment is there."""
        if self._idle:
            self._idle.pop().invoke(ticket)
            return
        ticket.queued_at = self._loop.time()
        self._waiting.append(ticket)
        if self._recheck is None:
            self.balance()

    def take_waiting(self) -> Ticket | None:
        """The invoke that has waited longest, for whoever can serve it."""
        return self._waiting.popleft() if self._waiting else None

    def balance(self) -> None:
        """Start what the waiting invokes need and the machine has room for."""
        if self._recheck is not None:
            self._recheck.cancel()
            self._recheck = None
        if not self._waiting:
            return
        if not self._house.capacity.could_ever_hold(self._memory_mib):
            self._refuse_all()
            return
        if not self._present:
            self._keep_alive.missed(self._loop.time())
        decision = decide(self._situation(self._loop.time()))
        if decision.recheck_seconds is not None:
            self._recheck_after(decision.recheck_seconds)
        for _ in range(decision.start):
            if not self._house.capacity.has_room(self._memory_mib) and not self._house.make_room(self._memory_mib):
                self._wait_for_room()
                return
            self._house.capacity.reserve(self._memory_mib)
            self._starting += 1
            self._present += 1
            self._platform.background.spawn(self._start(), f"start {self.configuration.qualified_arn}")

    def _situation(self, now: float) -> Situation:
        settling = sum(1 for since in self._settling.values() if now - since < SETTLING_SECONDS)
        return Situation(
            waiting=len(self._waiting),
            longest_wait_seconds=now - self._waiting[0].queued_at,
            starting=self._starting,
            settling=settling,
            busy=max(0, len(self._alive) - len(self._idle) - settling - self._starting),
            mean_seconds=self._mean_seconds,
            cores=self._house.cores,
        )

    def _refuse_all(self) -> None:
        """This machine could never hold an environment of that size."""
        while self._waiting:
            self._waiting.popleft().fail(NoCapacity())
        self._report_if_empty()

    def _recheck_after(self, seconds: float) -> None:
        if self._recheck is not None:
            self._recheck.cancel()
        self._recheck = self._loop.call_later(seconds, self.balance)

    def _wait_for_room(self) -> None:
        """The machine is full: whoever waits does so for a limited time only."""
        oldest_allowed = self._loop.time() - self._house.queue_seconds
        # Those at the front have an environment on its way to them.
        for ticket in [*islice(self._waiting, self._starting, None)]:
            if ticket.queued_at <= oldest_allowed:
                self._waiting.remove(ticket)
                ticket.fail(NoCapacity())
        if len(self._waiting) > self._starting:
            patience = max(0.0, self._waiting[self._starting].queued_at - oldest_allowed)
            self._recheck_after(min(patience, SAMPLE_SECONDS))
        self._report_if_empty()

    # --- starts

    async def _start(self) -> None:
        """Bring one environment up and put it to use. Whatever goes wrong is told to an invoke that waits for it."""
        environment: Environment | None = None
        try:
            blueprint = await self._prepare(self.configuration)
            environment = Environment(blueprint, self._platform, self)
            self._alive.add(environment)
            fault = await environment.initialise()
        except Exception as error:  # noqa: BLE001  # loop boundary: the waiting invoke is told
            self._starting -= 1
            self._start_failed(environment, error)
            return
        self._starting -= 1
        if environment not in self._alive:
            self.balance()
        elif fault is None:
            self.environment_ready(environment)
        else:
            await self._use_failed(environment)

    async def _use_failed(self, environment: Environment) -> None:
        """The init failed: the first invoke tries again on its own time, as on AWS."""
        ticket = self.take_waiting()
        if ticket is None:
            environment.shut_down()
            return
        try:
            await environment.invoke_after_failed_init(ticket)
        except Exception as error:  # noqa: BLE001  # loop boundary: the invoke is told
            ticket.fail(error)
            environment.shut_down()

    def _start_failed(self, environment: Environment | None, error: Exception) -> None:
        _log.warning("no environment for %s: %s", self.configuration.qualified_arn, error)
        ticket = self.take_waiting()
        if ticket is not None:
            ticket.fail(error)
        if environment is not None:
            environment.shut_down()
        else:
            self._release()
        self.balance()

    # --- what environments report (environment.Owner)

    def environment_ready(self, environment: Environment) -> None:
        self._settling.pop(environment, None)
        ticket = self.take_waiting()
        if ticket is not None:
            environment.invoke(ticket)
        elif self.is_retired:
            environment.shut_down()
        else:
            environment.idle_since = self._loop.time()
            self._idle.append(environment)
            if self._house.is_short_of_room:
                self._house.room_was_made()

    def environment_responded(self, environment: Environment, duration_ms: float) -> None:
        seconds = duration_ms / 1000
        mean = self._mean_seconds
        self._mean_seconds = seconds if mean is None else mean + _MEAN_WEIGHT * (seconds - mean)
        self._settling[environment] = now = self._loop.time()
        idle_seconds = now - seconds - environment.idle_since
        if idle_seconds > _IDLE_SECONDS:
            self._keep_alive.note(idle_seconds)

    def invoke_returned(self, ticket: Ticket) -> None:
        if self._idle:
            self._idle.pop().invoke(ticket)
            return
        ticket.queued_at = ticket.queued_at or self._loop.time()
        self._waiting.appendleft(ticket)
        self.balance()

    def environment_gone(self, environment: Environment) -> None:
        self._settling.pop(environment, None)
        self._alive.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)

    def environment_ended(self, environment: Environment) -> None:
        self._release()
        self.balance()

    def _release(self) -> None:
        self._present -= 1
        self._house.capacity.release(self._memory_mib)
        self._house.environment_ended(self)
        self._house.room_was_made()
        self._report_if_empty()

    def _report_if_empty(self) -> None:
        if self.is_empty:
            self._house.pool_is_empty(self)

    # --- letting go

    def expire(self, now: float) -> None:
        """Shut down the environments that have been idle for too long, the oldest first. `now` is the loop's time."""
        idle_before = now - self._keep_alive.seconds
        while self._idle and self._idle[0].idle_since < idle_before:
            self.let_one_go()

    def let_one_go(self) -> bool:
        """Shut down the environment that has been idle longest."""
        if not self._idle:
            return False
        self._keep_alive.let_go(self._idle[0].idle_since)
        self._idle[0].shut_down()
        return True

    def retire(self) -> None:
        """The version changed: finish what runs and waits, start nothing that nobody waits for."""
        self.is_retired = True
        while self._idle:
            self._idle[0].shut_down()
        self._report_if_empty()

    def abort(self) -> None:
        """End everything at once; running invokes are answered as sandbox failures."""
        self.is_retired = True
        while self._waiting:
            ticket = self._waiting.popleft()
            ticket.fail(VersionGone())
        for environment in tuple(self._alive):
            environment.shut_down()
