"""One invoke on its way to an execution environment: the event, and who waits for the outcome.

A caller who gives up only stops waiting; the invoke goes on, and `on_end` is called exactly once when it has ended.
The caller is told by a plain call, in the same turn of the event loop. Must not know pools or environments.
"""

import asyncio
from collections.abc import Callable

from lamplighter.environments.event import InvokeEvent, Outcome
from lamplighter.environments.response_stream import StreamedResponse


class Ticket:
    """Answered once; early, and with `stream` set, when the response is streamed."""

    __slots__ = ("_error", "_on_end", "_outcome", "_tell", "event", "is_returned", "queued_at", "stream")

    def __init__(self, event: InvokeEvent, on_end: Callable[[], None]) -> None:
        self.event = event
        self._outcome: Outcome | None = None
        self._error: Exception | None = None
        self._tell: Callable[[], None] | None = None
        self.stream: StreamedResponse | None = None
        self.queued_at = 0.0
        self.is_returned = False  # an environment ended before it took the invoke; that is forgiven once
        self._on_end: Callable[[], None] | None = on_end

    # --- the caller's side

    @property
    def is_answered(self) -> bool:
        return self._outcome is not None or self._error is not None

    def when_answered(self, tell: Callable[[], None]) -> None:
        """Call `tell`, which must not raise, when `outcome` may be asked for; at once if that is now."""
        if self._outcome is None and self._error is None:
            self._tell = tell
        else:
            tell()

    def outcome(self) -> Outcome:
        """What the caller gets. Raises what the invoke failed with."""
        if self._outcome is None:
            raise self._error or RuntimeError("the invoke is not answered yet")
        return self._outcome

    async def wait(self) -> None:
        """Return when the ticket is answered. For one waiter."""
        if self.is_answered:
            return
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not answered.done():  # it is when the waiting was given up
                answered.set_result(None)

        self.when_answered(tell)
        await answered

    def _settle(self, outcome: Outcome | None, error: Exception | None) -> None:
        if self._outcome is not None or self._error is not None:
            return
        self._outcome, self._error = outcome, error
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()

    # --- the environment's side

    def open_stream(self, content_type: str) -> StreamedResponse:
        """The caller gets the response as it is produced, beginning now; `succeed` tells how it ended."""
        self.stream = stream = StreamedResponse()
        self._settle(Outcome(b"", content_type=content_type), None)
        return stream

    def answer(self, outcome: Outcome) -> None:
        """The caller has its outcome; the invoke goes on until `succeed`."""
        if self.stream is not None:
            self.stream.finish(outcome)
        self._settle(outcome, None)

    def succeed(self, outcome: Outcome) -> None:
        # Written out: once an invoke.
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()
        if self.stream is not None:
            self.stream.finish(outcome)
        if self._outcome is None and self._error is None:
            self._outcome = outcome
            tell, self._tell = self._tell, None
            if tell is not None:
                tell()

    def fail(self, error: Exception) -> None:
        self._end()
        self._settle(None, error)

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()
