"""Logs come back as written, from any process, within their bounds; and never fail whoever writes them."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.observability.log_layout import decode_name, encode_name
from lamplighter.observability.log_reader import LogEvent, LogReader
from lamplighter.observability.logs import LogPolicy, LogStore
from tests.storage.disks import small_disk

ACCOUNT, REGION, GROUP = "000000000000", "us-east-1", "/aws/lambda/thumbnail"
STREAM = "2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef"
KIB = 1024


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[LogStore]:
    store = LogStore(tmp_path / "logs", LogPolicy(low_water_bytes=0))
    yield store
    await store.close()


def files_below(directory: Path, pattern: str = "*.jsonl") -> list[Path]:
    return list(directory.rglob(pattern))


def messages(events: list[LogEvent]) -> list[str]:
    return [event.message for event in events]


async def test_lines_come_back_as_written(logs: LogStore) -> None:
    lines = ["START RequestId: 1 Version: $LATEST\n", "two\nlines\twith tab\n", "käse \U0001f56f \x00\x1b[0m", ""]
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    for number, line in enumerate(lines):
        writer.write(1000 + number, line)
    await logs.flush()

    assert list(logs.reader.events(ACCOUNT, REGION, GROUP, STREAM)) == [
        LogEvent(1000 + number, line, STREAM) for number, line in enumerate(lines)
    ]
    assert logs.reader.groups(ACCOUNT, REGION) == [GROUP]
    assert [summary.name for summary in logs.reader.streams(ACCOUNT, REGION, GROUP)] == [STREAM]
    assert logs.reader.groups(ACCOUNT, "eu-west-1") == []


async def test_lines_are_on_disk_soon_without_asking(logs: LogStore, tmp_path: Path) -> None:
    logs.open(ACCOUNT, REGION, GROUP, STREAM).write(1000, "soon")

    async with asyncio.timeout(10), aclosing(logs.reader.follow(ACCOUNT, REGION, GROUP)) as following:
        await anext(following)

    (file,) = files_below(tmp_path)
    assert json.loads(file.read_text()) == {"timestamp": 1000, "message": "soon"}


async def test_message_that_is_not_unicode_is_kept_readable(logs: LogStore) -> None:
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    writer.write(1, "before")
    writer.write(2, "bad \udce9 text")

    assert messages(await logs.tail(ACCOUNT, REGION, GROUP, 5)) == ["before", "bad ? text"]


async def test_tail_merges_streams_by_time(logs: LogStore) -> None:
    for stream in range(5):
        writer = logs.open(ACCOUNT, REGION, GROUP, f"stream-{stream}")
        for count in range(40):
            writer.write(count * 10 + stream, f"{count}/{stream}")
        writer.close()
        writer.write(1, "after close")

    assert messages(await logs.tail(ACCOUNT, REGION, GROUP, 7)) == [
        "38/3",
        "38/4",
        "39/0",
        "39/1",
        "39/2",
        "39/3",
        "39/4",
    ]
    assert len(await logs.tail(ACCOUNT, REGION, GROUP, 1000)) == 200
    assert await logs.tail(ACCOUNT, REGION, "/aws/lambda/other", 10) == []


async def test_tail_of_a_long_file_reads_its_end(logs: LogStore) -> None:
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    for count in range(20_000):
        writer.write(count, f"line {count} {'x' * 50}")

    assert [message.split()[1] for message in messages(await logs.tail(ACCOUNT, REGION, GROUP, 3))] == [
        "19997", "19998", "19999",
    ]  # fmt: skip


FOLLOWER = """
import asyncio, sys
from pathlib import Path
from lamplighter.observability.log_reader import LogReader

async def main():
    async for event in LogReader(Path(sys.argv[1])).follow(*sys.argv[2:5], backlog=2):
        print(event.message, flush=True)

asyncio.run(main())
"""


async def test_another_process_follows_what_is_written(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    for count in range(5):
        writer.write(count, f"early {count}")
    await logs.flush()
    follower = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FOLLOWER, tmp_path / "logs", ACCOUNT, REGION, GROUP, stdout=subprocess.PIPE
    )
    assert follower.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert [await follower.stdout.readline() for _ in range(2)] == [b"early 3\n", b"early 4\n"]
            writer.write(10, "late")
            logs.open(ACCOUNT, REGION, GROUP, "another").write(11, "from another stream")
            assert [await follower.stdout.readline() for _ in range(2)] == [b"late\n", b"from another stream\n"]
    finally:
        follower.kill()
        await follower.wait()


async def test_following_waits_for_the_group_and_for_whole_lines(logs: LogStore, tmp_path: Path) -> None:
    async with aclosing(logs.reader.follow(ACCOUNT, REGION, GROUP, poll_seconds=0.01)) as following:
        first = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.05)
        logs.open(ACCOUNT, REGION, GROUP, STREAM).write(1, "first")
        assert (await asyncio.wait_for(first, 10)).message == "first"

        (file,) = files_below(tmp_path)
        second = asyncio.ensure_future(anext(following))
        with file.open("a") as opened:
            opened.write('{"timestamp":2,"mess')
            opened.flush()
            await asyncio.sleep(0.1)
            assert not second.done()
            opened.write('age":"second"}\n')
        assert (await asyncio.wait_for(second, 10)).message == "second"


async def test_a_broken_line_is_skipped(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    writer.write(1, "one")
    await logs.flush()
    (file,) = files_below(tmp_path)
    with file.open("ab") as opened:
        opened.write(b'\xff\xfe not json\n{"timestamp":"x"}\n')
    writer.write(2, "two")

    assert messages(await logs.tail(ACCOUNT, REGION, GROUP, 10)) == ["one", "two"]


async def test_files_rotate_and_a_group_stays_within_its_bound(tmp_path: Path) -> None:
    policy = LogPolicy(
        file_bytes=64 * KIB,
        group_bytes=512 * KIB,
        total_bytes=2048 * KIB,
        low_water_bytes=0,
        stream_buffer_bytes=8 * KIB,
    )
    store = LogStore(tmp_path, policy)
    store.open(ACCOUNT, REGION, "quiet", STREAM).write(1, "quiet")
    noisy = store.open(ACCOUNT, REGION, "noisy", STREAM)
    for count in range(20_000):
        noisy.write(count, f"{count} {'x' * 100}")
        if count % 1000 == 0:
            await store.flush()
    await store.flush()

    sizes = [file.stat().st_size for file in files_below(tmp_path)]
    kept = [int(message.split()[0]) for message in messages(await store.tail(ACCOUNT, REGION, "noisy", 100_000))]
    assert max(sizes) <= 64 * KIB
    assert 200 * KIB < sum(sizes) <= 512 * KIB
    assert kept == list(range(kept[0], 20_000))
    assert messages(await store.tail(ACCOUNT, REGION, "quiet", 10)) == ["quiet"]
    assert store.dropped_lines == 0
    await store.close()


async def test_all_groups_together_stay_within_their_bound_across_restarts(tmp_path: Path) -> None:
    policy = LogPolicy(file_bytes=16 * KIB, group_bytes=256 * KIB, total_bytes=512 * KIB, low_water_bytes=0)
    for life in range(4):
        store = LogStore(tmp_path, policy)
        for number in range(50):
            writer = store.open(ACCOUNT, REGION, f"group-{number % 5}", f"stream-{life}-{number}")
            for count in range(40):
                writer.write(life * 1000 + count, "x" * 200)
        await store.close()

    blocks = [-(-file.stat().st_size // 4096) * 4096 for file in files_below(tmp_path)]
    assert 256 * KIB < sum(blocks) <= 512 * KIB


async def test_deleted_group_is_gone_and_can_begin_anew(logs: LogStore) -> None:
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    writer.write(1, "old")

    assert await logs.delete_group(ACCOUNT, REGION, GROUP)
    assert not await logs.delete_group(ACCOUNT, REGION, GROUP)
    writer.write(2, "new")

    assert messages(await logs.tail(ACCOUNT, REGION, GROUP, 10)) == ["new"]


async def test_a_file_removed_by_somebody_else_begins_anew(logs: LogStore, tmp_path: Path) -> None:
    writer = logs.open(ACCOUNT, REGION, GROUP, STREAM)
    writer.write(1, "old")
    await logs.flush()
    (file,) = files_below(tmp_path)
    file.unlink()

    writer.write(2, "new")

    assert messages(await logs.tail(ACCOUNT, REGION, GROUP, 10)) == ["new"]


async def test_more_streams_than_are_kept_open_lose_nothing(logs: LogStore) -> None:
    writers = [logs.open(ACCOUNT, REGION, GROUP, f"stream-{number}") for number in range(150)]
    for turn in range(2):
        for writer in writers:
            writer.write(turn, f"{turn}")
        await logs.flush()

    counted = [messages(list(logs.reader.events(ACCOUNT, REGION, GROUP, writer.key.stream))) for writer in writers]
    assert counted == [["0", "1"]] * 150


async def test_what_finds_no_room_is_dropped_and_counted(tmp_path: Path) -> None:
    store = LogStore(tmp_path, LogPolicy(low_water_bytes=1 << 62))
    writer = store.open(ACCOUNT, REGION, GROUP, STREAM)
    for count in range(100):
        writer.write(count, "no room")

    assert await store.tail(ACCOUNT, REGION, GROUP, 10) == []
    assert store.dropped_lines == 100
    await store.close()


async def test_what_the_thread_cannot_follow_is_dropped_and_counted(tmp_path: Path) -> None:
    store = LogStore(tmp_path, LogPolicy(low_water_bytes=0, waiting_bytes=100 * KIB, stream_buffer_bytes=10 * KIB))
    writer = store.open(ACCOUNT, REGION, GROUP, STREAM)
    for count in range(2000):
        writer.write(count, "x" * KIB)

    kept = await store.tail(ACCOUNT, REGION, GROUP, 10_000)

    assert 0 < len(kept) <= 2000
    assert len(kept) + store.dropped_lines == 2000
    await store.close()


async def test_nothing_is_written_where_the_directory_vanished_or_is_no_directory(tmp_path: Path) -> None:
    store = LogStore(tmp_path / "logs", LogPolicy(low_water_bytes=0))
    await store.flush()
    (tmp_path / "logs").rmdir()
    (tmp_path / "logs").write_text("in the way")
    store.open(ACCOUNT, REGION, GROUP, STREAM).write(1, "lost")

    await store.flush()

    assert store.dropped_lines == 1
    await store.close()
    await store.close()


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)


@given(NAMES)
def test_any_name_becomes_plain_file_names_and_comes_back(name: str) -> None:
    parts = encode_name(name)

    assert decode_name(parts) == name
    assert all(0 < len(part) <= 230 and part.isascii() and "/" not in part and part[0] != "." for part in parts)


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../../etc", "/", "a/../b", "a" * 512, "/" * 512, "." * 300, "%2F", "a+"]
)
async def test_group_and_stream_of_any_name_stay_inside(name: str, tmp_path: Path) -> None:
    store = LogStore(tmp_path / "logs", LogPolicy(low_water_bytes=0))
    store.open(ACCOUNT, REGION, name, name).write(1, "here")

    assert await store.tail(ACCOUNT, REGION, name, 1) == [LogEvent(1, "here", name)]
    assert store.reader.groups(ACCOUNT, REGION) == [name]
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["logs"]
    await store.close()


async def test_streams_are_listed_with_the_last_written_first(logs: LogStore, tmp_path: Path) -> None:
    order = [f"stream-{number}" for number in range(8)]
    random.shuffle(order)
    for stream in order:
        logs.open(ACCOUNT, REGION, GROUP, stream).write(1, "x")
    await logs.flush()
    for age, stream in enumerate(order):
        (file,) = files_below(tmp_path, f"{stream}.*")
        os.utime(file, (1000 - age, 1000 - age))

    assert [summary.name for summary in LogReader(tmp_path / "logs").streams(ACCOUNT, REGION, GROUP)] == order


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_full_disk_takes_whole_lines_or_none_and_is_used_again_when_it_has_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        store = LogStore(disk / "logs", LogPolicy(low_water_bytes=0, stream_buffer_bytes=100 * KIB))
        writer = store.open(ACCOUNT, REGION, GROUP, STREAM)
        (disk / "ballast").write_bytes(bytes(3 * 1024 * KIB))
        for count in range(3000):
            writer.write(count, f"{count} {'x' * KIB}")
        await store.flush()
        dropped = store.dropped_lines
        (disk / "ballast").unlink()
        writer.write(9999, "room again")

        kept = messages(await store.tail(ACCOUNT, REGION, GROUP, 10_000))

        assert dropped > 1000
        assert len(kept) == 3001 - dropped
        assert kept[-1] == "room again"
        await store.close()


async def test_a_flood_of_empty_lines_is_dropped_before_it_takes_more_memory_than_is_allowed(tmp_path: Path) -> None:
    store = LogStore(tmp_path / "logs", LogPolicy(low_water_bytes=0, waiting_bytes=512 * KIB))
    flooder = store.open(ACCOUNT, REGION, GROUP, STREAM)
    other = store.open(ACCOUNT, REGION, "/aws/lambda/other", STREAM)
    for _ in range(50_000):
        flooder.write(1, "\n")  # in one turn of the loop: the thread may not have written any of it yet
    other.write(2, "kept\n")
    await store.flush()

    kept = [event.message for event in store.reader.events(ACCOUNT, REGION, "/aws/lambda/other", STREAM)]
    assert kept == ["kept\n"]
    await store.close()
