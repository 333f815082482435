"""What the machine can still give: read from the kernel's files, and counted between two looks."""

from pathlib import Path

import pytest

from lamplighter.environments.capacity import Capacity, SpareMemory
from lamplighter.environments.machine_memory import Memory, read_memory
from lamplighter.kernel.clock import ManualClock

MIB = 1024 * 1024


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text(
        "MemTotal:       8388608 kB\nMemFree:         100 kB\nMemAvailable:    4194304 kB\nHugePages_Total:       0\n"
    )
    return tmp_path


def read(machine: Path) -> Memory | None:
    return read_memory(machine / "proc", machine / "groups")


def group(machine: Path, path: str, **files: str) -> None:
    folder = machine / "groups" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_in_", ".in_", 0).replace("memory_", "memory.", 1)).write_text(text)


def test_without_a_limit_the_machine_counts(machine: Path) -> None:
    (machine / "proc" / "self" / "cgroup").write_text("9:name=systemd:/\n0::/\n")
    assert read(machine) == Memory(8192, 4096)


def test_where_the_kernel_does_not_tell_nothing_is_known(tmp_path: Path) -> None:
    assert read(tmp_path) is None


def test_the_narrowest_group_above_counts_in_version_two(machine: Path) -> None:
    (machine / "proc" / "self" / "cgroup").write_text("0::/pod/box\n")
    group(machine, "pod/box", memory_max="max", memory_current="0", memory_stat="inactive_file 0\n")
    stat = f"anon 1\ninactive_file {100 * MIB}\n"
    group(machine, "pod", memory_max=str(2048 * MIB), memory_current=str(700 * MIB), memory_stat=stat)
    assert read(machine) == Memory(2048, 1448)


def test_the_narrowest_group_above_counts_in_version_one(machine: Path) -> None:
    (machine / "proc" / "self" / "cgroup").write_text("4:cpu,memory:/pod/box\n0::/\n")
    stat = f"inactive_file 0\ntotal_inactive_file {24 * MIB}\n"
    group(
        machine,
        "memory/pod/box",
        memory_limit_in_bytes=str(1024 * MIB),
        memory_usage_in_bytes=str(1048 * MIB),
        memory_stat=stat,
    )
    assert read(machine) == Memory(1024, 0)


def test_what_was_promised_since_the_last_look_counts_as_used() -> None:
    clock = ManualClock()
    told = Memory(10_000, 3000)
    spare = SpareMemory(lambda: told, 0.8, clock.monotonic)
    capacity = Capacity(1000, None, spare)
    started = 0
    while capacity.has_room(128):
        capacity.reserve(128)
        started += 1
    assert started == 7  # 3,000 less the 2,000 that stay free
    clock.advance(1.0)
    assert capacity.has_room(128)
    told = Memory(10_000, 2100)
    assert capacity.has_room(128)
    clock.advance(1.0)
    assert not capacity.has_room(128)


def test_one_environment_larger_than_the_machine_may_try_when_much_is_free() -> None:
    clock = ManualClock()
    told = Memory(4000, 3500)
    capacity = Capacity(1000, None, SpareMemory(lambda: told, 0.9, clock.monotonic))
    assert capacity.has_room(10_240)
    told = Memory(4000, 1200)
    clock.advance(1.0)
    assert not capacity.has_room(10_240)
    assert capacity.has_room(512)


def test_a_machine_that_tells_nothing_has_room() -> None:
    capacity = Capacity(2, None, SpareMemory(lambda: None, 0.9, ManualClock().monotonic))
    capacity.reserve(128)
    assert capacity.has_room(10_240)
    capacity.reserve(10_240)
    assert not capacity.has_room(1)


def test_what_is_promised_to_all_together_may_be_bounded() -> None:
    capacity = Capacity(10, 300)
    assert capacity.could_ever_hold(300)
    assert not capacity.could_ever_hold(301)
    capacity.reserve(200)
    assert not capacity.has_room(101)
    capacity.release(200)
    assert capacity.has_room(300)
