"""Whether one more invoke may run now: the account's concurrency and the function's reserved concurrency.

The decision is pure; `Admission` only counts. Lambda's throttle reasons:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html. Must not know environments.
"""

from collections.abc import Callable

import msgspec

from lamplighter.aws.errors import TooManyRequestsException

ACCOUNT_LIMIT = "ConcurrentInvocationLimitExceeded"
RESERVED_LIMIT = "ReservedFunctionConcurrentInvocationLimitExceeded"

Account = tuple[str, str]
# Account, region and name: an ARN would have to be put together for each invoke.
Function = tuple[str, str, str]


class Load(msgspec.Struct, frozen=True, gc=False):
    """Invokes in flight at one moment. `unreserved` counts those of functions without reserved concurrency."""

    function: int
    unreserved: int


def throttle_reason(load: Load, reserved: int | None, account_limit: int, reserved_total: int) -> str | None:
    """Why the invoke must be refused; None when it may run.

    A reservation is guarantee and cap at once: its functions count against it alone, and everybody else shares what
    the reservations of the account leave.
    """
    if reserved is not None:
        return RESERVED_LIMIT if load.function >= reserved else None
    return ACCOUNT_LIMIT if load.unreserved >= account_limit - reserved_total else None


class Admission:
    """Counts the invokes in flight of every account, region and function."""

    def __init__(self, account_limit: int, reserved_total: Callable[[str, str], int] | None = None) -> None:
        self._account_limit = account_limit
        self._reserved_total = reserved_total or (lambda _account_id, _region: 0)
        self._functions: dict[Function, int] = {}
        self._unreserved: dict[Account, int] = {}

    def admit(self, function: Function, reserved: int | None) -> Callable[[], None]:
        """Count the invoke; the result gives its place back. Raises TooManyRequestsException."""
        account = function[:2]
        load = Load(self._functions.get(function, 0), self._unreserved.get(account, 0))
        reason = throttle_reason(load, reserved, self._account_limit, self._reserved_total(*account))
        if reason is not None:
            raise TooManyRequestsException("Rate Exceeded.", Reason=reason)
        self._functions[function] = load.function + 1
        if reserved is not None:
            return lambda: self._leave_function(function)
        self._unreserved[account] = load.unreserved + 1
        return lambda: self._leave(account, function)

    def _leave(self, account: Account, function: Function) -> None:
        remaining = self._unreserved[account] - 1
        if remaining:
            self._unreserved[account] = remaining
        else:
            del self._unreserved[account]
        self._leave_function(function)

    def _leave_function(self, function: Function) -> None:
        remaining = self._functions[function] - 1
        if remaining:
            self._functions[function] = remaining
        else:
            del self._functions[function]

    def in_flight(self, function: Function) -> int:
        return self._functions.get(function, 0)
