"""How an API operation is written down: an async method that carries the operation's AWS name.

    @operation("PutFunctionConcurrency")
    async def put_function_concurrency(self, request: Request, context: RequestContext) -> Response: ...

`request` is the parsed and validated input, keyed by the model's member names; the answer is keyed by the model's
member names too, without None members. An operation raises an `aws.errors.AwsError` to refuse. This module must not
know which operations exist: the service model does, and a test compares the two.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

# Wire dictionaries are checked against AWS's service model at run time; spelling 343 structures out as types would
# add nothing that the model does not already check.
Request = dict[str, Any]
Response = dict[str, Any]
PayloadStream = AsyncIterator[bytes]
OperationHandler = Callable[[Request, Any], Awaitable[Response]]

_Method = TypeVar("_Method", bound=Callable[..., Awaitable[Response]])
_ATTRIBUTE = "__lambda_operation__"


def operation(name: str) -> Callable[[_Method], _Method]:
    """Mark an async method as the implementation of the API operation `name`."""

    def mark(method: _Method) -> _Method:
        setattr(method, _ATTRIBUTE, name)
        return method

    return mark


class OperationRegistry:
    """Operation name -> bound handler, collected from objects whose methods carry `@operation`."""

    def __init__(self, owners: Iterable[object] = ()) -> None:
        self._handlers: dict[str, OperationHandler] = {}
        for owner in owners:
            self.add(owner)

    def add(self, owner: object) -> None:
        """Register every marked method of `owner`; an operation written twice is a programming error."""
        for attribute in dir(type(owner)):
            name = getattr(getattr(type(owner), attribute), _ATTRIBUTE, None)
            if name is None:
                continue
            if name in self._handlers:
                raise ValueError(f"operation {name} is registered twice")
            self._handlers[name] = getattr(owner, attribute)

    def get(self, name: str) -> OperationHandler | None:
        return self._handlers.get(name)

    def names(self) -> frozenset[str]:
        return frozenset(self._handlers)
