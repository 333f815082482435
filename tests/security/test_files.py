"""The root filesystem: nothing of the host can be read, nothing but /tmp can be written, no path leads out."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import errno
from pathlib import Path

import pytest

from lamplighter.sandboxes.sandbox import SandboxFailed
from tests.live_sandboxes import PYTHON
from tests.security.conftest import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ETXTBSY}
HIDDEN = ("kcore", "keys", "key-users", "timer_list", "kallsyms", "iomem", "ioports", "config.gz", "slabinfo", "kmsg")


@pytest.fixture
def canary(cell: Cell) -> Path:
    path = cell.place / "canary"
    path.write_text("a secret of the host")
    path.chmod(0o644)
    return path


async def test_a_world_readable_file_of_the_host_does_not_exist_inside(cell: Cell, canary: Path) -> None:
    assert cell.bare("read_file", str(canary)) == "a secret of the host"
    assert await cell.probe("read_file", str(canary)) == errno.ENOENT


@pytest.mark.parametrize("path", ["/etc/shadow", "/root", "/home", "/sys", "/run", "/boot", "/sys/fs/cgroup", "/mnt"])
async def test_places_of_the_host_do_not_exist_inside(cell: Cell, path: str) -> None:
    reading = "read_file" if path == "/etc/shadow" else "list_directory"

    assert not isinstance(cell.bare(reading, path), int)
    assert await cell.probe(reading, path) == errno.ENOENT


@pytest.mark.parametrize(
    "way", ["..", "/proc/self/root", "/proc/self/cwd/../../..", "/proc/1/root", "/proc/self/fd/.."]
)
async def test_no_way_round_the_root_leads_to_the_canary(cell: Cell, canary: Path, way: str) -> None:
    assert await cell.probe("read_file", f"{way}{canary}") in {errno.ENOENT, errno.EACCES}


@pytest.mark.parametrize("path", ["/", "/usr", "/usr/bin/env", "/etc/passwd", "/var", "/var/lang", "/opt", "/dev"])
async def test_system_places_cannot_be_written(cell: Cell, path: str) -> None:
    assert await cell.probe("write_file", path) in UNWRITABLE


async def test_the_code_cannot_be_written_inside_although_its_mode_allows_it(cell: Cell) -> None:
    cell.code.chmod(0o777)

    assert cell.bare("write_file", str(cell.code)) == 0
    assert await cell.probe("write_file", "/var/task") == errno.EROFS


async def test_layers_cannot_be_written_inside(cell: Cell, tmp_path: Path) -> None:
    layers = []
    for name in ("one", "two"):
        layer = tmp_path / name
        layer.mkdir(mode=0o777)
        (layer / name).write_text(name)
        layers.append(layer)
    tmp_path.chmod(0o755)

    assert await cell.probe("list_directory", "/opt", layers=tuple(layers)) == ["one", "two"]
    assert await cell.probe("write_file", "/opt", layers=tuple(layers)) == errno.EROFS
    assert await cell.probe("write_file", "/opt", layers=tuple(layers[:1])) == errno.EROFS


async def test_tmp_is_private_and_writable(cell: Cell) -> None:
    assert await cell.probe("write_file", "/tmp") == 0
    assert await cell.probe("list_directory", "/tmp") == []


async def test_set_user_id_bits_and_devices_mean_nothing_on_any_mount(cell: Cell) -> None:
    mounts: dict[str, str] = await cell.probe("mounts")

    assert [place for place, options in mounts.items() if "nosuid" not in options.split(",")] == []
    on_devices = {place for place, options in mounts.items() if "nodev" not in options.split(",")}
    # The sandbox's own /dev, and the places in /proc hidden behind its null device.
    assert {place for place in on_devices if not place.startswith("/proc/")} == {"/dev"}


async def test_only_lambda_devices_exist(cell: Cell) -> None:
    expected = ["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"]

    assert await cell.probe("list_directory", "/dev") == expected


@pytest.mark.parametrize("device", ["mem", "kmsg", "kvm", "fuse", "loop-control", "loop0", "vda", "shm", "pts", "tty"])
async def test_other_devices_do_not_exist(cell: Cell, device: str) -> None:
    assert await cell.probe("read_file", f"/dev/{device}") == errno.ENOENT


@pytest.mark.parametrize("name", HIDDEN)
async def test_what_tells_of_the_kernel_is_empty(cell: Cell, name: str) -> None:
    if not Path("/proc", name).exists():
        assert await cell.probe("read_file", f"/proc/{name}") == errno.ENOENT
        return
    assert await cell.probe("read_file", f"/proc/{name}") in ("", errno.EACCES, errno.EPERM)


async def test_the_kernels_symbols_can_be_read_bare(cell: Cell) -> None:
    assert len(cell.bare("read_file", "/proc/kallsyms")) > 100


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/irq/default_smp_affinity",
        "/proc/self/setgroups",
    ],
)
async def test_the_kernels_settings_cannot_be_written(cell: Cell, path: str) -> None:
    assert await cell.probe("write_file", path) in UNWRITABLE


@pytest.mark.parametrize("path", ["/proc/self/uid_map", "/proc/self/gid_map"])
async def test_the_map_of_user_ids_cannot_be_changed(cell: Cell, path: str) -> None:
    assert await cell.probe("write_text", path, "0 0 1\n") == errno.EPERM


async def test_settings_can_be_written_bare(cell: Cell) -> None:
    assert cell.bare("write_file", "/proc/sys/vm/drop_caches") == 0


async def test_a_running_program_cannot_be_overwritten(cell: Cell) -> None:
    """The way of CVE-2019-5736, by way of the function's own and the launcher's executable."""
    assert await cell.probe("write_file", "/proc/self/exe") in UNWRITABLE
    assert await cell.probe("write_file", "/proc/1/exe") in UNWRITABLE
    assert await cell.probe("read_file", "/proc/1/exe") in {errno.ENOENT, errno.EACCES}


async def test_control_groups_cannot_be_reached(cell: Cell) -> None:
    assert await cell.probe("list_directory", "/sys/fs/cgroup") == errno.ENOENT
    named = await cell.probe("read_file", "/proc/self/cgroup")
    assert {line.rsplit(":", 1)[1] for line in named.splitlines()} == {"/"}
    assert "lamplighter" not in named


@pytest.mark.parametrize("cwd", ["/proc/self/fd/3", "/proc/1/root", "/proc", "var/task", "/../proc/self"])
async def test_a_working_directory_in_proc_is_refused(cell: Cell, cwd: str) -> None:
    """The way of CVE-2024-21626."""
    with pytest.raises(SandboxFailed, match="working directory"):
        await cell.run(PYTHON, "-c", "pass", cwd=cwd)


@pytest.mark.parametrize("target", ["/opt", "/var/task", "/tmp"])
async def test_a_mount_point_that_is_a_symlink_does_not_lead_a_mount_out(
    cell: Cell, tmp_path: Path, target: str
) -> None:
    """The way of CVE-2021-30465: an image whose mount point points at the host."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "untouched").write_text("yes")
    root = tmp_path / "root"
    for name in ("usr", "proc", "dev", "tmp", "opt", "var/task", "var/lang"):
        (root / name).mkdir(parents=True)
    (root / target.strip("/")).rmdir()
    (root / target.strip("/")).symlink_to(outside)
    tmp_path.chmod(0o755)
    layer = tmp_path / "layer"
    layer.mkdir()

    with pytest.raises(SandboxFailed):
        await cell.run(PYTHON, "-c", "pass", root=root, layers=(layer,))
    assert [entry.name for entry in outside.iterdir()] == ["untouched"]
    assert not any(str(outside) in line for line in Path("/proc/self/mountinfo").read_text().splitlines())
