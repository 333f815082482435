"""A streamed response as the front doors see it: parts first, then how the invoke ended. Must not know the wire."""

from collections.abc import AsyncIterator, Callable

from lamplighter.environments.event import Outcome
from lamplighter.environments.response_stream import StreamedResponse
from lamplighter.invocation.request import InvokeResult


class FunctionStream:
    """See invocation.request.ResultStream."""

    def __init__(self, response: StreamedResponse, conclude: Callable[[Outcome], InvokeResult]) -> None:
        self._response = response
        self._conclude = conclude

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response

    def abandon(self) -> None:
        self._response.abandon()

    def result(self) -> InvokeResult:
        outcome = self._response.outcome
        if outcome is None:
            raise RuntimeError("the response has not ended yet")
        return self._conclude(outcome)
