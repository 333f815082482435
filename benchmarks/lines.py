"""The child's side of the line protocol: JSON questions on stdin, JSON answers on stdout, on the asyncio loop."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvloop


async def questions() -> AsyncIterator[dict[str, Any]]:
    """Every line of stdin as JSON, until it is closed."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


def answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` on uvloop until its stdin ends."""

    async def entry() -> None:
        await main()

    uvloop.run(entry())
