"""Output into log events: one a line, nothing lost, nothing without bounds."""

import asyncio
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.environments.output import LineCutter, LogTail, OutputReader


def test_a_line_ends_with_its_line_feed_and_an_unfinished_one_waits() -> None:
    cutter = LineCutter()
    assert cutter.feed(b"one\ntw") == [b"one\n"]
    assert cutter.feed(b"o\n\nthree") == [b"two\n", b"\n"]
    assert cutter.flush() == [b"three"]
    assert cutter.flush() == []


@given(st.lists(st.binary(max_size=40)), st.integers(min_value=1, max_value=16))
def test_no_byte_is_lost_or_invented_and_no_event_is_longer_than_the_limit(pieces: list[bytes], limit: int) -> None:
    cutter = LineCutter(limit)
    lines = [line for piece in pieces for line in cutter.feed(piece)] + cutter.flush()
    assert b"".join(lines) == b"".join(pieces)
    assert all(0 < len(line) <= limit for line in lines)
    assert all(b"\n" not in line[:-1] for line in lines)


def test_the_tail_is_the_end_of_the_log() -> None:
    tail = LogTail(8)
    for number in range(100):
        tail.add(f"{number}\n")
    assert tail.take() == b"7\n98\n99\n"
    assert tail.take() == b""


def test_the_tail_counts_bytes() -> None:
    tail = LogTail(4)
    tail.add("ää✓\n")
    assert tail.take() == "✓\n".encode()


@pytest.fixture
async def pipe() -> tuple[int, int]:
    return os.pipe()


async def test_what_was_written_before_a_drain_is_there_after_it(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    lines: list[str] = []
    reader = OutputReader(read_end, lines.append)
    os.write(write_end, b"first\nsecond\nhalf")
    reader.drain()
    assert lines == ["first\n", "second\n"]
    os.close(write_end)
    async with asyncio.timeout(5):
        while len(lines) < 3:  # noqa: ASYNC110  # the reader calls back, it has no event
            await asyncio.sleep(0)
    assert lines[2] == "half"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read_end)


async def test_a_python_traceback_is_one_event_with_line_feeds(pipe: tuple[int, int]) -> None:
    lines: list[str] = []
    reader = OutputReader(pipe[0], lines.append)
    os.write(pipe[1], b"[ERROR] KeyError: 'a'\rTraceback (most recent call last):\r  File\nprogress\r100%\n")
    reader.drain()
    assert lines == ["[ERROR] KeyError: 'a'\nTraceback (most recent call last):\n  File\n", "progress\r100%\n"]
    os.close(pipe[1])
    reader.close()


async def test_bytes_that_are_no_text_are_kept_as_replacement_characters(pipe: tuple[int, int]) -> None:
    lines: list[str] = []
    reader = OutputReader(pipe[0], lines.append)
    os.write(pipe[1], b"\xff\xfe!\n")
    reader.drain()
    assert lines == ["\ufffd\ufffd!\n"]
    os.close(pipe[1])
    reader.close()
