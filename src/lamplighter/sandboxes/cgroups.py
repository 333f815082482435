"""Resource limits by control groups: one set of classes serves version 1, version 2 and machines that have both.

`CgroupTree` finds what the machine offers and keeps the groups of one lamplighter; the spawner, which may write there,
makes a `Cgroup` per sandbox and opens the few files that change later; the server works on these through
`CgroupFiles`, without any privilege. Imported by the spawner: no heavy imports here. Must not know what a sandbox is.
"""

# pathlib is too heavy for the spawner
# ruff: noqa: PTH103, PTH106, PTH110, PTH123

import os
import signal

PERIOD_US = 20_000  # a 100 ms period stalls visibly below 512 MB
_LEAST_TCP_BYTES = 32 * 1024 * 1024
_LEAST_QUOTA_US = 1_000  # the kernel refuses less
_LEGACY, _UNIFIED = 1, 2  # the two versions of the interface
_CONTROLLERS = ("memory", "cpu", "pids")
_MIB = 1024 * 1024


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


class Mount:
    """One mounted hierarchy: `version` 1 or 2, where, and (version 1) for which controllers."""

    __slots__ = ("controllers", "place", "version")

    def __init__(self, version: int, place: str, controllers: frozenset[str]) -> None:
        self.version = version
        self.place = place
        self.controllers = controllers


def mounted_hierarchies(mountinfo: str) -> list[Mount]:
    """The cgroup hierarchies in the text of /proc/self/mountinfo."""
    mounts = []
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        kind, _source, options = [*right.split(" ", 2), "", "", ""][:3]
        if not separator or kind not in {"cgroup", "cgroup2"}:
            continue
        place = left.split(" ")[4].replace("\\040", " ")
        mounts.append(Mount(1 if kind == "cgroup" else 2, place, frozenset(options.split(","))))
    return mounts


class CgroupTree:
    """The groups of one lamplighter: `directories` maps memory, cpu, pids and freezer to (version, base directory).

    A controller of version 2 is preferred, and so is its freezer: frozen processes of version 1 ignore SIGKILL.
    `missing` tells for each feature that no hierarchy serves why not.
    """

    def __init__(self, name: str, *, mountinfo: str, own_cgroups: str, is_root: bool) -> None:
        self.name = name
        self.directories: dict[str, tuple[int, str]] = {}
        self.missing: dict[str, str] = {}
        mounts = mounted_hierarchies(mountinfo)
        for mount in sorted(mounts, key=lambda mount: -mount.version):
            if mount.version == _UNIFIED:
                self._use_unified(mount, own_cgroups, is_root=is_root)
            elif is_root:
                self._use_version_1(mount)
        for feature in (*_CONTROLLERS, "freezer"):
            if feature not in self.directories:
                self.missing.setdefault(feature, "no cgroup hierarchy that we may write in offers it")

    @classmethod
    def of_machine(cls, name: str) -> "CgroupTree":
        own = _read("/proc/self/cgroup")
        return cls(name, mountinfo=_read("/proc/self/mountinfo"), own_cgroups=own, is_root=os.geteuid() == 0)

    def _use_version_1(self, mount: Mount) -> None:
        for feature in (*_CONTROLLERS, "freezer"):
            if feature in mount.controllers and feature not in self.directories:
                base = f"{mount.place}/{self.name}"
                try:
                    os.makedirs(base, exist_ok=True)
                except OSError as error:
                    self.missing[feature] = f"{base}: {error.strerror}"
                else:
                    self.directories[feature] = (1, base)

    def _use_unified(self, mount: Mount, own_cgroups: str, *, is_root: bool) -> None:
        parent = mount.place
        if not is_root:  # only a delegated group is ours to write in
            own = next((line[3:] for line in own_cgroups.splitlines() if line.startswith("0::")), "/")
            parent = mount.place + own.rstrip("/")
        base = f"{parent}/{self.name}"
        try:
            os.makedirs(base, exist_ok=True)
            offered = [name for name in _read(f"{parent}/cgroup.controllers").split() if name in _CONTROLLERS]
            if offered:
                self._delegate(parent, base, offered)
        except OSError as error:
            for feature in (*_CONTROLLERS, "freezer"):
                self.missing[feature] = f"{base}: {error.strerror}"
            return
        for feature in offered:
            self.directories[feature] = (2, base)
        if os.path.exists(f"{base}/cgroup.freeze"):
            self.directories["freezer"] = (2, base)

    def _delegate(self, parent: str, base: str, controllers: list[str]) -> None:
        wanted = " ".join(f"+{name}" for name in controllers)
        try:
            _write(f"{parent}/cgroup.subtree_control", wanted)
        except OSError:
            # A group below the root may hold processes or controllers, not both: move what is here into a leaf.
            leaf = f"{parent}/{self.name}.server"
            os.makedirs(leaf, exist_ok=True)
            for pid in _read(f"{parent}/cgroup.procs").split():
                _write(f"{leaf}/cgroup.procs", pid)
            _write(f"{parent}/cgroup.subtree_control", wanted)
        _write(f"{base}/cgroup.subtree_control", wanted)

    def described(self) -> list[str]:
        """For each feature its name, whether it holds ("1" or "0") and by what or why not; flat, for a message."""
        found = []
        for feature in (*_CONTROLLERS, "freezer"):
            version, base = self.directories.get(feature, (0, ""))
            found += (
                [feature, "1", f"cgroup v{version} at {base}"] if version else [feature, "0", self.missing[feature]]
            )
        return found

    def create(self, name: str) -> "Cgroup":
        """Make the directories of one group."""
        group = Cgroup({feature: (version, f"{base}/{name}") for feature, (version, base) in self.directories.items()})
        group.make()
        return group

    def left_over(self) -> "list[Cgroup]":
        """The groups that an earlier life left behind."""
        names: dict[str, dict[str, tuple[int, str]]] = {}
        for feature, (version, base) in self.directories.items():
            for entry in os.scandir(base):
                if entry.is_dir():
                    names.setdefault(entry.name, {})[feature] = (version, entry.path)
        return [Cgroup(directories) for directories in names.values()]

    def remove(self) -> None:
        """Remove the base directories; the groups in them must be gone."""
        for _version, base in set(self.directories.values()):
            try:
                os.rmdir(base)
            except OSError:
                continue


class Cgroup:
    """One group in every hierarchy in use. Only the spawner, which may write there, holds one."""

    def __init__(self, directories: dict[str, tuple[int, str]]) -> None:
        self._directories = directories
        self._places = sorted(set(directories.values()))

    def make(self) -> None:
        for _version, place in self._places:
            os.makedirs(place, exist_ok=True)

    @property
    def unified(self) -> str | None:
        """The directory of version 2, into which a process can be cloned."""
        return next((place for version, place in self._places if version == _UNIFIED), None)

    @property
    def attach_files(self) -> list[str]:
        """The version 1 files that a process writes 0 to in order to attach itself."""
        return [f"{place}/cgroup.procs" for version, place in self._places if version == _LEGACY]

    def limit(self, *, memory_bytes: int, processes: int) -> None:
        """Set the limits that hold from the start; swap is off, so that the memory limit is the truth."""
        self._set("memory", {1: "memory.limit_in_bytes", 2: "memory.max"}, str(memory_bytes))
        self._set("memory", {1: "memory.memsw.limit_in_bytes"}, str(memory_bytes), is_optional=True)
        # Version 1 counts the kernel's TCP buffers apart: without a limit 300 connections of one function took 2.2 GB.
        network = max(_LEAST_TCP_BYTES, memory_bytes // 4)
        self._set("memory", {1: "memory.kmem.tcp.limit_in_bytes"}, str(network), is_optional=True)
        self._set("memory", {2: "memory.swap.max"}, "0", is_optional=True)
        self._set("memory", {2: "memory.oom.group"}, "1", is_optional=True)
        self._set("pids", {1: "pids.max", 2: "pids.max"}, str(processes))
        self._set("cpu", {1: "cpu.cfs_period_us"}, str(PERIOD_US))
        # Where the processors do not suffice each gets of them what its memory says, as its quota does.
        shares = memory_bytes // _MIB
        self._set("cpu", {1: "cpu.shares"}, str(max(2, shares)), is_optional=True)
        self._set("cpu", {2: "cpu.weight"}, str(min(10_000, max(1, shares * 100 // 1024))), is_optional=True)

    def _set(self, feature: str, names: dict[int, str], text: str, *, is_optional: bool = False) -> None:
        version, place = self._directories.get(feature, (0, ""))
        if version not in names:
            return
        try:
            _write(f"{place}/{names[version]}", text)
        except FileNotFoundError:
            if not is_optional:
                raise

    def open_files(self) -> dict[str, int]:
        """Descriptors of the files that change later, by name and version, for CgroupFiles."""
        wanted = {
            "cpu": ("cpu", {1: "cpu.cfs_quota_us", 2: "cpu.max"}, os.O_WRONLY),
            "freezer": ("freezer", {1: "freezer.state", 2: "cgroup.freeze"}, os.O_WRONLY),
            "peak": ("memory", {1: "memory.max_usage_in_bytes", 2: "memory.peak"}, os.O_RDONLY),
            "oom": ("memory", {1: "memory.oom_control", 2: "memory.events"}, os.O_RDONLY),
        }
        opened = {}
        for name, (feature, files, flags) in wanted.items():
            version, place = self._directories.get(feature, (0, ""))
            if version not in files:
                continue
            try:
                opened[f"{name}{version}"] = os.open(f"{place}/{files[version]}", flags | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # memory.peak came with Linux 5.19
        return opened

    def end(self) -> None:
        """Send SIGKILL to every process inside and let frozen ones run, so that it reaches them."""
        for version, place in self._places:
            try:
                if version == _UNIFIED:
                    _write(f"{place}/cgroup.kill", "1")
                    _write(f"{place}/cgroup.freeze", "0")
                    continue
                for pid in _read(f"{place}/cgroup.procs").split():
                    os.kill(int(pid), signal.SIGKILL)
                if self._directories.get("freezer") == (1, place):
                    _write(f"{place}/freezer.state", "THAWED")
            except (FileNotFoundError, ProcessLookupError):
                continue

    def thaw(self) -> None:
        """Let frozen processes run; nothing happens to others."""
        self._set("freezer", {1: "freezer.state"}, "THAWED", is_optional=True)
        self._set("freezer", {2: "cgroup.freeze"}, "0", is_optional=True)

    def remove(self) -> bool:
        """Remove the directories; False while a process is still on its way out."""
        is_gone = True
        for _version, place in self._places:
            try:
                os.rmdir(place)
            except FileNotFoundError:
                continue
            except OSError:
                is_gone = False
        return is_gone


class CgroupFiles:
    """What the server does to a group, through descriptors that stay open (and usable) until `close`."""

    def __init__(self, descriptors: dict[str, int]) -> None:
        self._descriptors = descriptors

    def has(self, name: str) -> bool:
        return f"{name}1" in self._descriptors or f"{name}2" in self._descriptors

    def limit_cpu(self, fraction: float) -> bool:
        """Allow `fraction` of one core; False where there is no cpu controller."""
        quota = max(_LEAST_QUOTA_US, round(PERIOD_US * fraction))
        return self._write("cpu", {1: str(quota), 2: f"{quota} {PERIOD_US}"})

    def freeze(self) -> bool:
        return self._write("freezer", {1: "FROZEN", 2: "1"})

    def thaw(self) -> bool:
        return self._write("freezer", {1: "THAWED", 2: "0"})

    def memory_peak_bytes(self) -> int:
        return int(self._read("peak") or 0)

    def out_of_memory_kills(self) -> int:
        """How often the kernel's OOM killer struck in this group."""
        for line in self._read("oom").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
        return 0

    def _write(self, name: str, texts: dict[int, str]) -> bool:
        for version, text in texts.items():
            fd = self._descriptors.get(f"{name}{version}")
            if fd is not None:
                try:
                    os.pwrite(fd, text.encode(), 0)
                except OSError:  # ENODEV: the group is gone
                    return False
                return True
        return False

    def _read(self, name: str) -> str:
        for version in (1, 2):
            fd = self._descriptors.get(f"{name}{version}")
            if fd is not None:
                try:
                    return os.pread(fd, 4096, 0).decode()
                except OSError:
                    return ""
        return ""

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
