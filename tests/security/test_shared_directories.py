"""Shared directories: the directory and nothing else of the host, whatever lies in it or is put on the way to it."""

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.sandbox import Bind, SandboxFailed
from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = (4711, 4712)
PTS = Path("/dev/pts")
IS_MOUNT = PTS.is_mount()
FIRST_HOST_ID = 1_500_000_000  # sandboxes have ids from here on
REFUSED = (errno.EPERM, errno.EOVERFLOW)  # the latter where the mount has no id for the owner
ATTEMPT = """
import json, os
def tried(action):
    try:
        return action()
    except OSError as error:
        return error.errno
"""


def share(directory: Path, *, writable: bool = True, owned: bool = True) -> Bind:
    directory.mkdir(parents=True, exist_ok=True)
    if owned:
        os.chown(directory, *OWNER)
    return Bind(directory, "/mnt/shared", writable=writable, owner=OWNER)


async def ask(cell: Cell, bind: Bind, source: str) -> Any:
    return await cell.python(f"{ATTEMPT}\nprint(json.dumps({source}))", binds=(*cell.spec().binds, bind))


async def test_the_way_up_ends_at_the_mount_point(cell: Cell, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host")
    bind = share(tmp_path / "a/b")

    assert (await ask(cell, bind, "sorted(os.listdir('/mnt/shared/..'))")) == ["shared"]
    assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/../../secret'))") == errno.ENOENT


async def test_a_link_in_it_leads_to_places_of_the_sandbox_only(cell: Cell, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host")
    bind = share(tmp_path / "shared")
    (bind.source / "link").symlink_to(tmp_path / "secret")

    assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/link').read())") == errno.ENOENT


async def test_what_is_mounted_below_it_on_the_host_stays_there(cell: Cell) -> None:
    bind = Bind(PTS.parent, "/mnt/shared", owner=OWNER)

    assert IS_MOUNT
    assert await ask(cell, bind, "os.path.exists('/mnt/shared/pts/ptmx')") is False


async def test_a_link_put_on_the_way_is_refused(cell: Cell, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/shared").mkdir(parents=True)
    (tmp_path / "way").symlink_to("elsewhere")
    bind = Bind(tmp_path / "way/shared", "/mnt/shared", writable=True, owner=OWNER)

    with pytest.raises(SandboxFailed, match=os.strerror(errno.ELOOP)):
        await ask(cell, bind, "0")


async def test_devices_in_it_cannot_be_used(cell: Cell, tmp_path: Path) -> None:
    bind = share(tmp_path / "shared")
    os.mknod(bind.source / "null", 0o020666, os.makedev(1, 3))
    (bind.source / "null").chmod(0o666)

    assert (bind.source / "null").read_bytes() == b""  # the host may
    assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/null').read())") == errno.EACCES


async def test_programs_in_it_run_as_the_function_whatever_their_bits_say(cell: Cell, tmp_path: Path) -> None:
    bind = share(tmp_path / "shared")
    program = bind.source / "id"
    shutil.copyfile("/usr/bin/id", program)
    program.chmod(0o4755)

    told = "__import__('subprocess').run(['/mnt/shared/id', '-u'], capture_output=True, text=True).stdout"
    assert await ask(cell, bind, told) == "993\n"


async def test_what_a_function_writes_belongs_to_the_access_points_user_on_the_host(cell: Cell, tmp_path: Path) -> None:
    bind = share(tmp_path / "shared")

    await ask(cell, bind, "[open('/mnt/shared/file', 'w').write('x'), os.chmod('/mnt/shared/file', 0o4755)]")

    found = (bind.source / "file").stat()
    assert (found.st_uid, found.st_gid) == OWNER


async def test_files_of_others_are_not_the_functions(cell: Cell, tmp_path: Path) -> None:
    bind = share(tmp_path / "shared")
    private = bind.source / "private"
    private.write_text("root's")
    private.chmod(0o600)

    assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/private').read())") == errno.EACCES
    assert await ask(cell, bind, "tried(lambda: os.chmod('/mnt/shared/private', 0o666))") in REFUSED


async def test_a_read_only_one_is_read_only_for_its_owner_too(cell: Cell, tmp_path: Path) -> None:
    bind = share(tmp_path / "shared", writable=False)

    assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/file', 'w').close())") == errno.EROFS


async def test_a_link_swapped_in_while_sandboxes_start_never_leads_elsewhere(cell: Cell, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret").touch()
    bind = share(tmp_path / "way/shared")
    outcomes: list[Any] = []
    with swapping(tmp_path / "way/shared", tmp_path / "elsewhere"):
        for _ in range(20):
            try:
                outcomes.append(await ask(cell, bind, "os.listdir('/mnt/shared')"))
            except SandboxFailed as refused:
                outcomes.append(str(refused).rpartition(": ")[2])

    allowed: tuple[Any, ...] = (os.strerror(errno.ELOOP), os.strerror(errno.ENOENT), os.strerror(errno.ENOTDIR), [])
    assert [outcome for outcome in outcomes if outcome not in allowed] == []


@contextmanager
def swapping(directory: Path, elsewhere: Path) -> Iterator[None]:
    """A neighbour who may write to the folder above puts a link in the directory's place, and takes it away again."""
    is_over = threading.Event()

    def swap() -> None:
        aside = directory.with_name("aside")
        while not is_over.is_set():
            directory.rename(aside)
            directory.symlink_to(elsewhere)
            directory.unlink()
            aside.rename(directory)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


async def test_where_ids_cannot_be_mapped_the_mode_bits_decide(cell: Cell, tmp_path: Path) -> None:
    """As on an NFS mount: ramfs cannot map either."""
    bind = share(tmp_path / "shared", owned=False)
    with ramfs(bind.source):
        assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/file', 'w').close())") == errno.EACCES
        bind.source.chmod(0o1777)
        assert await ask(cell, bind, "tried(lambda: open('/mnt/shared/file', 'w').close())") is None
        assert (bind.source / "file").stat().st_uid >= FIRST_HOST_ID


@contextmanager
def ramfs(place: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "ramfs", "none", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)
