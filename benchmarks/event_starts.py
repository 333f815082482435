"""One client that sends invokes one after the other and tells when each was sent and answered, by request id.

A process of its own. One question is one window: {host, port, request, count, pause}. Must not know what it invokes.
"""

import asyncio
import base64
import time
from typing import Any

from benchmarks.lines import answer, questions, run


async def measure(question: dict[str, Any]) -> list[tuple[str, float, float]]:
    request = base64.b64decode(question["request"])
    reader, writer = await asyncio.open_connection(question["host"], question["port"])
    found = []
    for _ in range(question["count"]):
        sent = time.time()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(headers.get("content-length", "0")))
        found.append((headers["x-amzn-requestid"], sent, time.time()))
        await asyncio.sleep(question["pause"])
    writer.close()
    return found


async def main() -> None:
    async for question in questions():
        answer(await measure(question))


if __name__ == "__main__":
    run(main)
