"""Reads logs from their files: lists, the last events, and events as they come. Works beside a running server.

Must not write: `lamplighter logs` uses it from another process.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

from lamplighter.observability.log_layout import (
    SUFFIX,
    decode_name,
    decode_record,
    group_directory,
    is_continued,
    region_directory,
    stream_of_file,
)

_BLOCK_BYTES = 256 * 1024
_LEAST_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event and the stream it is from."""

    timestamp_ms: int
    message: str
    stream: str


@dataclass(frozen=True, slots=True)
class LogStreamSummary:
    """A stream, when it was last written, and its size in bytes on disk."""

    name: str
    last_write: float
    size: int


class LogReader:
    """Reads below the directory that a LogStore writes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def groups(self, account_id: str, region: str) -> list[str]:
        """The names of the log groups, sorted."""
        found = [name for name, _ in named_directories(region_directory(self._directory, account_id, region))]
        return sorted(found)

    def streams(self, account_id: str, region: str, group: str) -> list[LogStreamSummary]:
        """The streams of a group, the one written last first."""
        directory = group_directory(self._directory, account_id, region, group)
        summaries: dict[str, LogStreamSummary] = {}
        for file, status in log_files(directory):
            name = stream_of_file(directory, file)
            known = summaries.get(name, LogStreamSummary(name, 0.0, 0))
            last_write = max(known.last_write, status.st_mtime)
            summaries[name] = LogStreamSummary(name, last_write, known.size + status.st_size)
        return sorted(summaries.values(), key=lambda summary: summary.last_write, reverse=True)

    def events(self, account_id: str, region: str, group: str, stream: str) -> Iterator[LogEvent]:
        """All events of one stream, oldest first."""
        directory = group_directory(self._directory, account_id, region, group)
        files = sorted(file for file, _ in log_files(directory) if stream_of_file(directory, file) == stream)
        for file in files:
            yield from parse_events(file.read_bytes(), stream)

    def tail(self, account_id: str, region: str, group: str, limit: int) -> list[LogEvent]:
        """The last `limit` events of a group over all its streams, oldest first."""
        directory = group_directory(self._directory, account_id, region, group)
        return _last_events(directory, list(log_files(directory)), limit)

    async def follow(
        self, account_id: str, region: str, group: str, *, backlog: int = 0, poll_seconds: float = _LEAST_POLL_SECONDS
    ) -> AsyncGenerator[LogEvent, None]:
        """The last `backlog` events, then every new one as it is written. Ends only when its reader stops."""
        directory = group_directory(self._directory, account_id, region, group)
        files = await asyncio.to_thread(lambda: list(log_files(directory)))
        positions = {file: status.st_size for file, status in files}
        for event in await asyncio.to_thread(_last_events, directory, files, backlog):
            yield event
        while True:
            started = time.monotonic()
            for event in await asyncio.to_thread(_new_events, directory, positions):
                yield event
            # A group of very many streams takes long to look at: then look less often.
            await asyncio.sleep(max(poll_seconds, 5 * (time.monotonic() - started)))


def named_directories(above: Path, parts: tuple[str, ...] = ()) -> Iterator[tuple[str, Path]]:
    """The directories in `above` with their decoded names, long names put together again."""
    try:
        entries = sorted(os.listdir(above))  # noqa: PTH208  # names only, and quickly
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if is_continued(entry):
            yield from named_directories(above / entry, (*parts, entry))
        else:
            yield decode_name((*parts, entry)), above / entry


def log_files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every log file of a group; what vanishes meanwhile is left out."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    try:
                        yield Path(entry.path), entry.stat()
                    except FileNotFoundError:
                        continue
                elif is_continued(entry.name):
                    yield from log_files(Path(entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return


def parse_events(data: bytes, stream: str) -> Iterator[LogEvent]:
    """The events in whole lines of a log file."""
    for line in data.split(b"\n"):
        record = decode_record(line) if line else None
        if record is not None:
            yield LogEvent(record.timestamp, record.message, stream)


def _last_events(directory: Path, files: list[tuple[Path, os.stat_result]], limit: int) -> list[LogEvent]:
    """Reads the files from the last written backwards, until the rest can only hold older events."""
    found: list[LogEvent] = []
    if limit <= 0:
        return found
    for file, status in sorted(files, key=lambda pair: pair[1].st_mtime, reverse=True):
        if len(found) == limit and status.st_mtime * 1000 < found[0].timestamp_ms:
            break
        found += _end_of_file(file, status.st_size, stream_of_file(directory, file), limit)
        found.sort(key=lambda event: event.timestamp_ms)
        del found[:-limit]
    return found


def _end_of_file(file: Path, size: int, stream: str, limit: int) -> list[LogEvent]:
    """At least the last `limit` events of the first `size` bytes, if there are as many."""
    try:
        with file.open("rb") as opened:
            start = size
            data = b""
            while start > 0 and data.count(b"\n") <= limit:
                length = min(_BLOCK_BYTES, start)
                start -= length
                opened.seek(start)
                data = opened.read(length) + data
    except FileNotFoundError:
        return []
    if start > 0:
        data = data.partition(b"\n")[2]
    return list(parse_events(data, stream))


def _new_events(directory: Path, positions: dict[Path, int]) -> list[LogEvent]:
    """What was written behind `positions`, which move on to the last whole line."""
    found: list[LogEvent] = []
    seen = set()
    for file, status in log_files(directory):
        seen.add(file)
        start = positions.get(file, 0)
        if status.st_size <= start:
            continue
        try:
            with file.open("rb") as opened:
                opened.seek(start)
                data = opened.read(status.st_size - start)
        except FileNotFoundError:
            continue
        whole = data.rfind(b"\n") + 1
        positions[file] = start + whole
        found += parse_events(data[:whole], stream_of_file(directory, file))
    for gone in positions.keys() - seen:
        del positions[gone]
    found.sort(key=lambda event: event.timestamp_ms)
    return found
