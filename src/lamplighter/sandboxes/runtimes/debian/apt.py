"""apt as a library of packages: own sources, own lists and an empty package state, so its own resolver computes what a
whole root filesystem needs and nothing of this machine is touched. Works without root.

Mirror, proxy and certificates are taken from the machine's apt configuration. Must not know what packages are for.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamplighter.sandboxes.runtimes.fetch import run
from lamplighter.sandboxes.runtimes.importer import ImportFailed

_KEYRINGS = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
_MIRROR = "http://deb.debian.org/debian"
_SECURITY = "http://deb.debian.org/debian-security"
_URI = re.compile(r"^'([^']+)' (\S+) (\d+) ", re.MULTILINE)
_STATUS = re.compile(r"^dlstatus:\d+:([\d.]+):")


@dataclass(frozen=True, slots=True)
class Download:
    """The packages that were asked for and everything they depend on, as files."""

    files: tuple[Path, ...]
    size_bytes: int


class Apt:
    """One Debian release, with its lists and archives under `cache`."""

    def __init__(self, release: str, cache: Path) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise ImportFailed("apt-get and dpkg-deb are not installed on this machine")
        self._release = release
        self._home = cache / "debian" / release
        self._archives = cache / "debian" / "archives"

    def update(self) -> None:
        """Fetch the release's package lists."""
        for folder in (self._home / "lists/partial", self._archives / "partial", self._home / "none/partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (self._home / "status").touch()
        (self._home / "sources.list").write_text(self._sources())
        run([*self._command(), "update", "-q"])

    def fetch(self, packages: tuple[str, ...], listener: Callable[[float], None]) -> Download:
        """Download the closure of `packages`; `listener` hears the fraction that is done."""
        command = [*self._command(), "install", "-y", "-qq"]
        # Asked with an empty archive folder, because apt leaves out what it has already.
        plan = run([*command, "--print-uris", "-o", f"Dir::Cache::archives={self._home}/none", *packages])
        wanted = _URI.findall(plan)
        if not wanted:
            raise ImportFailed(f"apt found no packages for {', '.join(packages)} in Debian {self._release}")
        self._download([*command, "--download-only", "-o", "APT::Status-Fd=1", *packages], listener)
        files = tuple(self._archives / name for _, name, _ in wanted)
        missing = [file.name for file in files if not file.exists()]
        if missing:
            raise ImportFailed(f"apt did not download {', '.join(missing)}")
        return Download(files, sum(int(size) for _, _, size in wanted))

    def _command(self) -> list[str]:
        options = {
            "Dir::Etc::sourcelist": self._home / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State": self._home,
            "Dir::State::Lists": self._home / "lists",
            "Dir::State::status": self._home / "status",
            "Dir::Cache": self._home,
            "Dir::Cache::archives": self._archives,
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "0",
            "APT::Get::AllowUnauthenticated": "0",
            "APT::Keep-Downloaded-Packages": "1",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "0",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "0",
            "Debug::NoLocking": "1",
        }
        return ["apt-get", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]

    def _sources(self) -> str:
        keyring = next((path for name in _KEYRINGS if (path := Path("/usr/share/keyrings") / name).exists()), None)
        if keyring is None:
            raise ImportFailed("Debian's keys are missing: install the package debian-archive-keyring")
        mirror, security = _mirrors()
        lines = ((mirror, self._release), (mirror, f"{self._release}-updates"), (security, f"{self._release}-security"))
        return "".join(f"deb [signed-by={keyring}] {uri} {suite} main\n" for uri, suite in lines)

    def _download(self, argv: list[str], listener: Callable[[float], None]) -> None:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None  # noqa: S101  # asked for above
            assert process.stderr is not None  # noqa: S101
            for line in process.stdout:
                status = _STATUS.match(line)
                if status:
                    listener(float(status[1]) / 100)
            reason = process.stderr.read()
        if process.returncode != 0:
            raise ImportFailed(f"apt-get could not download: {reason.strip()}")


def _mirrors() -> tuple[str, str]:
    """The mirrors that this machine uses itself, if it is a Debian."""
    try:
        told = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split()
    except ImportFailed:
        told = []
    uris = [uri.rstrip("/") for uri in told]
    mirror = next((uri for uri in uris if uri.endswith("/debian")), _MIRROR)
    security = next((uri for uri in uris if uri.endswith("/debian-security")), _SECURITY)
    return mirror, security
