"""The root filesystem: nothing of the host can be read, nothing but /tmp can be written."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import errno
from pathlib import Path

import pytest

from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import BARE, Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")


def fixed(place: str) -> Probe:
    return Probe(f"write to {place}", ("write_file", place), "readonly", "filter+power")


def absent(place: str) -> Probe:
    attempt = "read_file" if place == "/etc/shadow" else "list_directory"
    return Probe(f"read the host's {place}", (attempt, place), BARE)


TABLE = (
    *(fixed(place) for place in ("/", "/etc/passwd", "/var", "/var/task", "/var/task/probes.py", "/dev")),
    *(absent(place) for place in ("/etc/shadow", "/root", "/run", "/sys", "/sys/fs/cgroup", "/var/log")),
    Probe("open a device made in /tmp", ("open_own_device", "/tmp/device"), "nodev", "filter+power"),
)


@pytest.mark.parametrize("probe", TABLE, ids=str)
async def test_the_root_holds(cell: Cell, probe: Probe) -> None:
    await judge(cell, probe, TABLE)


@pytest.fixture
def canary(cell: Cell) -> Path:
    path = cell.place / "canary"
    path.write_text("a secret of the host")
    path.chmod(0o644)
    return path


async def test_a_world_readable_file_of_the_host_does_not_exist_inside(cell: Cell, canary: Path) -> None:
    assert cell.bare("read_file", str(canary)) == "a secret of the host"
    assert await cell.probe("read_file", str(canary)) == errno.ENOENT


WAYS = ("..", "/proc/self/root", "/proc/self/cwd/../../..", "/proc/1/root", "/proc/self/fd/..", "/..")


async def test_no_way_round_the_root_leads_to_the_canary(cell: Cell, canary: Path) -> None:
    table = tuple(Probe("", ("read_file", f"{way}{canary}"), "detach") for way in WAYS)
    inside = [await cell.answer(probe, table, "") for probe in table]
    control = [await cell.answer(probe, table, "detach") for probe in table]

    assert set(inside) <= {errno.ENOENT, errno.EACCES}
    assert "a secret of the host" in control  # the host's tree still lies over the root


@pytest.mark.parametrize("path", ["/usr", "/usr/bin/env", "/var/lang"])
async def test_what_is_shared_with_the_host_cannot_be_written(cell: Cell, path: str) -> None:
    """Without a control: it would write to the host."""
    assert await cell.probe("write_file", path) in {errno.EROFS, errno.EACCES}
    assert await cell.probe("write_file", path, without="filter+power") in {errno.EROFS, errno.ETXTBSY}


async def test_the_code_cannot_be_written_inside_although_its_mode_allows_it(cell: Cell) -> None:
    cell.code.chmod(0o777)

    assert await cell.probe("write_file", "/var/task") == errno.EROFS
    assert await cell.probe("write_file", "/var/task", without="readonly") == 0


async def test_layers_cannot_be_written_inside(cell: Cell, tmp_path: Path) -> None:
    layers = []
    for name in ("one", "two"):
        layer = tmp_path / name
        layer.mkdir(mode=0o777)
        layer.chmod(0o777)
        (layer / name).write_text(name)
        layers.append(layer)
    tmp_path.chmod(0o755)

    assert await cell.probe("list_directory", "/opt", layers=tuple(layers)) == ["one", "two"]
    assert await cell.probe("write_file", "/opt", layers=tuple(layers)) == errno.EROFS
    assert await cell.probe("write_file", "/opt", layers=tuple(layers[:1])) == errno.EROFS
    assert await cell.probe("write_file", "/opt", layers=tuple(layers[:1]), without="readonly") == 0


async def test_tmp_is_private_and_writable(cell: Cell) -> None:
    assert await cell.probe("write_file", "/tmp") == 0
    assert await cell.probe("list_directory", "/tmp") == []


async def test_set_user_id_bits_and_devices_mean_nothing_on_any_mount(cell: Cell) -> None:
    mounts: dict[str, str] = await cell.probe("mounts")

    assert [place for place, options in mounts.items() if "nosuid" not in options.split(",")] == []
    on_devices = {place for place, options in mounts.items() if "nodev" not in options.split(",")}
    # The sandbox's own /dev, and the places in /proc hidden behind its null device.
    assert {place for place in on_devices if not place.startswith("/proc/")} == {"/dev"}


async def test_symlinks_of_a_package_lead_nowhere_but_inside(cell: Cell, canary: Path) -> None:
    for name, target in (("absolute", str(canary)), ("upwards", "../" * 20 + str(canary).lstrip("/"))):
        (cell.code / name).unlink(missing_ok=True)
        (cell.code / name).symlink_to(target)

        assert cell.bare("read_file", str(cell.code / name)) == "a secret of the host"
        assert await cell.probe("read_file", f"/var/task/{name}") == errno.ENOENT
