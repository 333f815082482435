"""Appends to log files, begins new ones by size, removes the oldest when too much is kept. Blocks.

Never raises for the disk: logs are worth less than the invoke that wrote them, so what does not fit is counted and
dropped. One thread owns it. Must not know who writes.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lamplighter.kernel.limits import MIB
from lamplighter.observability.log_layout import (
    LogRecord,
    LogStreamKey,
    encode_records,
    group_directory,
    stream_file,
)
from lamplighter.observability.log_reader import log_files, named_directories

_BLOCK = 4096
_REMEMBERED_STREAMS = 20_000
_KEPT_OPEN = 64
_KEPT_SHARE = 0.8
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy:
    """How much log is kept. One log group cannot push out the others before it has reached its own bound."""

    file_bytes: int = 16 * MIB
    group_bytes: int = 512 * MIB
    total_bytes: int = 4096 * MIB
    low_water_bytes: int = 96 * MIB
    flush_seconds: float = 0.05
    stream_buffer_bytes: int = 256 * 1024
    waiting_bytes: int = 64 * MIB


class _OpenFile:
    """A file that was appended to: finding and opening it again would cost more than to write a flush's lines."""

    __slots__ = ("descriptor", "group", "number")

    def __init__(self, group: Path, stream: str, number: int) -> None:
        self.group = group
        self.number = number
        path = stream_file(group, stream, number)
        try:
            self.descriptor = os.open(path, _APPEND, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.descriptor = os.open(path, _APPEND, 0o600)


class LogFiles:
    """The files below one directory. The last ones written are kept open, until `close`."""

    def __init__(self, root: Path, policy: LogPolicy) -> None:
        self._root = root
        self._policy = policy
        self._file_bytes = min(policy.file_bytes, policy.group_bytes // 4, policy.total_bytes // 4)
        self._numbers: dict[LogStreamKey, int] = {}
        self._open_files: dict[LogStreamKey, _OpenFile] = {}
        self._usage: dict[Path, int] = {}
        self._total = 0
        self.dropped = 0

    def measure(self) -> None:
        """Learn what earlier lives left."""
        for _, account in named_directories(self._root):
            for _, region in named_directories(account):
                for _, group in named_directories(region):
                    self._note_usage(group, sum(_occupied(status.st_size) for _, status in log_files(group)))

    def append(self, batch: list[tuple[LogStreamKey, list[LogRecord]]]) -> None:
        """Write each stream's records with one write; drop and count what the disk does not take."""
        try:
            status = os.statvfs(self._root)
            has_room = status.f_bavail * status.f_frsize >= self._policy.low_water_bytes
        except OSError:
            has_room = False
        for key, records in batch:
            if not has_room or not self._append_stream(key, encode_records(records)):
                self.dropped += len(records)

    def delete_group(self, account_id: str, region: str, group: str) -> bool:
        """Whether there was such a group."""
        directory = group_directory(self._root, account_id, region, group)
        self._close_group(directory)
        self._note_usage(directory, 0)
        existed = directory.is_dir()
        shutil.rmtree(directory, ignore_errors=True)
        return existed

    def _append_stream(self, key: LogStreamKey, data: bytes) -> bool:
        try:
            file, size = self._file_for(key, len(data))
        except OSError:
            return False
        written = _write_all(file.descriptor, data, size)
        if written:
            group = file.group
            grown = _occupied(size + len(data)) - (_occupied(size) if size else 0)
            self._note_usage(group, self._usage.get(group, 0) + grown)
            self._enforce(group)
        return written

    def _file_for(self, key: LogStreamKey, length: int) -> tuple[_OpenFile, int]:
        """The file to append to and its size: a new one when the last is full or somebody has removed it."""
        file = self._open_files.pop(key, None)
        if file is None:
            group = group_directory(self._root, key.account_id, key.region, key.group)
            file = _OpenFile(group, key.stream, self._numbers.get(key, 0))
        while True:
            status = os.fstat(file.descriptor)
            size = status.st_size
            if status.st_nlink and (size == 0 or size + length <= self._file_bytes):
                break
            os.close(file.descriptor)
            file = _OpenFile(file.group, key.stream, file.number + 1 if status.st_nlink else file.number)
        if len(self._open_files) >= _KEPT_OPEN:
            os.close(self._open_files.pop(next(iter(self._open_files))).descriptor)
        self._open_files[key] = file
        self._remember(key, file.number)
        return file, size

    def _close_group(self, group: Path) -> None:
        """Let go of its files, or the disk would not get back what is removed."""
        for key in [key for key, file in self._open_files.items() if file.group == group]:
            os.close(self._open_files.pop(key).descriptor)

    def close(self) -> None:
        for file in self._open_files.values():
            os.close(file.descriptor)
        self._open_files.clear()

    def _remember(self, key: LogStreamKey, number: int) -> None:
        self._numbers.pop(key, None)
        if number:
            self._numbers[key] = number
        if len(self._numbers) > _REMEMBERED_STREAMS:
            del self._numbers[next(iter(self._numbers))]

    def _enforce(self, group: Path) -> None:
        if self._usage.get(group, 0) > self._policy.group_bytes:
            self._trim(group, int(self._policy.group_bytes * _KEPT_SHARE))
        while self._total > self._policy.total_bytes:
            largest = max(self._usage, key=self._usage.__getitem__)
            before = self._usage[largest]
            self._trim(largest, int(before * _KEPT_SHARE))
            if self._usage.get(largest, 0) >= before:
                return  # the disk will not let go of them; the low-water mark is the next bound

    def _trim(self, group: Path, target: int) -> None:
        """Remove the files written longest ago until `target` bytes are left."""
        self._close_group(group)
        files = sorted(log_files(group), key=lambda pair: pair[1].st_mtime_ns)
        usage = sum(_occupied(status.st_size) for _, status in files)
        for file, status in files:
            if usage <= target:
                break
            try:
                file.unlink(missing_ok=True)
            except OSError:
                continue
            usage -= _occupied(status.st_size)
        self._note_usage(group, usage)

    def _note_usage(self, group: Path, size: int) -> None:
        self._total += size - self._usage.pop(group, 0)
        if size:
            self._usage[group] = size


def _occupied(size: int) -> int:
    """What a file of `size` bytes takes on disk; many tiny files count, too."""
    return -(-max(size, 1) // _BLOCK) * _BLOCK


def _write_all(descriptor: int, data: bytes, size: int) -> bool:
    """Append whole records or nothing: half a record is cut off again."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        try:
            os.ftruncate(descriptor, size)
        except OSError:
            return False
        return False
    return True
