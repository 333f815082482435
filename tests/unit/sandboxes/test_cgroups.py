"""Control groups: what is found in a mount table, and which file gets which text in either version.

The hierarchies are plain directories here: a machine has one version of a controller, never both.
"""

import os
from pathlib import Path

import pytest

from lamplighter.sandboxes.cgroups import Cgroup, CgroupFiles, CgroupTree, mounted_hierarchies

MIB = 1024 * 1024
HYBRID = """\
24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
35 34 0:30 / {0}/memory rw,relatime - cgroup cgroup rw,memory
36 34 0:31 / {0}/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
37 34 0:32 / {0}/pids rw,relatime - cgroup cgroup rw,pids
38 34 0:33 / {0}/freezer rw,relatime - cgroup cgroup rw,freezer
39 34 0:34 / {0}/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "30 24 0:26 / {0} rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
V1_FILES = {
    "memory": (
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "memory.kmem.tcp.limit_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.oom_control",
    ),
    "cpu": ("cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares"),
    "pids": ("pids.max",),
    "freezer": ("freezer.state",),
}
V2_FILES = (
    *("memory.max", "memory.swap.max", "memory.oom.group", "memory.peak", "memory.events"),
    *("cpu.max", "cpu.weight", "pids.max", "cgroup.freeze", "cgroup.kill"),
)


def fill(directory: Path, names: tuple[str, ...]) -> None:
    for name in (*names, "cgroup.procs"):
        (directory / name).write_text("")


@pytest.fixture
def version_1(tmp_path: Path) -> Cgroup:
    for controller, files in V1_FILES.items():
        (tmp_path / controller).mkdir()
        fill(tmp_path / controller, files)
    return Cgroup({controller: (1, str(tmp_path / controller)) for controller in V1_FILES})


@pytest.fixture
def version_2(tmp_path: Path) -> Cgroup:
    fill(tmp_path, V2_FILES)
    return Cgroup({feature: (2, str(tmp_path)) for feature in ("memory", "cpu", "pids", "freezer")})


def test_hierarchies_are_read_from_the_mount_table() -> None:
    found = mounted_hierarchies(HYBRID.format("/sys/fs/cgroup"))

    assert [(mount.version, mount.place) for mount in found][-1] == (2, "/sys/fs/cgroup/unified")
    assert {"cpu", "cpuacct"} <= found[1].controllers


def test_a_mount_place_with_a_space_is_read() -> None:
    assert mounted_hierarchies("1 1 0:1 / /a\\040b rw - cgroup2 none rw")[0].place == "/a b"


def test_on_a_hybrid_machine_controllers_are_version_1_and_the_freezer_version_2(tmp_path: Path) -> None:
    (tmp_path / "unified/ll").mkdir(parents=True)
    (tmp_path / "unified/cgroup.controllers").write_text("hugetlb\n")
    (tmp_path / "unified/ll/cgroup.freeze").write_text("0")
    tree = CgroupTree("ll", mountinfo=HYBRID.format(tmp_path), own_cgroups="0::/\n", is_root=True)

    assert tree.directories["memory"] == (1, f"{tmp_path}/memory/ll")
    assert tree.directories["freezer"] == (2, f"{tmp_path}/unified/ll")
    assert tree.missing == {}


def test_on_a_unified_machine_controllers_are_delegated_downwards(tmp_path: Path) -> None:
    (tmp_path / "ll").mkdir()
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    for directory in (tmp_path, tmp_path / "ll"):
        (directory / "cgroup.subtree_control").write_text("")
    (tmp_path / "ll/cgroup.freeze").write_text("0")
    tree = CgroupTree("ll", mountinfo=UNIFIED.format(tmp_path), own_cgroups="0::/\n", is_root=True)

    assert {feature: version for feature, (version, _) in tree.directories.items()} == dict.fromkeys(
        ("memory", "cpu", "pids", "freezer"), 2
    )
    assert (tmp_path / "ll/cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_without_root_only_the_own_delegated_group_is_used(tmp_path: Path) -> None:
    own = tmp_path / "user.slice/app.service"
    (own / "ll").mkdir(parents=True)
    (own / "cgroup.controllers").write_text("memory pids\n")
    for directory in (own, own / "ll"):
        (directory / "cgroup.subtree_control").write_text("")
    mounts, own_line = UNIFIED.format(tmp_path), "0::/user.slice/app.service\n"
    tree = CgroupTree("ll", mountinfo=mounts, own_cgroups=own_line, is_root=False)

    assert tree.directories["memory"] == (2, f"{own}/ll")
    assert set(tree.missing) == {"cpu", "freezer"}


def test_a_machine_without_control_groups_says_so() -> None:
    tree = CgroupTree("ll", mountinfo="", own_cgroups="", is_root=True)

    assert set(tree.missing) == {"memory", "cpu", "pids", "freezer"}
    assert tree.described()[:2] == ["memory", "0"]
    assert tree.create("s1").attach_files == []


def test_version_1_limits(version_1: Cgroup, tmp_path: Path) -> None:
    version_1.limit(memory_bytes=128 * MIB, processes=1025)

    assert (tmp_path / "memory/memory.limit_in_bytes").read_text() == str(128 * MIB)
    assert (tmp_path / "memory/memory.memsw.limit_in_bytes").read_text() == str(128 * MIB)
    assert (tmp_path / "memory/memory.kmem.tcp.limit_in_bytes").read_text() == str(32 * MIB)
    assert (tmp_path / "pids/pids.max").read_text() == "1025"
    assert (tmp_path / "cpu/cpu.cfs_period_us").read_text() == "20000"
    assert (tmp_path / "cpu/cpu.cfs_quota_us").read_text() == ""  # not before it is asked for
    assert (tmp_path / "cpu/cpu.shares").read_text() == "128"


def test_version_1_without_swap_accounting_still_limits_memory(version_1: Cgroup, tmp_path: Path) -> None:
    (tmp_path / "memory/memory.memsw.limit_in_bytes").unlink()
    version_1.limit(memory_bytes=128 * MIB, processes=10)

    assert (tmp_path / "memory/memory.limit_in_bytes").read_text() == str(128 * MIB)


def test_version_2_limits(version_2: Cgroup, tmp_path: Path) -> None:
    version_2.limit(memory_bytes=128 * MIB, processes=1025)

    expected = {"memory.max": str(128 * MIB), "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "1025"}
    assert {name: (tmp_path / name).read_text() for name in expected} == expected
    assert (tmp_path / "cpu.weight").read_text() == "12"
    assert version_2.unified == str(tmp_path)
    assert version_2.attach_files == []


@pytest.mark.parametrize(
    ("fraction", "quota"), [(128 / 1769, 1447), (1.0, 20_000), (0.001, 1_000), (10240 / 1769, 115_772)]
)
def test_the_quota_is_a_share_of_one_core(version_1: Cgroup, tmp_path: Path, fraction: float, quota: int) -> None:
    files = CgroupFiles(version_1.open_files())

    assert files.limit_cpu(fraction)
    assert (tmp_path / "cpu/cpu.cfs_quota_us").read_text() == str(quota)
    files.close()


def test_version_2_files_get_their_own_texts(version_2: Cgroup, tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n")
    (tmp_path / "memory.peak").write_text("4096\n")
    files = CgroupFiles(version_2.open_files())

    assert files.limit_cpu(0.5)
    assert (tmp_path / "cpu.max").read_text() == "10000 20000"
    assert files.freeze()
    assert (tmp_path / "cgroup.freeze").read_text() == "1"
    assert files.thaw()
    assert (files.out_of_memory_kills(), files.memory_peak_bytes()) == (2, 4096)
    files.close()


def test_version_1_tells_kills_and_freezes(version_1: Cgroup, tmp_path: Path) -> None:
    (tmp_path / "memory/memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
    files = CgroupFiles(version_1.open_files())

    assert files.out_of_memory_kills() == 4
    assert files.freeze()
    assert (tmp_path / "freezer/freezer.state").read_text() == "FROZEN"
    files.close()


def test_files_that_are_not_there_do_nothing() -> None:
    files = CgroupFiles({})

    assert (files.freeze(), files.thaw(), files.limit_cpu(1.0)) == (False, False, False)
    assert (files.memory_peak_bytes(), files.out_of_memory_kills()) == (0, 0)


def test_closing_closes_every_descriptor(version_2: Cgroup) -> None:
    opened = version_2.open_files()
    descriptors = list(opened.values())
    CgroupFiles(opened).close()

    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
