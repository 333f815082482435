"""A Lambda API that answers every request at once with the same payload: the floor under any client's latency.

A process of its own: says {"port": N}, then serves until its stdin ends.
"""

import asyncio
from typing import cast

import httptools

from benchmarks.lines import answer, questions, run

PAYLOAD = b'{"a":1}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"x-amzn-RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\nX-Amz-Executed-Version: $LATEST\r\n\r\n%s"
) % (len(PAYLOAD), PAYLOAD)


class Client(asyncio.Protocol):
    """One connection; the parser says when a request is complete."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(ANSWER)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", 0)
    answer({"port": server.sockets[0].getsockname()[1]})
    async for _ in questions():
        pass


if __name__ == "__main__":
    run(main)
