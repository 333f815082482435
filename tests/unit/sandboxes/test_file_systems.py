"""The table of file systems: which entry is an access point's, whose its files are, and what a dead one is told as."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.file_systems import (
    FileSystemFailed,
    FileSystems,
    SharedDirectory,
    Trouble,
    find_entry,
    is_mount_point,
    owner_of,
    read_file_systems,
    trouble_of,
)

ARN = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"


def stat_of(uid: int, gid: int) -> os.stat_result:
    return os.stat_result((0o40755, 1, 1, 1, uid, gid, 0, 0, 0, 0))


def test_the_exact_arn_wins_over_beginnings_and_the_longest_beginning_over_shorter_ones() -> None:
    table = {
        "arn:aws:elasticfilesystem:*": SharedDirectory("/any"),
        "arn:aws:elasticfilesystem:us-east-1:*": SharedDirectory("/region"),
        ARN: SharedDirectory("/exact"),
    }

    assert find_entry(table, ARN) == SharedDirectory("/exact")
    assert find_entry(table, f"{ARN[:-1]}1") == SharedDirectory("/region")
    assert find_entry(table, ARN.replace("us-east-1", "eu-west-1")) == SharedDirectory("/any")
    assert find_entry(table, "arn:aws:s3files:us-east-1:1:x") is None


@pytest.mark.parametrize("target", ["/mnt/..", "/mnt/.", "/mnt/", "/mnt", "/mnt/a/b", "/etc/x", "mnt/a"])
def test_only_places_directly_below_mnt_are_mount_points(target: str) -> None:
    assert not is_mount_point(target)
    assert is_mount_point("/mnt/..a")


def test_files_belong_to_who_the_table_says_else_to_the_directorys_owner_and_never_to_root() -> None:
    assert owner_of(SharedDirectory("/d", uid=5, gid=6), stat_of(1000, 1001)) == (5, 6)
    assert owner_of(SharedDirectory("/d"), stat_of(1000, 1001)) == (1000, 1001)
    assert owner_of(SharedDirectory("/d"), stat_of(0, 0)) == (993, 990)


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.ENOENT, Trouble.CONFIGURATION),
        (errno.EACCES, Trouble.CONFIGURATION),
        (errno.ESTALE, Trouble.CONNECTIVITY),
        (errno.EHOSTUNREACH, Trouble.CONNECTIVITY),
        (errno.ETIMEDOUT, Trouble.TIMEOUT),
        (errno.EIO, Trouble.IO),
    ],
)
def test_what_the_kernel_says_of_the_directory_decides_the_trouble(number: int, trouble: Trouble) -> None:
    assert trouble_of(number) is trouble


def test_text_and_tables_say_the_same(tmp_path: Path) -> None:
    table = read_file_systems({ARN: {"directory": str(tmp_path), "read_only": True, "uid": 7, "gid": 8}})
    text = read_file_systems(f" {ARN}={tmp_path},ro,uid=7,gid=8 ; ")

    assert table == text == {ARN: SharedDirectory(str(tmp_path), True, 7, 8)}
    assert read_file_systems({ARN: str(tmp_path)}) == {ARN: SharedDirectory(str(tmp_path))}


def test_the_operators_own_links_are_followed_when_the_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    table = read_file_systems({ARN: f"{tmp_path}/link", "arn:*": f"{tmp_path}/link/of-{{access_point}}/data"})

    assert table[ARN].directory == f"{tmp_path}/real"
    assert table["arn:*"].directory == f"{tmp_path}/real/of-{{access_point}}/data"


# Any: what an operator may write.
@pytest.mark.parametrize(
    "value",
    [
        "no entry",
        {ARN: "relative"},
        {ARN: "/a/../b"},
        {ARN: {"directory": "/a", "uid": 0}},
        {ARN: {"directory": "/a", "gid": "x"}},
        {ARN: {"directory": "/a", "mode": "0777"}},
        {ARN: {"directory": "/a", "read_only": "yes"}},
        {"fsap-1": "/a"},
        7,
    ],
)
def test_odd_settings_are_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has its own words
        read_file_systems(value)


async def test_many_who_wait_for_a_directory_look_at_it_once_and_a_dead_one_does_not_hold_them(tmp_path: Path) -> None:
    pipe = tmp_path / "never-answers"
    os.mkfifo(pipe)
    table = {ARN: SharedDirectory(str(pipe))}
    looks = 0

    class SlowFileSystems(FileSystems):
        """Its look never ends, like that at a network mount whose server is gone."""

        def _look(self, directory: str) -> asyncio.Future[os.stat_result]:
            nonlocal looks
            if directory not in self._looking:
                looks += 1
                self._looking[directory] = asyncio.get_running_loop().create_future()
            return self._looking[directory]

    file_systems = SlowFileSystems(table, mount_seconds=0.01)
    answers = await asyncio.gather(*(file_systems.bind(ARN, "/mnt/a") for _ in range(5)), return_exceptions=True)

    assert looks == 1
    assert [answer.trouble for answer in answers if isinstance(answer, FileSystemFailed)] == [Trouble.TIMEOUT] * 5


async def test_a_file_is_no_file_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileSystemFailed) as failed:
        await FileSystems({ARN: SharedDirectory(f"{tmp_path}/file")}).bind(ARN, "/mnt/a")

    assert failed.value.trouble is Trouble.CONFIGURATION


async def test_a_link_put_where_the_directory_was_is_no_file_system(tmp_path: Path) -> None:
    table = read_file_systems({ARN: f"{tmp_path}/shared"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shared").symlink_to("elsewhere")

    with pytest.raises(FileSystemFailed, match=os.strerror(errno.ELOOP)):
        await FileSystems(table).bind(ARN, "/mnt/a")


async def test_a_directory_that_is_there_becomes_a_mount(tmp_path: Path) -> None:
    bind = await FileSystems({ARN: SharedDirectory(str(tmp_path), uid=7, gid=8)}).bind(ARN, "/mnt/a")

    assert (bind.source, bind.target, bind.writable, bind.owner) == (tmp_path, "/mnt/a", True, (7, 8))
