"""Delivers batches into the sandbox: by HTTP, one call a batch, or by TCP, one line an event.

What listens there is the function's own doing: every wait has a limit and no answer is read further than its head.
Must not know what the events say.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from lamplighter.environments.telemetry.subscription import Target

_DELIVERY_SECONDS = 5.0
_HEAD_BYTES = 65_536
_OK = range(200, 400)

Connect = Callable[[int], Awaitable[socket.socket]]


class NotDelivered(Exception):
    """The listener refused, failed or did not answer."""


class Destination(Protocol):
    """Where the batches of one subscriber go."""

    async def deliver(self, batch: list[bytes]) -> None:
        """Raises NotDelivered."""
        ...

    def close(self) -> None: ...


class HttpDestination:
    """An array of events in the body of a call."""

    def __init__(self, target: Target, connect: Connect) -> None:
        self._target = target
        self._connect = connect

    async def deliver(self, batch: list[bytes]) -> None:
        body = b"[" + b",".join(batch) + b"]"
        target = self._target
        head = (
            f"{target.method} {target.path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        try:
            async with asyncio.timeout(_DELIVERY_SECONDS):
                status = await self._call(head.encode("latin-1", "replace") + body)
        except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise NotDelivered(str(error) or type(error).__name__) from error
        if status not in _OK:
            raise NotDelivered(f"the listener answered {status}")

    async def _call(self, request: bytes) -> int:
        connection = await self._connect(self._target.port)
        reader, writer = await asyncio.open_connection(sock=connection, limit=_HEAD_BYTES)
        try:
            writer.write(request)
            await writer.drain()
            line = await reader.readuntil(b"\r\n")
            return int(line.split()[1])
        except IndexError as error:
            raise ValueError("not an answer of HTTP") from error
        finally:
            writer.close()

    def close(self) -> None:
        """Nothing is kept open."""


class TcpDestination:
    """Newline-delimited JSON on one connection that is kept."""

    def __init__(self, target: Target, connect: Connect) -> None:
        self._target = target
        self._connect = connect
        self._writer: asyncio.StreamWriter | None = None

    async def deliver(self, batch: list[bytes]) -> None:
        try:
            async with asyncio.timeout(_DELIVERY_SECONDS):
                if self._writer is None or self._writer.is_closing():
                    connection = await self._connect(self._target.port)
                    _, self._writer = await asyncio.open_connection(sock=connection, limit=_HEAD_BYTES)
                self._writer.write(b"\n".join(batch) + b"\n")
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            self.close()
            raise NotDelivered(str(error) or type(error).__name__) from error

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.close()


def destination(target: Target, connect: Connect) -> Destination:
    return HttpDestination(target, connect) if target.protocol == "HTTP" else TcpDestination(target, connect)
