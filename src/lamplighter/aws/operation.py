"""How an API operation is written down: an async method that carries the operation's AWS name.

    @operation("PutFunctionConcurrency")
    async def put_function_concurrency(self, request: Request, context: RequestContext) -> Response: ...

`request` is the parsed and validated input, keyed by the model's member names; the answer is keyed by the model's
member names too, without None members. An operation raises an `aws.errors.AwsError` to refuse. This module must not
know which operations exist: the service model does, and a test compares the two.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

# Wire dictionaries are checked against AWS's service model at run time; spelling 343 structures out as types would
# add nothing that the model does not already check.
Request = dict[str, Any]
Response = dict[str, Any]
PayloadStream = AsyncIterator[bytes]
OperationHandler = Callable[[Request, Any], Awaitable[Response]]

_Method = TypeVar("_Method", bound=Callable[..., Awaitable[Response]])
_ATTRIBUTE = "__lambda_operation__"
_QUICK_ATTRIBUTE = "__lambda_quick_start__"


class Begun(Protocol):
    """An operation under way without a task of its own."""

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Call `tell` once, on the event loop, when `response` may be asked for."""
        ...

    def response(self) -> Response:
        """What the operation's async method would have returned, or raised."""
        ...


QuickStart = Callable[[Request, Any], Begun | None]
_Starter = TypeVar("_Starter", bound=QuickStart | Callable[..., Begun | None])


def operation(name: str) -> Callable[[_Method], _Method]:
    """Mark an async method as the implementation of the API operation `name`."""

    def mark(method: _Method) -> _Method:
        setattr(method, _ATTRIBUTE, name)
        return method

    return mark


def quick_start(name: str) -> Callable[[_Starter], _Starter]:
    """Mark a plain method that begins the operation `name` at once, which spares a hot operation its task.

    Where something would have to be waited for first it does nothing and returns None; the async method is used then.
    """

    def mark(method: _Starter) -> _Starter:
        setattr(method, _QUICK_ATTRIBUTE, name)
        return method

    return mark


class OperationRegistry:
    """Operation name -> bound handler, collected from objects whose methods carry `@operation`."""

    def __init__(self, owners: Iterable[object] = ()) -> None:
        self._handlers: dict[str, OperationHandler] = {}
        self._quick_starts: dict[str, QuickStart] = {}
        for owner in owners:
            self.add(owner)

    def add(self, owner: object) -> None:
        """Register every marked method of `owner`; an operation written twice is a programming error."""
        for attribute in dir(type(owner)):
            quick = getattr(getattr(type(owner), attribute), _QUICK_ATTRIBUTE, None)
            if quick is not None:
                self._quick_starts[quick] = getattr(owner, attribute)
            name = getattr(getattr(type(owner), attribute), _ATTRIBUTE, None)
            if name is None:
                continue
            if name in self._handlers:
                raise ValueError(f"operation {name} is registered twice")
            self._handlers[name] = getattr(owner, attribute)

    def get(self, name: str) -> OperationHandler | None:
        return self._handlers.get(name)

    def quick_start(self, name: str) -> QuickStart | None:
        return self._quick_starts.get(name)

    def names(self) -> frozenset[str]:
        return frozenset(self._handlers)
