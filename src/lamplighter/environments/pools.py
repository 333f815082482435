"""All pools of this server: one for each function version and revision, sharing the machine's capacity.

Must not know routing or admission; who may invoke at all is decided before.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.capacity import Capacity, Ready, SpareMemory
from lamplighter.environments.environment import Platform
from lamplighter.environments.freezer import Freezer
from lamplighter.environments.journal import Logs
from lamplighter.environments.keep_alive import KeepAlive
from lamplighter.environments.machine_memory import read_memory
from lamplighter.environments.pool import NoCapacity, Pool, VersionKey, version_key
from lamplighter.environments.provisioned import Provision
from lamplighter.environments.ticket import Ticket
from lamplighter.kernel.clock import Clock, SystemClock
from lamplighter.kernel.ids import Ids, RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.provisioned_concurrency.model import Provisioned
from lamplighter.sandboxes.sandbox import SandboxDriver

_CLOSE_SECONDS = 10.0

# Account, region and name; the same with the version.
FunctionKey = tuple[str, str, str]
_VersionName = tuple[str, str, str, str]
_MOST_KEPT_ALIVE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """What an operator may set. `queue_seconds`: how long an invoke waits when the machine is full.

    `idle_seconds`: how long an environment is kept whose version has shown no habit of its own yet.
    `memory_share`: how much of the machine's memory may be in use; `max_memory_mib`: what all environments may be
    promised together.

    `freeze_after_seconds`: an environment idle for so long is frozen until its next invoke; 0 lets all run on.
    """

    idle_seconds: float = 600.0
    freeze_after_seconds: float = 0.05
    max_environments: int = 1000
    max_memory_mib: int | None = None
    memory_share: float = 0.9
    queue_seconds: float = 30.0


class EnvironmentPools:
    """Invokes in, environments kept. Create it inside a running event loop; `close` ends everything."""

    def __init__(
        self,
        *,
        driver: SandboxDriver,
        logs: Logs,
        prepare: Callable[[FunctionConfiguration], Awaitable[Blueprint]],
        settings: PoolSettings | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self._settings = settings or PoolSettings()
        self._background = Background()
        self._freezer = Freezer(self._settings.freeze_after_seconds)
        self._platform = Platform(
            driver,
            logs,
            clock or SystemClock(),
            ids or RandomIds(),
            limits or Limits(),
            self._background,
            self._freezer,
        )
        self._prepare = prepare
        self._pools: dict[VersionKey, Pool] = {}
        self._provisions: dict[VersionKey, Provision] = {}
        self._by_function: dict[FunctionKey, set[Pool]] = {}
        self._ended: Callable[[FunctionKey], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._sweep_seconds = max(0.05, min(5.0, self._settings.idle_seconds / 4))
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event = asyncio.Event()
        self._keep_alives: dict[_VersionName, KeepAlive] = {}
        spare = SpareMemory(read_memory, self._settings.memory_share, self._loop.time)
        self.capacity = Capacity(self._settings.max_environments, self._settings.max_memory_mib, spare)
        self.cores = len(os.sched_getaffinity(0))
        self.queue_seconds = self._settings.queue_seconds
        self.is_short_of_room = False

    def submit(self, configuration: FunctionConfiguration, ticket: Ticket) -> None:
        """Have the invoke served by an environment of this version, a provisioned one if one is free."""
        if self._is_closing:
            ticket.fail(NoCapacity())
            return
        # Provisioned environments are shared by whoever comes: never with a tenant.
        is_provisioned = self._provisions and not ticket.event.tenant_id
        provision = self._provisions.get(version_key(configuration)) if is_provisioned else None
        if provision is None or not provision.submit(ticket):
            self.submit_on_demand(configuration, ticket)

    def submit_on_demand(self, configuration: FunctionConfiguration, ticket: Ticket) -> None:
        tenant_id = ticket.event.tenant_id
        pool = self._pools.get(version_key(configuration, tenant_id))
        if pool is None:
            pool = self._open(configuration, tenant_id)
        pool.submit(ticket)

    def _open(self, configuration: FunctionConfiguration, tenant_id: str) -> Pool:
        self.version_changed(configuration.qualified_arn, configuration.content_revision)
        pool = Pool(configuration, self._prepare, self._platform, self, tenant_id)
        self._pools[pool.key] = pool
        self._by_function.setdefault(pool.key[:3], set()).add(pool)
        if self._sweep_timer is None:
            self._sweep_timer = self._loop.call_later(self._sweep_seconds, self._sweep)
        return pool

    @property
    def environments(self) -> int:
        """How many environments are alive."""
        provisioned = sum(provision.environments for provision in self._provisions.values())
        return provisioned + sum(pool.environments for pool in self._pools.values())

    # --- what admission asks

    def environments_of(self, function: FunctionKey) -> int:
        """How many environments started on demand the function has, those included that are starting."""
        return sum(pool.present for pool in self._by_function.get(function, ()))

    def has_room_for_tenant(self, configuration: FunctionConfiguration, tenant_id: str, most: int) -> bool:
        """Whether the tenant has a free environment, or one more keeps all tenants together within `most`."""
        pool = self._pools.get(version_key(configuration, tenant_id))
        if pool is not None and pool.idle_since is not None:
            return True
        function = (configuration.account_id, configuration.region, configuration.name)
        return sum(other.present for other in self._by_function.get(function, ()) if other.tenant_id) < most

    def ready(self, configuration: FunctionConfiguration) -> Ready | None:
        """The provisioned environments that invokes of this version may count on; None where there are none."""
        if not self._provisions:
            return None
        key = version_key(configuration)
        of_function = sum(provision.usable for other, provision in self._provisions.items() if other[:3] == key[:3])
        provision = self._provisions.get(key)
        return Ready(0 if provision is None else provision.usable, of_function) if of_function else None

    def when_environment_ended(self, tell: Callable[[FunctionKey], None]) -> None:
        """Call `tell` whenever an environment started on demand is gone."""
        self._ended = tell

    def environment_ended(self, pool: Pool) -> None:
        if self._ended is not None:
            self._ended(pool.key[:3])

    # --- provisioned concurrency

    def provision(self, configuration: FunctionConfiguration, count: int) -> None:
        """Keep so many environments of this version initialised from now on; 0 lets all of them go."""
        key = version_key(configuration)
        provision = self._provisions.get(key)
        if provision is None:
            if not count or self._is_closing:
                return
            provision = self._provisions[key] = Provision(configuration, self._prepare, self._platform, self)
        provision.want(count)

    def provisioned(self, configuration: FunctionConfiguration) -> Provisioned:
        provision = self._provisions.get(version_key(configuration))
        return Provisioned() if provision is None else provision.figures

    # --- changes of functions

    def version_changed(self, qualified_arn: str, content_revision: str | None) -> None:
        """Drain the environments of every other revision of this version; of all when it was deleted (None)."""
        for pool in tuple(self._pools.values()):
            known = pool.configuration
            if known.qualified_arn == qualified_arn and known.content_revision != content_revision:
                pool.retire()
        for provision in tuple(self._provisions.values()):
            known = provision.configuration
            if known.qualified_arn == qualified_arn and known.content_revision != content_revision:
                provision.want(0)

    # --- what pools ask (pool.House)

    def keep_alive(self, key: VersionKey) -> KeepAlive:
        known = self._keep_alives.get(key[:4])
        if known is None:
            if len(self._keep_alives) >= _MOST_KEPT_ALIVE:
                del self._keep_alives[next(iter(self._keep_alives))]
            known = self._keep_alives[key[:4]] = KeepAlive(self._settings.idle_seconds)
        return known

    def make_room(self, memory_mib: int) -> bool:
        if not self.capacity.could_ever_hold(memory_mib):
            return False
        self.is_short_of_room = True
        idle = [pool for pool in self._pools.values() if pool.idle_since is not None]
        if idle:
            # It has room only when the sandbox is really gone; the waiting pool is told then.
            min(idle, key=lambda pool: pool.idle_since or 0.0).let_one_go()
        return self.capacity.has_room(memory_mib)

    def room_was_made(self) -> None:
        """An environment has ended or become idle: whoever waits for room looks again."""
        self.is_short_of_room = False
        for pool in tuple(self._pools.values()):
            if pool.is_waiting:
                pool.balance()
        for provision in tuple(self._provisions.values()):
            provision.balance()

    def pool_is_empty(self, pool: Pool) -> None:
        if self._pools.get(pool.key) is pool:
            del self._pools[pool.key]
        function = pool.key[:3]
        siblings = self._by_function.get(function)
        if siblings is not None:
            siblings.discard(pool)
            if not siblings:
                del self._by_function[function]
        self._report_if_empty()

    # --- what provisioned environments ask (provisioned.Lodging)

    def waiting_ticket(self, configuration: FunctionConfiguration) -> Ticket | None:
        pool = self._pools.get(version_key(configuration))
        return None if pool is None else pool.take_waiting()

    def provision_is_empty(self, provision: Provision) -> None:
        key = version_key(provision.configuration)
        if self._provisions.get(key) is provision:
            del self._provisions[key]
        self._report_if_empty()

    def _report_if_empty(self) -> None:
        if not self._pools and not self._provisions:
            self._emptied.set()

    def _sweep(self) -> None:
        self._sweep_timer = None
        now = self._loop.time()
        for pool in tuple(self._pools.values()):
            pool.expire(now)
        if self._pools and not self._is_closing:
            self._sweep_timer = self._loop.call_later(self._sweep_seconds, self._sweep)

    # --- the end

    async def close(self, drain_seconds: float = 0.0) -> None:
        """Let running invokes finish for `drain_seconds`, then end every environment. The driver is not closed."""
        self._is_closing = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._freezer.close()
        for pool in tuple(self._pools.values()):
            pool.retire()
        for provision in tuple(self._provisions.values()):
            provision.want(0)
        if (self._pools or self._provisions) and drain_seconds > 0:
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), drain_seconds)
        for pool in tuple(self._pools.values()):
            pool.abort()
        for provision in tuple(self._provisions.values()):
            provision.abort()
        await self._background.close(_CLOSE_SECONDS)
