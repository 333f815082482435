"""Whether one more invoke may run now: concurrency of account, function and version, and how fast both may grow.

Counts and decides in one step without waiting, so that no limit is ever exceeded by one; only `clock` knows the time.
Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html and .../scaling-behavior.html.
Must not know environments beyond their numbers.
"""

from collections.abc import Callable
from functools import partial

from lamplighter.environments.capacity import Ready
from lamplighter.invocation.rates import Allowance
from lamplighter.invocation.throttling import ACCOUNT_LIMIT, CALLER_RATE, RESERVED_LIMIT, invocation_rate, throttled
from lamplighter.kernel.clock import Clock, SystemClock
from lamplighter.kernel.limits import Limits

# Account, region and name: an ARN would have to be put together for each invoke.
Function = tuple[str, str, str]
Release = Callable[[], None]


class _Account:
    """One account in one region. `shared`: what reservations and provisioning leave; None when that must be asked."""

    __slots__ = ("calls", "on_demand", "pace", "shared")

    def __init__(self) -> None:
        self.calls = Allowance()
        self.on_demand = 0
        self.pace = Allowance()
        self.shared: int | None = None


class _Load:
    """One function: what runs on demand and on provisioned environments (`held`, by version in `provisioned`).

    `scaled` is the size it has grown to, in environments started on demand.
    """

    __slots__ = ("account", "growth", "held", "on_demand", "pace", "provisioned", "scaled")

    def __init__(self, account: _Account) -> None:
        self.account = account
        self.growth = Allowance()
        self.held = 0
        self.on_demand = 0
        self.pace = Allowance()
        self.provisioned: dict[str, int] = {}
        self.scaled = 0

    def leave_shared(self) -> None:
        self.account.on_demand -= 1
        self.on_demand -= 1

    def leave_reserved(self) -> None:
        self.on_demand -= 1

    def leave_provisioned(self, version: str) -> None:
        self.held -= 1
        left = self.provisioned[version] - 1
        if left:
            self.provisioned[version] = left
        else:
            del self.provisioned[version]


class Admission:
    """`admit` each invoke; what it returns is called when the invoke has ended.

    `claimed` says how much of an account's concurrency its reservations and provisioned environments hold,
    `environments` how many environments started on demand a function has.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Clock | None = None,
        claimed: Callable[[str, str], int] | None = None,
        environments: Callable[[Function], int] | None = None,
    ) -> None:
        self._limits = limits
        self._monotonic = (clock or SystemClock()).monotonic
        self._claimed = claimed or (lambda _account_id, _region: 0)
        self._environments = environments or (lambda _function: 0)
        self._loads: dict[Function, _Load] = {}
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._shared_rate = limits.concurrent_executions * limits.requests_per_environment
        self._reserved_rate = limits.requests_per_environment
        self._calls_per_second = limits.calls_per_second

    def admit(
        self,
        function: Function,
        reserved: int | None,
        *,
        version: str = "$LATEST",
        ready: Ready | None = None,
        is_paced: bool = True,
    ) -> Release:
        """Count the invoke. Raises TooManyRequestsException.

        `ready`: the provisioned environments, None where there are none. AWS sets no pace for asynchronous events.
        """
        load = self._loads.get(function) or self._open(function)
        now = self._monotonic()
        if ready is not None and _has_place(load, version, ready, reserved):
            return self._admit_provisioned(load, version, reserved, now, is_paced=is_paced)
        account = load.account
        if reserved is None:
            shared = account.shared
            if account.on_demand >= (self._share(function, account) if shared is None else shared):
                raise throttled(ACCOUNT_LIMIT)
        else:
            running = load.on_demand
            if running + load.held >= reserved or (ready is not None and running >= reserved - ready.function):
                raise throttled(RESERVED_LIMIT)
        if is_paced:
            self._pace(load, reserved, now)
        if load.on_demand >= load.scaled:
            self._grow(function, load, reserved, now, is_paced=is_paced)
        load.on_demand += 1
        if reserved is not None:
            return load.leave_reserved
        account.on_demand += 1
        return load.leave_shared

    def _admit_provisioned(
        self, load: _Load, version: str, reserved: int | None, now: float, *, is_paced: bool
    ) -> Release:
        if is_paced:
            self._pace(load, reserved, now)
        load.held += 1
        load.provisioned[version] = load.provisioned.get(version, 0) + 1
        return partial(load.leave_provisioned, version)

    def _pace(self, load: _Load, reserved: int | None, now: float) -> None:
        if reserved is None:
            wait = load.account.pace.take(now, self._shared_rate)
        else:
            wait = load.pace.take(now, self._reserved_rate * reserved)
        if wait:
            raise throttled(invocation_rate(reserved), wait)

    def _grow(self, function: Function, load: _Load, reserved: int | None, now: float, *, is_paced: bool) -> None:
        """Every environment that the function has is taken: it needs one more."""
        load.scaled = max(load.on_demand, self._environments(function))
        if load.on_demand < load.scaled:
            return
        limits = self._limits
        wait = load.growth.take(now, limits.scaling_environments, limits.scaling_seconds)
        if wait:
            if is_paced:
                (load.account if reserved is None else load).pace.give_back()
            raise throttled(invocation_rate(reserved), wait)
        load.scaled += 1

    def admit_call(self, account_id: str, region: str) -> None:
        """Count a call of Invoke, whatever its kind, where an operator has set a pace for callers."""
        if self._calls_per_second is None:
            return
        wait = self._account(account_id, region).calls.take(self._monotonic(), self._calls_per_second)
        if wait:
            raise throttled(CALLER_RATE, wait)

    # --- what changes

    def function_changed(self, account_id: str, region: str, name: str) -> None:
        """A reservation or a provisioned configuration may be another: ask anew."""
        account = self._accounts.get((account_id, region))
        if account is not None:
            account.shared = None
        load = self._loads.get((account_id, region, name))
        limits = self._limits
        if (
            load is not None
            and not load.on_demand + load.held
            and load.growth.is_whole(self._monotonic(), limits.scaling_environments, limits.scaling_seconds)
        ):
            del self._loads[account_id, region, name]

    def environment_ended(self, function: Function) -> None:
        """One of the function's environments is gone: to have as many again it must grow again."""
        load = self._loads.get(function)
        if load is not None:
            load.scaled = min(load.scaled, max(load.on_demand, self._environments(function)))

    def in_flight(self, function: Function) -> int:
        load = self._loads.get(function)
        return 0 if load is None else load.on_demand + load.held

    def _open(self, function: Function) -> _Load:
        load = self._loads[function] = _Load(self._account(*function[:2]))
        return load

    def _account(self, account_id: str, region: str) -> _Account:
        account = self._accounts.get((account_id, region))
        if account is None:
            account = self._accounts[account_id, region] = _Account()
        return account

    def _share(self, function: Function, account: _Account) -> int:
        shared = account.shared = max(0, self._limits.concurrent_executions - self._claimed(*function[:2]))
        return shared


def _has_place(load: _Load, version: str, ready: Ready, reserved: int | None) -> bool:
    """Whether a provisioned environment of the version is free, within the function's reservation."""
    return load.provisioned.get(version, 0) < ready.version and (
        reserved is None or load.on_demand + load.held < reserved
    )
