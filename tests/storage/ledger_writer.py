"""Run as a program: writes records as fast as it can and prints each key after it was acknowledged."""

import asyncio
import sys
from pathlib import Path

from lamplighter.storage.sqlite import SqliteStorage
from lamplighter.storage.storage import StorageFailed


async def write(storage: SqliteStorage, writer: int) -> None:
    count = 0
    while True:
        key = f"{writer}-{count}"
        await storage.transact(lambda tx, key=key: tx.put("ledger", key, key.encode() * 20))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
        count += 1


async def main() -> None:
    storage = SqliteStorage.open(Path(sys.argv[1]))
    writing = [asyncio.ensure_future(write(storage, writer)) for writer in range(16)]
    failure = await storage.wait_failed()
    await asyncio.gather(*writing, return_exceptions=True)
    try:
        await storage.transact(lambda tx: tx.put("ledger", "after", b""))
    except StorageFailed:
        sys.exit(f"failed: {failure}")


if __name__ == "__main__":
    asyncio.run(main())
