"""The bare store: coroutines that put entries into a durable queue, each waiting for its own fsync.

A process of its own. One question is one window: {clients, seconds, body_bytes}. Must not know events.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.lines import answer, questions, run
from benchmarks.statistics_of_pairs import percentile
from lamplighter.storage.sqlite.engine import SqliteStorage
from lamplighter.storage.storage import Transaction


async def measure(storage: SqliteStorage, question: dict[str, Any]) -> dict[str, Any]:
    body = b"x" * question["body_bytes"]
    latencies: list[float] = []
    start = time.perf_counter()
    end = start + question["seconds"]

    def decide(transaction: Transaction) -> None:
        transaction.enqueue("bench", body, due_at=0, group="one")

    async def client() -> None:
        now = time.perf_counter()
        while now < end:
            await storage.transact(decide)
            before, now = now, time.perf_counter()
            latencies.append(now - before)

    await asyncio.gather(*(client() for _ in range(question["clients"])))
    seconds = time.perf_counter() - start
    ordered = sorted(latencies)
    return {
        "requests": len(ordered),
        "wrong": 0,
        "rate": len(ordered) / seconds,
        "p50_ms": percentile(ordered, 0.50) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
    }


async def main() -> None:
    storage = SqliteStorage.open(Path(sys.argv[1]))
    try:
        async for question in questions():
            answer(await measure(storage, question))
    finally:
        await storage.close()


if __name__ == "__main__":
    run(main)
