"""The provisioned environments of one function version: as many as are wanted, initialised before anyone asks.

They are used before all others and never expire. One that ends is replaced; when several inits in a row fail, no more
are tried until somebody asks anew. Must not know who wants them, nor the environments that are started on demand.
"""

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.capacity import SAMPLE_SECONDS, Capacity
from lamplighter.environments.environment import Environment, Platform
from lamplighter.environments.placement import SETTLING_SECONDS
from lamplighter.environments.ticket import Ticket
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.provisioned_concurrency.model import Provisioned

_log = logging.getLogger(__name__)

INITIALIZATION_TYPE = "provisioned-concurrency"
# AWS's reason for an allocation that fails because of the function.
INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
NO_ROOM = "The memory of the function is more than this machine is allowed to give."
_MOST_FAILURES = 3
_FIRST_PAUSE_SECONDS = 0.2
# Inits at the same time, for each core: more would only make each of them, and everybody else, slower.
_STARTS_PER_CORE = 2


class Lodging(Protocol):
    """What the provisioned environments of a version ask of all pools together."""

    capacity: Capacity
    cores: int

    def make_room(self, memory_mib: int) -> bool:
        """Let go of idle environments that are not provisioned, if that helps. Whether there is room."""
        ...

    def room_was_made(self) -> None: ...

    def waiting_ticket(self, configuration: FunctionConfiguration) -> Ticket | None:
        """An invoke of this version that waits for an environment started on demand."""
        ...

    def submit_on_demand(self, configuration: FunctionConfiguration, ticket: Ticket) -> None: ...

    def provision_is_empty(self, provision: "Provision") -> None: ...


class Provision:
    """`want` a number; `submit` says whether a provisioned environment takes the invoke."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        prepare: Callable[[FunctionConfiguration], Awaitable[Blueprint]],
        platform: Platform,
        house: Lodging,
    ) -> None:
        self.configuration = configuration
        self._prepare = prepare
        self._platform = platform
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._target = 0
        self._present = 0
        self._starting = 0
        self._failures = 0
        self._failure: str | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._recheck: asyncio.TimerHandle | None = None
        self._alive: set[Environment] = set()
        self._ready: set[Environment] = set()
        self._idle: list[Environment] = []
        self._settling: set[Environment] = set()
        self._waiting: deque[Ticket] = deque()

    # --- what others see

    @property
    def figures(self) -> Provisioned:
        return Provisioned(ready=len(self._ready), failure=self._failure)

    @property
    def usable(self) -> int:
        """How many invokes are sure of an environment here."""
        return min(len(self._ready), self._target)

    @property
    def environments(self) -> int:
        return self._present

    @property
    def is_empty(self) -> bool:
        return not self._present and not self._target

    # --- what is wanted

    def want(self, count: int) -> None:
        """Keep so many from now on. Asking anew also tries anew what has failed."""
        self._target = count
        self._failures, self._failure = 0, None
        self._resume()

    def _resume(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self.balance()

    def balance(self) -> None:
        """Start what is missing, let go what is too much and idle."""
        while len(self._ready) > self._target and self._idle:
            self._idle[0].shut_down()
        if self._pause is None and self._failure is None:
            self._start_missing()
        if self.is_empty:
            self._house.provision_is_empty(self)

    def _start_missing(self) -> None:
        memory_mib = self.configuration.memory_size
        capacity = self._house.capacity
        if self._target and not capacity.could_ever_hold(memory_mib):
            self._failure = NO_ROOM
            return
        most = _STARTS_PER_CORE * self._house.cores - self._starting
        for _ in range(min(most, self._target - self._present)):
            if not capacity.has_room(memory_mib) and not self._house.make_room(memory_mib):
                self._look_again()
                return
            capacity.reserve(memory_mib)
            self._present += 1
            self._starting += 1
            self._platform.background.spawn(self._start(), f"provision {self.configuration.qualified_arn}")

    def _look_again(self) -> None:
        """All are told when room was made, but not when the machine has more memory again."""
        if self._recheck is None:
            self._recheck = self._loop.call_later(SAMPLE_SECONDS, self._recheck_room)

    def _recheck_room(self) -> None:
        self._recheck = None
        self.balance()

    # --- starts

    async def _start(self) -> None:
        try:
            await self._start_one()
        finally:
            self._starting -= 1
            self.balance()

    async def _start_one(self) -> None:
        environment: Environment | None = None
        try:
            blueprint = await self._prepare(self.configuration)
            blueprint = dataclasses.replace(blueprint, initialization_type=INITIALIZATION_TYPE)
            environment = Environment(blueprint, self._platform, self)
            self._alive.add(environment)
            fault = await environment.initialise()
        except Exception as error:  # noqa: BLE001  # loop boundary: told in the status, tried again
            _log.warning("no provisioned environment for %s: %s", self.configuration.qualified_arn, error)
            self._note_failure(str(error))
            if environment is None:
                self._release()
            else:
                environment.shut_down()
            return
        if fault is not None:
            self._note_failure(INIT_FAILURE)
            environment.shut_down()
            return
        if environment not in self._alive:
            return
        self._failures = 0
        self._ready.add(environment)
        self.environment_ready(environment)

    def _note_failure(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._failure = reason
        elif self._pause is None:
            self._pause = self._loop.call_later(_FIRST_PAUSE_SECONDS * 2**self._failures, self._resume)

    # --- invokes

    def submit(self, ticket: Ticket) -> bool:
        """Whether a provisioned environment takes it: a free one, or one that is about to be."""
        if self._idle:
            self._idle.pop().invoke(ticket)
            return True
        if len(self._waiting) < len(self._settling):
            self._waiting.append(ticket)
            self._loop.call_later(SETTLING_SECONDS, self._pass_on, ticket)
            return True
        return False

    def _pass_on(self, ticket: Ticket) -> None:
        """It was not free soon enough after all."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self._house.submit_on_demand(self.configuration, ticket)

    # --- what environments report (environment.Owner)

    def environment_ready(self, environment: Environment) -> None:
        self._settling.discard(environment)
        ticket = self._waiting.popleft() if self._waiting else self._house.waiting_ticket(self.configuration)
        if ticket is not None:
            environment.invoke(ticket)
            return
        environment.idle_since = self._loop.time()
        self._idle.append(environment)
        self.balance()

    def environment_responded(self, environment: Environment, duration_ms: float) -> None:
        self._settling.add(environment)

    def invoke_returned(self, ticket: Ticket) -> None:
        if not self.submit(ticket):
            self._house.submit_on_demand(self.configuration, ticket)

    def environment_gone(self, environment: Environment) -> None:
        self._alive.discard(environment)
        self._settling.discard(environment)
        self._ready.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)

    def environment_ended(self, environment: Environment) -> None:
        self._release()

    def _release(self) -> None:
        self._present -= 1
        self._house.capacity.release(self.configuration.memory_size)
        self._house.room_was_made()
        self.balance()

    def abort(self) -> None:
        """End all at once; running invokes are answered as sandbox failures."""
        self.want(0)
        for environment in tuple(self._alive):
            environment.shut_down()
