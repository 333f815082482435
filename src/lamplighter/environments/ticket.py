"""One invoke on its way to an execution environment: the event, and who waits for the outcome.

A caller who gives up cancels only the waiting; the invoke goes on, and `on_end` is called exactly once when it has
ended. Must not know pools or environments.
"""

import asyncio
from collections.abc import Callable

from lamplighter.environments.event import InvokeEvent, Outcome
from lamplighter.environments.response_stream import StreamedResponse


class Ticket:
    """`future` is what the caller waits for; it is set early, and `stream` with it, when the response is streamed."""

    __slots__ = ("_on_end", "event", "future", "queued_at", "stream")

    def __init__(self, event: InvokeEvent, on_end: Callable[[], None]) -> None:
        self.event = event
        self.future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.stream: StreamedResponse | None = None
        self.queued_at = 0.0
        self._on_end: Callable[[], None] | None = on_end

    def open_stream(self, content_type: str) -> StreamedResponse:
        """The caller gets the response as it is produced, beginning now; `succeed` tells how it ended."""
        self.stream = StreamedResponse()
        if not self.future.done():
            self.future.set_result(Outcome(b"", content_type=content_type))
        return self.stream

    def answer(self, outcome: Outcome) -> None:
        """The caller has its outcome; the invoke goes on until `succeed`."""
        if self.stream is not None:
            self.stream.finish(outcome)
        if not self.future.done():
            self.future.set_result(outcome)

    def succeed(self, outcome: Outcome) -> None:
        self._end()
        self.answer(outcome)

    def fail(self, error: Exception) -> None:
        self._end()
        if not self.future.done():
            self.future.set_exception(error)
            # A caller who hung up never looks at the error; asyncio need not complain about that.
            self.future.exception()

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()
