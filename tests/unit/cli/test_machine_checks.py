"""What `lamplighter doctor` says of the machine follows from what it sees there."""

from pathlib import Path

import pytest

from lamplighter.cli.machine_checks import filesystem_of, look

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:25 / /tmp rw - tmpfs tmpfs rw
31 22 0:26 / /srv/with\\040blank rw - xfs /dev/vdb rw
32 30 0:27 / /tmp/deep rw - btrfs /dev/vdc rw
33 31 0:28 / /srv/with\\040blank rw - ramfs none rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/", "ext4"),
        ("/tmpfiles", "ext4"),
        ("/tmp/x", "tmpfs"),
        ("/tmp/deep/er", "btrfs"),
        ("/srv/with blank", "ramfs"),
    ],
)
def test_the_filesystem_is_that_of_the_innermost_and_latest_mount(place: str, kind: str) -> None:
    assert filesystem_of(Path(place), MOUNTS) == kind


def test_a_data_directory_in_memory_is_told_to_vanish() -> None:
    durable, *_ = look(Path("/dev/shm/lamplighter"), 1)
    assert not durable.holds
    assert "tmpfs" in durable.reason


def test_more_environments_than_the_machine_can_hold_are_not_promised(tmp_path: Path) -> None:
    few = {feature.name: feature.holds for feature in look(tmp_path, 1)}
    many = {feature.name: feature.holds for feature in look(tmp_path, 10_000_000)}
    for name in ("descriptors for every environment", "memory for every environment"):
        assert few[name]
        assert not many[name]
