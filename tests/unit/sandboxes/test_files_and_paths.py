"""Stub mount points, disk images, translated paths and the bubblewrap command: decided without running anything."""

from pathlib import Path

import pytest

from lamplighter.sandboxes.namespaces.disks import image_bytes
from lamplighter.sandboxes.namespaces.stubs import Stubs
from lamplighter.sandboxes.process.bubblewrap import bubblewrap_arguments
from lamplighter.sandboxes.process.paths import HostPaths
from lamplighter.sandboxes.sandbox import Bind, SandboxSpec

MIB = 1024 * 1024


def root_with(tmp_path: Path, *names: str) -> Path:
    root = tmp_path / "root"
    for name in ("proc", "dev", "tmp", "opt", *names):
        (root / name).mkdir(parents=True)
    return root


def spec(root: Path, *binds: Bind, layers: tuple[Path, ...] = ()) -> SandboxSpec:
    return SandboxSpec(
        sandbox_id="s1",
        root=root,
        binds=binds,
        layers=layers,
        argv=("/var/lang/bin/python3",),
        env={},
        memory_bytes=128 * MIB,
        cpu_fraction=1.0,
        tmp_bytes=512 * MIB,
    )


def test_no_stubs_where_every_mount_point_exists(tmp_path: Path) -> None:
    root = root_with(tmp_path, "var/task")

    assert Stubs(tmp_path / "stubs").for_root(root, (("/var/task", True),)) is None
    assert not (tmp_path / "stubs").exists()


def test_stubs_hold_what_the_root_lacks_and_nothing_else(tmp_path: Path) -> None:
    root = root_with(tmp_path, "var/task")
    targets = (("/var/task", True), ("/mnt/models", True), ("/etc/resolv.conf", False))
    stubs = Stubs(tmp_path / "stubs").for_root(root, targets)

    assert stubs is not None
    assert sorted(str(path.relative_to(stubs)) for path in stubs.rglob("*")) == [
        "etc",
        "etc/resolv.conf",
        "mnt",
        "mnt/models",
    ]
    assert (stubs / "etc/resolv.conf").is_file()


def test_equal_needs_share_one_directory_of_stubs(tmp_path: Path) -> None:
    root = root_with(tmp_path)
    stubs = Stubs(tmp_path / "stubs")

    assert stubs.for_root(root, (("/mnt/a", True),)) == stubs.for_root(root, (("/mnt/a", True),))
    assert stubs.for_root(root, (("/mnt/b", True),)) != stubs.for_root(root, (("/mnt/a", True),))


def test_a_mount_point_reached_by_a_link_inside_the_root_exists(tmp_path: Path) -> None:
    root = root_with(tmp_path, "usr/lib")
    (root / "lib").symlink_to("usr/lib")

    assert Stubs(tmp_path / "stubs").for_root(root, (("/lib", True),)) is None


def test_a_mount_point_that_climbs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.\."):
        Stubs(tmp_path / "stubs").for_root(root_with(tmp_path), (("/mnt/../../../etc/x", True),))


@pytest.mark.parametrize("mebibytes", [512, 1024, 10_240])
def test_an_image_has_room_for_the_filesystems_own_needs(mebibytes: int) -> None:
    assert 1.017 < image_bytes(mebibytes * MIB) / (mebibytes * MIB) < 1.08


def test_paths_are_translated_by_the_innermost_mount(tmp_path: Path) -> None:
    binds = (
        Bind(tmp_path / "usr", "/usr"),
        Bind(tmp_path / "code", "/var/task"),
        Bind(tmp_path / "lib", "/var/task/lib"),
    )
    paths = HostPaths(spec(root_with(tmp_path, "etc"), *binds), tmp=tmp_path / "t", opt=tmp_path / "o")

    assert paths.path("/var/task/app.py") == f"{tmp_path}/code/app.py"
    assert paths.path("/var/task/lib/x") == f"{tmp_path}/lib/x"
    assert paths.path("/tmp/file") == f"{tmp_path}/t/file"
    assert paths.path("/etc") == f"{tmp_path}/root/etc"
    assert paths.path("handler.main") == "handler.main"
    assert paths.path("/nowhere/at/all") == "/nowhere/at/all"


def test_lists_of_paths_in_variables_are_translated(tmp_path: Path) -> None:
    paths = HostPaths(spec(root_with(tmp_path), Bind(tmp_path / "code", "/var/task")), tmp=tmp_path, opt=tmp_path / "o")
    env = paths.variables({"PYTHONPATH": "/var/task:/opt/python", "_HANDLER": "app.main", "TZ": ":UTC"})

    assert env == {"PYTHONPATH": f"{tmp_path}/code:{tmp_path}/o/python", "_HANDLER": "app.main", "TZ": ":UTC"}


def test_bubblewrap_gets_a_root_made_of_binds_and_no_secrets(tmp_path: Path) -> None:
    root = root_with(tmp_path, "usr", "etc")
    (root / "lib").symlink_to("usr/lib")
    made = spec(root, Bind(Path("/usr"), "/usr"), Bind(tmp_path / "efs", "/mnt/efs", writable=True), layers=(tmp_path,))
    entries = tuple(sorted(root.iterdir()))
    command = bubblewrap_arguments("/usr/bin/bwrap", made, entries, tmp_path / "t", tmp_path / "o")
    text = " ".join(command)

    assert f"--ro-bind {root}/etc /etc" in text
    assert f"--ro-bind {root}/usr" not in text  # a bind covers it
    assert "--symlink usr/lib /lib" in text
    assert f"--bind {tmp_path}/efs /mnt/efs" in text
    assert f"--ro-bind {tmp_path}/o /opt" in text
    assert "--setenv" not in text
    assert command[-1] == "--"
