"""What the processes of a sandbox print: read from their pipe without blocking, cut into lines, one log event a line.

`drain` is called when a response arrives: the runtime client wrote its log before it posted the response, so reading
until the pipe is empty is enough to have the invoke's log in order, without waiting. Must not know the Runtime API.
"""

import asyncio
import os
import termios
from collections.abc import Callable
from fcntl import ioctl
from typing import Protocol

LINE_BYTES = 262_144
_READ_BYTES = 65_536
# A function that prints without end must not keep the loop to itself: then the rest waits for the next turn.
_DRAIN_READS = 256
# More lines in one read than any program prints that wants them read; they are handed out a piece a turn.
_MANY_LINES = 4_096
_PIECE_BYTES = 4_096
_PAUSE_SECONDS = 0.002
# How many messages are kept before they are cut down to the tail.
_TAIL_PARTS = 128


class LogSink(Protocol):
    """Where one log stream is kept. `write` never blocks: it buffers, the store writes behind."""

    def write(self, timestamp_ms: int, message: str) -> None: ...

    def close(self) -> None: ...


class LineCutter:
    """Bytes in, complete lines out (line feed included). A line longer than `limit` is cut there. Pure."""

    def __init__(self, limit: int = LINE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        if b"\n" not in data:
            return self._keep(data)
        lines = data.split(b"\n")
        lines[0] = b"".join([*self._parts, lines[0]])
        rest = lines.pop()
        self._parts, self._size = [], 0
        complete: list[bytes] = []
        for line in lines:
            complete += self._cut(line + b"\n")
        return complete + self._keep(rest)

    def _keep(self, data: bytes) -> list[bytes]:
        if not data:
            return []
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._limit:
            return []
        pieces = self._cut(b"".join(self._parts))
        rest = pieces.pop() if len(pieces[-1]) < self._limit else b""
        self._parts, self._size = ([rest], len(rest)) if rest else ([], 0)
        return pieces

    def _cut(self, line: bytes) -> list[bytes]:
        if len(line) <= self._limit:
            return [line]
        return [line[start : start + self._limit] for start in range(0, len(line), self._limit)]

    def flush(self) -> list[bytes]:
        """The partial line, when nothing can follow any more."""
        rest = b"".join(self._parts)
        self._parts, self._size = [], 0
        return [rest] if rest else []


class LogTail:
    """The last bytes of an invoke's log, for X-Amz-Log-Result."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[str] = []

    def add(self, message: str) -> None:
        parts = self._parts
        parts.append(message if len(message) <= self._limit else message[-self._limit :])
        if len(parts) > _TAIL_PARTS:
            self._parts = ["".join(parts)[-self._limit :]]

    def take(self) -> bytes:
        """The tail so far; the next invoke starts with an empty one."""
        tail = "".join(self._parts).encode("utf-8", "replace")[-self._limit :]
        self._parts.clear()
        return tail

    def clear(self) -> None:
        self._parts.clear()


class OutputReader:
    """Reads one sandbox's output. `on_line` gets every complete line as text."""

    def __init__(self, output_fd: int, on_line: Callable[[str], None]) -> None:
        self._fd = output_fd
        self._on_line = on_line
        self._cutter = LineCutter()
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._waiting = bytearray(4)
        self._flood = b""  # read, but not handed out yet
        os.set_blocking(output_fd, False)
        self._loop.add_reader(output_fd, self._read_some)

    def _read_some(self) -> None:
        self._read(16)

    def drain(self) -> None:
        """Read what is there now, without waiting."""
        if self._is_open and not self._flood:
            ioctl(self._fd, termios.FIONREAD, self._waiting)
            if any(self._waiting):  # mostly not, and to be told so by an exception would take three times as long
                self._read(_DRAIN_READS)

    def _read(self, reads: int) -> None:
        while self._is_open and reads > 0:
            reads -= 1
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            if data.count(b"\n") > _MANY_LINES:
                self._flood = data
                self._loop.remove_reader(self._fd)
                self._hand_out_flood()
                return
            for line in self._cutter.feed(data):
                self._emit(line)
            if len(data) < _READ_BYTES:
                # A short read has emptied the pipe; what came since will wake the loop.
                return

    def _hand_out_flood(self) -> None:
        """A piece now, the rest in later turns; nothing more is read until then, so that the flooder has to wait."""
        if not self._is_open:
            return
        piece, self._flood = self._flood[:_PIECE_BYTES], self._flood[_PIECE_BYTES:]
        for line in self._cutter.feed(piece):
            self._emit(line)
        if self._flood:
            self._loop.call_later(_PAUSE_SECONDS, self._hand_out_flood)
        else:
            self._loop.add_reader(self._fd, self._read_some)

    def _emit(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        if "\r" in text and text.startswith("[ERROR]"):
            # The Python client joins the lines of a traceback by carriage returns, to keep it one event.
            text = text.replace("\r", "\n")
        self._on_line(text)

    def close(self) -> None:
        """Stop reading, hand out what is left of a line and close the pipe."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        flood, self._flood = self._flood, b""
        for line in (*self._cutter.feed(flood), *self._cutter.flush()):
            self._emit(line)
